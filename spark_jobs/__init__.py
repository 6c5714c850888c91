"""The Spark scripts: `compare`, `dataframe_pipeline`, `rdd_pipeline`, each run by spark-submit.

Every script takes one argument, the URI of its SparkSpec, and leaves its summaries, the timings and
the marker below the spec's output. `job` is what they share; `inputs` and `group_text` see to it
that both pipelines mean the same rows and the same groups.
"""
