"""Which cloud a command talks to: the one that the shell names, else the laptop's."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from cli.errors import CliError
from local.cloud import Cloud, current
from local.compute.config import StateFolder
from local.config import home_from_environment

NO_CLOUD = (
    "no cloud to talk to: start the local one with `bigdata up`, "
    'or choose the one in AWS with `eval "$(bigdata env --aws)"`'
)


@dataclass(frozen=True)
class Target:
    """`compute_files` is where the local cloud keeps its jobs' logs, None in AWS."""

    api_url: str
    ingest_bucket: str
    compute_files: StateFolder | None


def use_target() -> Target:
    """The cloud to talk to; every AWS client and subprocess made from now on talks to it too.

    API_URL and INGEST_BUCKET, as `bigdata env` prints them, name it; without them it is the local
    cloud, if it is up. Raises CliError.
    """
    cloud = current(home_from_environment())
    api_url, ingest_bucket = os.environ.get("API_URL"), os.environ.get("INGEST_BUCKET")
    if api_url and ingest_bucket:
        is_local = cloud is not None and api_url == cloud.api_url
        return Target(api_url, ingest_bucket, _compute_files(cloud) if is_local else None)
    if cloud is None:
        raise CliError(NO_CLOUD)
    return use_cloud(cloud)


def use_cloud(cloud: Cloud) -> Target:
    """The same for a local cloud that is known."""
    for name in cloud.foreign_variables():
        os.environ.pop(name, None)
    names = cloud.environment()
    os.environ.update(names)
    return Target(names["API_URL"], names["INGEST_BUCKET"], _compute_files(cloud))


def _compute_files(cloud: Cloud | None) -> StateFolder | None:
    return StateFolder(Path(cloud.config.home.compute)) if cloud else None
