import fcntl
import json
import os
import runpy
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local.config import CACHE
from stacks.artifacts import ROOT, Artifacts, Platform, build

# What an account gets that nobody has prepared anything for.
ACCOUNT, REGION = "123456789012", "eu-west-1"

# cfn-lint and cdk-nag look harder than CDK's own check of every template, which takes seconds. The
# variable is read when aws_cdk is imported.
os.environ["CDK_VALIDATION"] = "false"
# Where Node.js is when it came from PyPI.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
# Where the CDK's library keeps fingerprints, whatever CDK_HOME is.
os.environ["HOME"] = str(CACHE / "home")

# What the CDK may be told of the machine: where to keep its own files.
CACHES = ("HOME", "CDK_HOME", "JSII_RUNTIME_PACKAGE_CACHE_ROOT")


@dataclass(frozen=True)
class Assembly:
    """A synthesized app: its folder, and its templates by stack name."""

    folder: Path
    templates: dict[str, dict[str, Any]]

    def of_type(self, resource_type: str) -> list[dict[str, Any]]:
        """The properties of every resource of the type."""
        return [resource["Properties"] for resource in self.resources(resource_type)]

    def resources(self, resource_type: str) -> list[dict[str, Any]]:
        return [
            resource
            for template in self.templates.values()
            for resource in template["Resources"].values()
            if resource["Type"] == resource_type
        ]

    def function(self, handler: str) -> dict[str, Any]:
        """The properties of the function that runs `handlers.<handler>`."""
        functions = self.of_type("AWS::Lambda::Function")
        (found,) = (f for f in functions if f["Handler"] == f"handlers.{handler}.handler")
        return found

    def statements(self, role: Any) -> list[dict[str, Any]]:
        """What the role, as another resource refers to it, may do."""
        name = role["Fn::GetAtt"][0]
        return [
            statement
            for policy in self.of_type("AWS::IAM::Policy")
            if {"Ref": name} in policy["Roles"]
            for statement in policy["PolicyDocument"]["Statement"]
        ]

    def text(self, value: Any) -> str:
        """What CloudFormation would make of `value`, with a name in place of what it creates."""
        match value:
            case str():
                return value.replace("${AWS::AccountId}", ACCOUNT).replace("${AWS::Region}", REGION)
            case {"Fn::Join": [separator, parts]}:
                return str(separator).join(self.text(part) for part in parts)
            case {"Fn::Sub": text}:
                return self.text(text)
            case {"Ref": name}:
                known = {"AWS::AccountId": ACCOUNT, "AWS::Region": REGION, "AWS::Partition": "aws"}
                return known.get(name, f"<{name}>")
            case {"Fn::GetAtt": [name, attribute]}:
                return f"<{name}.{attribute}>"
            case {"Fn::ImportValue": name}:
                return f"<{self.text(name)}>"
        raise TypeError(value)


def read_assembly(folder: Path) -> Assembly:
    paths = sorted(folder.glob("*.template.json"))
    templates = {path.name.split(".")[0]: json.loads(path.read_text()) for path in paths}
    return Assembly(folder, templates)


@pytest.fixture(scope="session")
def artifacts() -> Artifacts:
    """The artefacts for AWS, brought up to date."""
    artifacts = Artifacts(Platform.of("aws"))
    build(artifacts)
    return artifacts


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of a parallel run share."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def assembly(
    artifacts: Artifacts, run_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Assembly:
    """What `cdk synth` makes where there are neither credentials nor Docker."""
    folder = run_folder / "cdk.out"
    with (run_folder / "synth.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "manifest.json").exists():
            run_synth(folder, tmp_path_factory.mktemp("tools"))
    return read_assembly(folder)


def run_synth(folder: Path, tools: Path) -> None:
    node = shutil.which("node")
    assert node
    (tools / "node").symlink_to(node)
    environment = {
        "PATH": str(tools),
        **{name: os.environ[name] for name in CACHES if name in os.environ},
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        # No proxy answers there: whoever asks the network gets an error.
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "CDK_VALIDATION": os.environ["CDK_VALIDATION"],
    }
    command = [str(ROOT / "node_modules/.bin/cdk"), "synth", "--quiet", "--no-notices"]
    subprocess.run(
        [*command, "--app", f"{sys.executable} app.py", "--output", str(folder)],
        cwd=ROOT,
        env=environment,
        check=True,
    )


@pytest.fixture(scope="session")
def synthesize(
    artifacts: Artifacts, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Assembly]:
    """Synthesizes in this process: `prepare` is handed the app, `context` tops cdk.json's."""
    build_app = runpy.run_path(str(ROOT / "app.py"))["build_app"]

    def synthesize(prepare: Callable[[Any], None] = lambda app: None, **context: str) -> Assembly:
        folder = tmp_path_factory.mktemp("synth")
        base = json.loads((ROOT / "cdk.json").read_text())["context"]
        app = build_app({**base, **context}, outdir=str(folder))
        prepare(app)
        app.synth()
        return read_assembly(folder)

    return synthesize
