"""The app in the local cloud: deployed by the real CDK command line, and only when it changed."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError

from local.config import CACHE, REGION, REPOSITORY, CloudConfig, Home
from local.environment import ACCESS_KEY, SECRET_KEY, command_environment
from local.errors import DeploymentError
from local.processes import mark

_STACK_PREFIX = "Bigdata-"
REQUIRED_OUTPUTS = (
    *("IngestBucket", "ResultsBucket", "JobsTable", "WorkQueueUrl", "ApiId"),
    *("ValidateFunction", "CoordinateFunction"),
)

ACCOUNT = "000000000000"
# No slow line lies between a laptop and its own cloud, so its folders need not rest for long.
QUIET_PERIOD_SECONDS = 5
_BOOTSTRAP_VERSION = "/cdk-bootstrap/hnb659fds/version"
# It lives in the cloud that it describes, so that both are lost or kept together.
_DEPLOYED_SOURCES = "/bigdata/deployed-sources"
_NOT_DEPLOYED = ("cli", "local", "tests")


def client(config: CloudConfig, service: str) -> Any:
    """A client of the emulated AWS, whatever profile and proxies the user has set."""
    return _client(service, config.endpoint)


def compute_client(config: CloudConfig, service: str) -> Any:
    """The same for `batch` and `emr-serverless`."""
    return _client(service, config.compute_endpoint)


def _client(service: str, endpoint: str) -> Any:
    session = botocore.session.Session(session_vars={"profile": (None, None, None, None)})
    return session.create_client(
        service,
        region_name=REGION,
        endpoint_url=endpoint,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        config=Config(proxies={}),
    )


def write_context(home: Home, compute_targets: dict[str, str]) -> None:
    """Leave the CDK context of this cloud for `local.synth`."""
    context = {
        "lambda_build": "local",
        "api_auth": "none",
        "quiet_period_seconds": QUIET_PERIOD_SECONDS,
        "compute_targets": json.dumps(compute_targets),
    }
    home.context.write_text(json.dumps(context, indent=2))


def deploy(config: CloudConfig, progress: Callable[[str], None]) -> dict[str, str]:
    """Bring the app in the cloud up to date; returns the outputs of its stacks by name.

    Raises DeploymentError.
    """
    ssm = client(config, "ssm")
    sources = _digest(config.home)
    outputs = read_outputs(config)
    if _parameter(ssm, _DEPLOYED_SOURCES) == sources and outputs.keys() >= set(REQUIRED_OUTPUTS):
        return outputs

    progress("building the Lambda functions")
    _run(config, [sys.executable, "-m", "stacks.artifacts", "local"])
    if _parameter(ssm, _BOOTSTRAP_VERSION) is None:
        progress("preparing the account for the CDK")
        _bootstrap(config)
    progress("deploying the stacks")
    options = ["--method=direct", "--concurrency=5", "--require-approval=never"]
    _run(config, ["cdk", "deploy", "--all", *options])
    ssm.put_parameter(Name=_DEPLOYED_SOURCES, Value=sources, Type="String", Overwrite=True)
    return read_outputs(config)


def read_outputs(config: CloudConfig) -> dict[str, str]:
    """The outputs of our stacks, as the cloud itself tells them."""
    return outputs_of(_stacks(config))


def outputs_of(stacks: Iterable[dict[str, Any]]) -> dict[str, str]:
    """The outputs of those that are ours among CloudFormation's descriptions of stacks."""
    return {
        output["OutputKey"]: output["OutputValue"]
        for stack in stacks
        if stack["StackName"].startswith(_STACK_PREFIX)
        for output in stack.get("Outputs", ())
    }


def wait_until_settled(config: CloudConfig, patience_s: float) -> None:
    """Wait for stacks that are being changed, since nobody would go on with them after a restart.

    Gives up after `patience_s`.
    """
    deadline = time.monotonic() + patience_s
    while any(_is_changing(stack) for stack in _stacks(config)) and time.monotonic() < deadline:
        time.sleep(0.2)


def _is_changing(stack: dict[str, Any]) -> bool:
    status: str = stack["StackStatus"]
    # A change set under review waits for people.
    return status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS"


def _stacks(config: CloudConfig) -> Iterator[dict[str, Any]]:
    for page in client(config, "cloudformation").get_paginator("describe_stacks").paginate():
        yield from page["Stacks"]


def _parameter(ssm: Any, name: str) -> str | None:
    try:
        value: str = ssm.get_parameter(Name=name)["Parameter"]["Value"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ParameterNotFound":
            raise
        return None
    return value


def _digest(home: Home) -> str:
    """Of all that decides what is deployed: our packages, the app, the lock, context and Python."""
    digest = hashlib.sha256(f"{sys.version} {sys.platform}".encode())
    for path in _sources(home):
        content = path.read_bytes()
        digest.update(f"{path} {len(content)} ".encode() + content)
    return digest.hexdigest()


def _sources(home: Home) -> Iterable[Path]:
    yield home.context
    for name in ("app.py", "cdk.json", "package-lock.json", "requirements.txt"):
        yield REPOSITORY / name
    for package in sorted(path.parent for path in REPOSITORY.glob("*/__init__.py")):
        if package.name not in _NOT_DEPLOYED:
            files = (path for path in package.rglob("*") if path.is_file())
            yield from sorted(path for path in files if "__pycache__" not in path.parts)


def _bootstrap(config: CloudConfig) -> None:
    # With no app in sight the CDK does not synthesize one only to look for accounts.
    environment = command_environment(config)
    del environment["CDK_APP"]
    command = ["cdk", "bootstrap", f"aws://{ACCOUNT}/{REGION}"]
    _run(config, command, environment, config.home.path)


def _run(
    config: CloudConfig,
    command: list[str],
    environment: dict[str, str] | None = None,
    folder: Path = REPOSITORY,
) -> None:
    """Run `command` against the cloud, its output in the deployment's log."""
    log = config.home.deploy_log
    with log.open("w") as output:
        try:
            subprocess.run(
                command,
                cwd=folder,
                env={
                    **(environment or command_environment(config)),
                    **mark(config.home.path),
                    # The CDK's library keeps fingerprints in the home, whatever CDK_HOME is.
                    "HOME": str(CACHE / "home"),
                },
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=True,
            )
        except (OSError, subprocess.CalledProcessError) as error:
            last_words = "".join(log.read_text(errors="replace").splitlines(True)[-20:])
            raise DeploymentError(f"{error}\n{last_words}(all of it: {log})") from error
