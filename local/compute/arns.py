"""The Amazon resource names of one account and region."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Arns:
    """Names things of `account_id` in `region` as AWS does."""

    region: str
    account_id: str

    @property
    def root_user(self) -> str:
        return f"arn:aws:iam::{self.account_id}:root"

    def batch(self, kind: str, name: str) -> str:
        """`kind` is `job`, `job-queue` or `job-definition`."""
        return f"arn:aws:batch:{self.region}:{self.account_id}:{kind}/{name}"

    def application(self, application_id: str) -> str:
        prefix = f"arn:aws:emr-serverless:{self.region}:{self.account_id}"
        return f"{prefix}:/applications/{application_id}"

    def job_run(self, application_id: str, run_id: str) -> str:
        return f"{self.application(application_id)}/jobruns/{run_id}"
