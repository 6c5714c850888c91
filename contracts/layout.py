"""Where things lie in the two buckets. No other module puts a key together.

ingest    input/<any path>                   each object is a job
          datasets/<name>/…  + _SUCCESS      all files of the folder are one job

results   results/<job>/manifest.json        what was validated
          results/<job>/report.json          what people read
          results/<job>/attempts/<stage>-<n>/
              spec.json                      what the attempt was told
              …                              what it wrote
              _marker.json                   its last word: what it wrote, how it ended
"""

from dataclasses import dataclass

INPUT_PREFIX = "input/"
INLINE_PREFIX = f"{INPUT_PREFIX}inline/"
"""Where the API puts the records that it is sent."""

DATASETS_PREFIX = "datasets/"
SUCCESS_NAME = "_SUCCESS"
MARKER_NAME = "_marker.json"
FENCE_NAME = "_fence"
SPEC_NAME = "spec.json"
METRICS_NAME = "metrics.json"
TIMINGS_NAME = "timings.json"
REPORT_NAME = "report.json"
NORMALIZED_PREFIX = "normalized/"
QUARANTINE_NAME = "quarantine/rows.jsonl"


def summary_name(pipeline: str) -> str:
    """The name, within a Spark attempt, of the summary that `pipeline` (rdd, dataframe) made."""
    return f"summary-{pipeline}.json"


@dataclass(frozen=True)
class S3Uri:
    """An `s3://bucket/key`, taken apart."""

    bucket: str
    key: str

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    @classmethod
    def parse(cls, uri: str) -> "S3Uri":
        """Raises ValueError when `uri` is not of the form s3://bucket/key."""
        scheme, _, rest = uri.partition("://")
        bucket, slash, key = rest.partition("/")
        if scheme != "s3" or not bucket or not slash:
            raise ValueError(f"not an s3://bucket/key URI: {uri!r}")
        return cls(bucket, key)

    def join(self, name: str) -> "S3Uri":
        """The object `name` below this prefix."""
        return S3Uri(self.bucket, f"{self.key.rstrip('/')}/{name}")


@dataclass(frozen=True)
class JobLayout:
    """The keys of one job in the results bucket."""

    bucket: str
    job_id: str

    @property
    def root(self) -> S3Uri:
        return S3Uri(self.bucket, f"results/{self.job_id}/")

    @property
    def manifest(self) -> S3Uri:
        return self.root.join("manifest.json")

    @property
    def report(self) -> S3Uri:
        return self.root.join(REPORT_NAME)

    def attempt(self, stage: str, number: int) -> S3Uri:
        """The prefix that only attempt `number` (from 1) of `stage` writes under."""
        return self.root.join(f"attempts/{stage}-{number}/")
