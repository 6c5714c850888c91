"""The jobs table (DynamoDB): the only durable state of the coordination.

An item holds the job as JSON, which keeps floats exact, beside the attributes that are searched:
`job_id` (key), `kind`, `status`, `source_key`, `content`, `created_at`, `version`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from botocore.exceptions import ClientError

from contracts.codec import from_json, to_json
from pipeline.errors import JobNotFound, LostRace
from pipeline.model import Job, Status

KIND = "job"
PAGE = 100


@dataclass(frozen=True)
class Page:
    """Some jobs, newest first, and where the next page starts; `next` None on the last one."""

    jobs: tuple[Job, ...]
    next: str | None


class InvalidPageToken(ValueError):
    """`next` is not a value that a former page gave."""


class JobStore:
    """Reads and conditionally saves jobs. `table` is a boto3 DynamoDB Table."""

    def __init__(self, table: Any) -> None:
        self._table = table

    def find(self, job_id: str) -> Job | None:
        """The job as last saved, by a consistent read, or None."""
        answer = self._table.get_item(Key={"job_id": job_id}, ConsistentRead=True)
        return _job(answer["Item"]) if "Item" in answer else None

    def get(self, job_id: str) -> Job:
        """The job as last saved. Raises JobNotFound."""
        job = self.find(job_id)
        if job is None:
            raise JobNotFound(job_id)
        return job

    def save(self, job: Job) -> Job:
        """Save `job` over the version it was read at, 0 meaning that there was none.

        Returns it with its new version. Raises LostRace when another save came first.
        """
        saved = replace(job, version=job.version + 1)
        condition = (
            {
                "ConditionExpression": "version = :read",
                "ExpressionAttributeValues": {":read": job.version},
            }
            if job.version
            else {"ConditionExpression": "attribute_not_exists(job_id)"}
        )
        try:
            self._table.put_item(Item=_item(saved), **condition)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            # botocore sends a put again whose answer was lost; then our own save is in the way.
            if self.find(job.job_id) != saved:
                raise LostRace(job.job_id) from error
        return saved

    def change(self, job: Job, change: Callable[[Job], Job]) -> Job:
        """Save `change` of the job, as it is by then, unless it changes nothing."""
        while (changed := change(job)) != job:
            with suppress(LostRace):
                return self.save(changed)
            job = self.get(job.job_id)
        return job

    def list(
        self,
        *,
        status: Status | None = None,
        source: str | None = None,
        limit: int = 20,
        start: str | None = None,
    ) -> Page:
        """Jobs newest first, by status, by source key, by both or all of them.

        `start` is a former page's `next`. Raises InvalidPageToken.
        """
        index, key, value = _index(status, source)
        query: dict[str, Any] = {
            "IndexName": index,
            "KeyConditionExpression": "#key = :key",
            "ExpressionAttributeNames": {"#key": key},
            "ExpressionAttributeValues": {":key": value},
            "ScanIndexForward": False,
            "Limit": limit + 1,  # one more tells whether there is a next page
        }
        if status is not None and source is not None:
            query["FilterExpression"] = "#status = :status"
            query["ExpressionAttributeNames"]["#status"] = "status"
            query["ExpressionAttributeValues"][":status"] = status.value
            query["Limit"] = PAGE  # of jobs before they are filtered
        if start is not None:
            query["ExclusiveStartKey"] = _from_token(start, key, value)
        items: list[dict[str, Any]] = []
        while len(items) <= limit:
            answer = self._table.query(**query)
            items += answer["Items"]
            if "LastEvaluatedKey" not in answer:
                break
            query["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
        jobs = tuple(map(_job, items[:limit]))
        if len(items) <= limit:
            return Page(jobs, None)
        last = {name: items[limit - 1][name] for name in ("job_id", "created_at", key)}
        return Page(jobs, _to_token(last))

    def completed(self, content: str) -> Job | None:
        """The newest of the last jobs over this content that are COMPLETED, if one is."""
        answer = self._table.query(
            IndexName="by_content",
            KeyConditionExpression="#key = :key",
            ExpressionAttributeNames={"#key": "content"},
            ExpressionAttributeValues={":key": content},
            ScanIndexForward=False,
            Limit=PAGE,
        )
        jobs = map(_job, answer["Items"])
        return next((job for job in jobs if job.status is Status.COMPLETED), None)

    def unfinished(self) -> Iterator[Job]:
        """The jobs that have not ended; one that moves meanwhile may come twice or not at all."""
        for status in Status:
            if status.is_end:
                continue
            page = self.list(status=status, limit=PAGE)
            yield from page.jobs
            while page.next:
                page = self.list(status=status, limit=PAGE, start=page.next)
                yield from page.jobs


def _index(status: Status | None, source: str | None) -> tuple[str, str, str]:
    if source is not None:
        return "by_source", "source_key", source
    if status is not None:
        return "by_status", "status", status.value
    return "by_created", "kind", KIND


def _item(job: Job) -> dict[str, Any]:
    return {
        "job_id": job.job_id,
        "kind": KIND,
        "status": job.status.value,
        "source_key": job.source.key,
        "created_at": job.created_at,
        "version": job.version,
        # DynamoDB takes no empty string as an index's key.
        **({"content": job.content} if job.content else {}),
        "job": to_json(job),
    }


def _job(item: dict[str, Any]) -> Job:
    return from_json(Job, item["job"])


def _to_token(key: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode()


def _from_token(token: str, index_key: str, value: str) -> dict[str, str]:
    try:
        key = json.loads(base64.urlsafe_b64decode(token.encode()))
    except ValueError as error:
        raise InvalidPageToken(token) from error
    if not isinstance(key, dict) or set(key) != {"job_id", "created_at", index_key}:
        raise InvalidPageToken(token)
    if key[index_key] != value:  # the token of another query
        raise InvalidPageToken(token)
    return {name: str(part) for name, part in key.items()}
