import pytest

from tests.chaos.sabotage import Sabotage
from tests.e2e.conftest import shell
from tests.e2e.world import Shell

__all__ = ["shell"]

VISIBILITY_S = 30


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/chaos/" in str(item.path):
            item.add_marker(pytest.mark.chaos)


@pytest.fixture(scope="session")
def recorded(shell: Shell) -> str:
    """A job that was computed, and completed."""
    file = shell.folder / "recorded.csv"
    file.write_text("id,value\n" + "".join(f"{n},{n * n}\n" for n in range(50)))
    shell.upload(file, "input/recorded.csv", job_id="recorded")
    assert shell.wait("recorded")["status"] == "COMPLETED"
    return "recorded"


@pytest.fixture(scope="session")
def sabotage(shell: Shell, recorded: str) -> Sabotage:
    """Every function sabotaged, and the jobs `chaos-…` replayed."""
    sabotage = Sabotage(shell, shell.folder.parent / "sabotage")
    sabotage.infiltrate(visibility_s=VISIBILITY_S)
    sabotage.replay(recorded, "chaos-")
    return sabotage
