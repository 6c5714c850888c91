"""Both pipelines in one session, by turns: RDD, DataFrame, RDD, …, after a warm-up of both."""

import sys

from spark_jobs import dataframe_pipeline, rdd_pipeline
from spark_jobs.job import Pipeline, main

if __name__ == "__main__":
    sys.exit(
        main(
            Pipeline("rdd", rdd_pipeline.summarise),
            Pipeline("dataframe", dataframe_pipeline.summarise),
        )
    )
