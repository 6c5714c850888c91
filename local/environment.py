"""The environments in which things run: the cloud's server, and whoever talks to the cloud."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping

from local.config import (
    CACHE,
    COMPUTE_PORT_VARIABLE,
    HOME_VARIABLE,
    HOST,
    PORT_VARIABLE,
    REGION,
    CloudConfig,
    Home,
)
from local.processes import mark
from local.toolchain import java_home, search_path

# Any key will do; one of twelve digits would choose another account.
ACCESS_KEY = "test"
SECRET_KEY = "test"

# With these set, MiniStack's custom resources hang or its traffic leaves the machine.
_HARMFUL_TO_SERVER = (
    "ALL_PROXY",
    "CURL_CA_BUNDLE",
    "EDGE_PORT",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "PYTHONPATH",
    "REQUESTS_CA_BUNDLE",
    "SERVICES",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "USE_SSL",
)
_PREFIXES_HARMFUL_TO_SERVER = ("AWS_", "CDK_", "LAMBDA_", "LOCALSTACK_", "MINISTACK_")

_AWS_CONFIG = """\
[plugins]
bigdata = local.aws_plugin
"""


def client_environment(
    config: CloudConfig, inherited: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """What plain `aws`, `cdk` and boto3 need to talk to the cloud, and nothing that they do not.

    `cdk` then works on the app with the context of this cloud, when run in the checkout.
    """
    synth = [sys.executable, "-m", "local.synth", str(config.home.context)]
    return {
        **_endpoints(config),
        "AWS_CONFIG_FILE": str(config.home.aws_config),
        HOME_VARIABLE: str(config.home.path),
        PORT_VARIABLE: str(config.port),
        COMPUTE_PORT_VARIABLE: str(config.compute_port),
        "CDK_APP": shlex.join(synth),
        "CDK_OUTPUT": str(config.home.assembly),
        "CDK_NOTICES": "false",
        "CDK_DISABLE_CLI_TELEMETRY": "true",
        "CDK_HOME": str(CACHE / "cdk"),
        "JSII_RUNTIME_PACKAGE_CACHE_ROOT": str(CACHE / "jsii"),
        "NO_PROXY": _past_proxies(inherited),
        "no_proxy": _past_proxies(inherited),
        "PATH": search_path(inherited),
    }


def write_aws_config(home: Home) -> None:
    """Leave what AWS_CONFIG_FILE names; the user's own file may lead AWS clients elsewhere too."""
    home.aws_config.write_text(_AWS_CONFIG)


def foreign_variables(
    config: CloudConfig, inherited: Mapping[str, str] = os.environ
) -> tuple[str, ...]:
    """The inherited variables that would lead an AWS client elsewhere: all AWS_* not set here."""
    ours = client_environment(config, inherited)
    return tuple(sorted(name for name in inherited if name.startswith("AWS_") and name not in ours))


def command_environment(
    config: CloudConfig, inherited: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """The whole environment of a command that is to talk to the cloud."""
    foreign = foreign_variables(config, inherited)
    kept = {name: value for name, value in inherited.items() if name not in foreign}
    return {**kept, **client_environment(config, inherited)}


def server_environment(
    config: CloudConfig, inherited: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """The environment of the server, which Lambda workers and jobs inherit.

    Raises ToolchainError when there is no Java for the Spark jobs.
    """
    kept = {name: value for name, value in inherited.items() if not _harms_server(name)}
    home = config.home
    return {
        **kept,
        **_endpoints(config),
        **mark(home.path),
        HOME_VARIABLE: str(home.path),
        PORT_VARIABLE: str(config.port),
        COMPUTE_PORT_VARIABLE: str(config.compute_port),
        "PATH": search_path(inherited),
        "JAVA_HOME": str(java_home(inherited)),
        "TMPDIR": str(home.scratch),
        "PYTHONUNBUFFERED": "1",
        "GATEWAY_PORT": str(config.port),
        "BIND_HOST": HOST,
        "MINISTACK_HOST": HOST,
        "MINISTACK_REGION": REGION,
        "STATE_DIR": str(home.state),
        "S3_DATA_DIR": str(home.objects),
        "PERSIST_STATE": "1",
        "S3_PERSIST": "1",
        "LAMBDA_EXECUTOR": "local",
        # Waiting counts as running there; `local.lambda_workers` is what bounds the processes.
        "LAMBDA_ACCOUNT_CONCURRENCY": "0",
        # No port but ours, and no look at the machine's containers.
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "DOCKER_HOST": f"unix://{home.scratch}/no-docker.sock",
    }


def _endpoints(config: CloudConfig) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": config.endpoint,
        "AWS_ENDPOINT_URL_BATCH": config.compute_endpoint,
        "AWS_ENDPOINT_URL_EMR_SERVERLESS": config.compute_endpoint,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
    }


def _past_proxies(inherited: Mapping[str, str]) -> str:
    listed = (inherited.get("NO_PROXY") or inherited.get("no_proxy") or "").split(",")
    return ",".join(dict.fromkeys([*filter(None, listed), HOST, "localhost"]))


def _harms_server(name: str) -> bool:
    return name.upper() in _HARMFUL_TO_SERVER or name.startswith(_PREFIXES_HARMFUL_TO_SERVER)
