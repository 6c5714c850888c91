"""What one attempt of a stage is told. Its URI is the only argument of the attempt.

All URIs are `s3://`; a prefix ends in `/`.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class NormalizeSpec:
    """Read `manifest`, write normalized Parquet, metrics and the marker under `output`.

    `use_gpu` False keeps the work on the CPU even where there is a CUDA device.
    """

    job_id: str
    attempt: int
    manifest: str
    output: str
    use_gpu: bool


@dataclass(frozen=True)
class SparkSpec:
    """Summarise the Parquet files `inputs` by `group_by` over `columns`, write under `output`.

    `compare` alternates the RDD and the DataFrame pipeline; else the DataFrame one runs alone.
    `rows` is the number of rows in `inputs`.
    """

    job_id: str
    attempt: int
    inputs: tuple[str, ...]
    columns: tuple[str, ...]
    group_by: str | None
    compare: bool
    rows: int
    output: str


@dataclass(frozen=True)
class AnalyzeSpec:
    """Analyze what the markers of the winning attempts name; write the report.

    `spark_application_id` and `spark_run_id` say which EMR Serverless run to price.
    `normalize_seconds` is how long the Batch job ran, `spark_seconds` the EMR run.
    """

    job_id: str
    attempt: int
    manifest: str
    normalize_output: str
    spark_output: str
    spark_application_id: str
    spark_run_id: str
    normalize_seconds: float
    spark_seconds: float
    output: str
