from pathlib import Path

import pytest

from local.config import REPOSITORY, config_from_environment, home_from_environment


def test_a_cloud_lives_in_the_checkout_unless_told_otherwise() -> None:
    config = config_from_environment({})
    assert config.home.path == REPOSITORY / ".local"
    assert (config.endpoint, config.compute_endpoint) == (
        "http://127.0.0.1:4566",
        "http://127.0.0.1:4567",
    )


def test_folder_and_ports_come_from_the_environment(tmp_path: Path) -> None:
    variables = {"BIGDATA_PORT": "5001", "BIGDATA_COMPUTE_PORT": "5002"}
    config = config_from_environment({"BIGDATA_HOME": str(tmp_path), **variables})
    assert (config.home.path, config.port, config.compute_port) == (tmp_path, 5001, 5002)


def test_a_relative_folder_is_made_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert home_from_environment({"BIGDATA_HOME": "mine"}).path == tmp_path / "mine"


def test_an_empty_variable_counts_as_unset() -> None:
    assert config_from_environment({"BIGDATA_PORT": ""}).port == 4566


@pytest.mark.parametrize("compute_port", ["4566", "04566"])
def test_the_same_port_twice_is_refused_by_both_variables(compute_port: str) -> None:
    with pytest.raises(ValueError, match="BIGDATA_PORT and BIGDATA_COMPUTE_PORT must differ"):
        config_from_environment({"BIGDATA_COMPUTE_PORT": compute_port})


@pytest.mark.parametrize("text", ["http", "0", "65536", "-1"])
def test_a_port_that_is_none_is_refused_by_its_variable(text: str) -> None:
    with pytest.raises(ValueError, match="BIGDATA_COMPUTE_PORT must be a port number"):
        config_from_environment({"BIGDATA_COMPUTE_PORT": text})
