"""The actors: who coordinates what. They decide nothing (`pipeline.plan` does) and keep nothing.

    handler ──HandleMessage──▶ JobManager ──Resolve──▶ Validation-, Normalization-, Spark-,
       ▲                        │  ▲                    AnalysisActor: what does this event of
       └──Handled / Refused─────┘  └──Resolved────────  AWS mean for which job?
                                │  ▲
                                └──Launch──▶ the stage's actor: hand the attempt to AWS

The JobManager is the only one that changes jobs; the ValidationActor enters the record of an upload
that has none. Every message carries its ticket, so no actor remembers anything between two messages
but the collaborators built when it was configured.
"""
