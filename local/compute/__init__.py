"""AWS Batch and EMR Serverless on the laptop: two wire protocols over one loopback server.

Requests are validated by botocore's own service models, and the jobs really run, as subprocesses:
the command that the container would get, and `spark-submit` on the published entry point.

    server      starts and stops everything, speaks HTTP
    protocol    restJson1: routes, requests, answers, errors; `validation` checks the members
    batch_*     Batch: the operations, what a job is, how a job is run
    emr_*       EMR Serverless: the same; `spark_command`, `staging`, `utilization` beside it
    processes   a run's subprocesses, and that none outlives its run
    store       what must outlast the server: documents and unsent events, in SQLite
    events      state changes, through the deployed EventBridge rules
    targets     the queues, definitions and application that the project needs
"""
