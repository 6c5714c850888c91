"""The Spark scripts: `compare`, `dataframe_pipeline`, `rdd_pipeline`, each run by spark-submit.

Every script takes one argument, the URI of its SparkSpec, and leaves its summaries, the timings and
the marker below the spec's output.

    job               the frame of all three: spec in, documents out
    session           the Spark session and its settings
    turns             runs the pipelines by turns and times them
    errors            what a pipeline's error says, and whether S3 is at fault
    parquet_parts     opens the inputs
    python_workers    what a Python worker does not do before each task
    groups            the keys that both pipelines group by, and their text
    correlation       the matrix of correlations from its pairs
    group_moments     statistics of groups × columns, mergeable   ┐ the RDD pipeline's
    pair_moments      moments of pairs of columns, mergeable      ┘ partial results
    sample            what the first rows tell of all
    one_pass          many rows of few columns in one aggregation ┐ the DataFrame pipeline's
    long_form         any columns, a row for each value or pair   ┘ two ways
"""
