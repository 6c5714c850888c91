"""The two Spark pipelines over a range of sizes, beside one process on the same cores.

`bigdata compare` runs `python -m benchmarks.pipelines`, which makes the data, lets `on_spark` and
`on_one_machine` measure in a process of their own, and leaves performance_analysis.json, .md and
.png. It needs the packages of the extra `bench` and no cloud.

    data              the datasets
    measurements      what the processes hand on
    on_spark          both pipelines by turns in one session; the script of spark-submit
    row_at_a_time     the RDD program that most people would write first, as a baseline
    on_one_machine    the same summary by Polars
    analysis          from measurements to findings
    page, picture     the findings to read and to look at
"""
