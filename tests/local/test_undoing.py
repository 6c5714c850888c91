import os
import signal
from collections.abc import Iterator

import pytest

from local.undoing import undone_on_failure

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture(autouse=True)
def handlers() -> Iterator[list[object]]:
    before = [signal.getsignal(number) for number in STOPPING]
    # Under nohup the tests inherit a SIGHUP that is ignored, and would wait for it for ever.
    for number, handler in zip(STOPPING, before, strict=True):
        if handler == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    yield [signal.getsignal(number) for number in STOPPING]
    for number, handler in zip(STOPPING, before, strict=True):
        signal.signal(number, handler)


def send(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)


def be_stopped_by(number: signal.Signals) -> None:
    send(number)
    signal.pause()


@pytest.mark.parametrize("number", STOPPING)
def test_what_a_signal_stops_is_undone(number: signal.Signals) -> None:
    undone: list[str] = []

    with pytest.raises(KeyboardInterrupt), undone_on_failure(lambda: undone.append("all")):
        be_stopped_by(number)

    assert undone == ["all"]


@pytest.mark.parametrize("second", STOPPING)
def test_a_second_signal_does_not_stop_the_undoing(second: signal.Signals) -> None:
    undone: list[str] = []

    def undo() -> None:
        send(second)
        undone.append("all")

    with pytest.raises(KeyboardInterrupt), undone_on_failure(undo):
        be_stopped_by(signal.SIGINT)

    assert undone == ["all"]


def test_a_failure_is_undone_in_peace_as_well() -> None:
    undone: list[str] = []

    def undo() -> None:
        send(signal.SIGINT)
        undone.append("all")

    with pytest.raises(RuntimeError, match="no"), undone_on_failure(undo):
        raise RuntimeError("no")

    assert undone == ["all"]


def test_the_handlers_are_afterwards_what_they_were(handlers: list[object]) -> None:
    with undone_on_failure(lambda: None):
        pass
    with pytest.raises(RuntimeError), undone_on_failure(lambda: None):
        raise RuntimeError

    assert [signal.getsignal(number) for number in STOPPING] == handlers


def test_what_succeeds_is_not_undone_and_an_ignored_signal_stays_ignored() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    undone: list[str] = []

    with undone_on_failure(lambda: undone.append("all")):
        send(signal.SIGHUP)

    assert undone == []
