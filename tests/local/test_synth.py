import json
from pathlib import Path

import pytest

from local import synth

# An app that tells the context it was given.
APP = "import os, pathlib; pathlib.Path('told.json').write_text(os.environ['CDK_CONTEXT_JSON'])"


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "context.json").write_text(json.dumps({"api_auth": "none"}))
    monkeypatch.setattr(synth, "REPOSITORY", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CDK_CONTEXT_JSON", json.dumps({"api_auth": "iam", "other": "kept"}))
    return tmp_path


def test_the_clouds_context_comes_before_that_of_cdk_json(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    synth.main(checkout / "context.json")
    assert json.loads(Path("told.json").read_text()) == {"api_auth": "none", "other": "kept"}


@pytest.mark.parametrize("endpoint", [None, "https://s3.amazonaws.com"])
def test_the_context_of_a_local_cloud_never_reaches_aws(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, endpoint: str | None
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    if endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    with pytest.raises(SystemExit, match="open a new shell"):
        synth.main(checkout / "context.json")
    assert not Path("told.json").exists()
