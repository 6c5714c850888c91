import shlex
import sys
from pathlib import Path

import pytest

from local import environment
from local.config import CloudConfig, Home
from local.environment import (
    client_environment,
    command_environment,
    foreign_variables,
    server_environment,
)
from local.processes import MARK

CONFIG = CloudConfig(Home(Path("/somewhere/my cloud")), 5001, 5002)


@pytest.fixture(autouse=True)
def _any_java(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "java_home", lambda inherited: Path("/a/java"))


def test_batch_and_emr_serverless_have_an_endpoint_of_their_own() -> None:
    variables = client_environment(CONFIG, {})
    assert variables["AWS_ENDPOINT_URL"] == "http://127.0.0.1:5001"
    assert variables["AWS_ENDPOINT_URL_BATCH"] == "http://127.0.0.1:5002"
    assert variables["AWS_ENDPOINT_URL_EMR_SERVERLESS"] == "http://127.0.0.1:5002"


def test_commands_of_the_checkout_come_first_on_the_path() -> None:
    path = client_environment(CONFIG, {"PATH": "/usr/bin:/bin"})["PATH"].split(":")
    assert path[0] == str(Path(sys.executable).parent)
    assert path[1].endswith("/node_modules/.bin")
    assert path[2:] == ["/usr/bin", "/bin"]


def test_exporting_twice_does_not_lengthen_the_path() -> None:
    once = client_environment(CONFIG, {"PATH": "/usr/bin"})
    assert client_environment(CONFIG, once) == once


def test_the_users_proxy_exceptions_are_kept() -> None:
    variables = client_environment(CONFIG, {"NO_PROXY": "intranet,localhost"})
    assert variables["NO_PROXY"] == variables["no_proxy"] == "intranet,localhost,127.0.0.1"


def test_the_app_of_the_cdk_is_told_of_this_cloud() -> None:
    words = shlex.split(client_environment(CONFIG, {})["CDK_APP"])
    assert words == [sys.executable, "-m", "local.synth", "/somewhere/my cloud/context.json"]


def test_what_would_lead_elsewhere_is_named_and_left_out() -> None:
    inherited = {
        "AWS_CONFIG_FILE": "/elsewhere",
        "AWS_ENDPOINT_URL_S3": "https://elsewhere",
        "AWS_PROFILE": "work",
        "AWS_REGION": "eu-west-1",
        "EDITOR": "ed",
    }
    assert foreign_variables(CONFIG, inherited) == ("AWS_ENDPOINT_URL_S3", "AWS_PROFILE")
    variables = command_environment(CONFIG, inherited)
    assert not {"AWS_ENDPOINT_URL_S3", "AWS_PROFILE"} & variables.keys()
    assert variables["AWS_CONFIG_FILE"] == "/somewhere/my cloud/aws.config"
    assert (variables["EDITOR"], variables["AWS_REGION"]) == ("ed", "us-east-1")


def test_the_server_sees_no_proxy_no_certificates_and_no_foreign_setting() -> None:
    harmful = {
        "AWS_CA_BUNDLE": "/certificates",
        "AWS_PROFILE": "work",
        "LAMBDA_EXECUTOR": "docker",
        "MINISTACK_ACCOUNT_ID": "1",
        "REQUESTS_CA_BUNDLE": "/certificates",
        "SSL_CERT_FILE": "/certificates",
        "https_proxy": "http://proxy",
        "HTTP_PROXY": "http://proxy",
        "USE_SSL": "1",
    }
    variables = server_environment(CONFIG, {**harmful, "LANG": "C.UTF-8", "PATH": "/bin"})
    assert variables["LANG"] == "C.UTF-8"
    assert variables.pop("LAMBDA_EXECUTOR") == "local"
    assert not harmful.keys() & variables.keys()


def test_the_server_writes_below_its_home_and_listens_on_loopback() -> None:
    variables = server_environment(CONFIG, {})
    for name in ("STATE_DIR", "S3_DATA_DIR", "TMPDIR"):
        assert Path(variables[name]).is_relative_to(CONFIG.home.path)
    assert variables["BIND_HOST"] == "127.0.0.1"
    assert variables["GATEWAY_PORT"] == "5001"
    assert variables["JAVA_HOME"] == "/a/java"


def test_the_mark_is_on_the_server_and_never_on_a_users_shell() -> None:
    assert server_environment(CONFIG, {})[MARK] == str(CONFIG.home.path)
    assert MARK not in client_environment(CONFIG, {})
