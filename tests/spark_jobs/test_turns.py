from __future__ import annotations

import pytest

from contracts.summary import Summary
from spark_jobs import turns
from spark_jobs.turns import FEWEST_TURNS, MOST_TURNS, Runner, run_by_turns

SUMMARY = Summary("rdd", 0, None, (), (), ())


class Pipelines:
    """Pipelines that only let time pass, and the order in which they ran."""

    def __init__(self) -> None:
        self.now = 0.0
        self.ran: list[str] = []

    def runner(self, name, *seconds, fails_at=None):
        """Takes so many `seconds` one run after the other, and the last of them ever after."""

        def run():
            self.ran.append(name)
            runs = self.ran.count(name)
            self.now += seconds[min(runs, len(seconds)) - 1]
            if runs == fails_at:
                raise ValueError(f"the disk is full\nof {name}")
            return SUMMARY

        return Runner(name, run)


@pytest.fixture
def pipelines(monkeypatch):
    made = Pipelines()
    monkeypatch.setattr(turns.time, "perf_counter", lambda: made.now)
    return made


def test_the_pipelines_run_by_turns_after_a_warm_up_of_both(pipelines):
    run_by_turns([pipelines.runner("rdd", 9.0), pipelines.runner("dataframe", 9.0)])
    assert pipelines.ran == ["rdd", "dataframe"] * (1 + FEWEST_TURNS)


def test_the_warm_up_is_told_apart_from_the_timed_runs(pipelines):
    rdd, dataframe = pipelines.runner("rdd", 9.0, 4, 3, 2), pipelines.runner("dataframe", 5.0, 1)
    assert run_by_turns([rdd, dataframe]) == 14.0
    assert rdd.result().timings.seconds == (4.0, 3.0, 2.0)
    assert dataframe.result().timings.seconds == (1.0, 1.0, 1.0)
    assert rdd.result().summary is SUMMARY


@pytest.mark.parametrize(("limit", "seconds"), [(100.0, 40.0), (30.0, 30.0), (21.0, 30.0)])
def test_a_longer_warm_up_ends_with_its_runs_or_at_its_limit(pipelines, limit, seconds):
    runners = [pipelines.runner("rdd", 4.0), pipelines.runner("dataframe", 6.0)]
    assert run_by_turns(runners, warm_up_runs=4, warm_up_limit=limit) == seconds
    assert [len(runner.result().timings.seconds) for runner in runners] == [FEWEST_TURNS] * 2


def test_a_pipeline_that_fails_is_not_warmed_up_any_further(pipelines):
    runners = [pipelines.runner("rdd", 1.0, fails_at=2), pipelines.runner("dataframe", 1.0)]
    assert run_by_turns(runners, warm_up_runs=4) == 6.0


@pytest.mark.parametrize(
    ("first_turn", "number"),
    [(0.01, MOST_TURNS), (2.4, MOST_TURNS), (2.5, 4), (4.0, 3), (4.1, 3), (60.0, FEWEST_TURNS)],
)
def test_the_first_turn_decides_how_many_fit_into_twelve_seconds(pipelines, first_turn, number):
    rdd = pipelines.runner("rdd", 30.0, first_turn / 4, 2.0)
    dataframe = pipelines.runner("dataframe", 30.0, first_turn * 3 / 4, 2.0)
    run_by_turns([rdd, dataframe])
    assert len(rdd.result().timings.seconds) == number
    assert len(dataframe.result().timings.seconds) == number


@pytest.mark.parametrize(("fails_at", "counted"), [(1, 0), (2, 0), (4, 2)])
@pytest.mark.parametrize("failing", ["rdd", "dataframe"])
def test_a_pipeline_that_fails_runs_no_more_and_leaves_the_others_result(
    pipelines, capsys, failing, fails_at, counted
):
    runners = {
        name: pipelines.runner(name, 1.0, fails_at=fails_at if name == failing else None)
        for name in ("rdd", "dataframe")
    }
    run_by_turns(list(runners.values()))
    failed = runners.pop(failing).result()
    assert (failed.summary, failed.timings.seconds) == (None, (1.0,) * counted)
    assert failed.timings.error == "ValueError: the disk is full"
    assert f"{failing} failed: ValueError: the disk is full\n" in capsys.readouterr().out
    assert pipelines.ran.count(failing) == fails_at
    (other,) = runners.values()
    assert other.result().summary is SUMMARY
    assert other.result().timings.error is None
    assert len(other.result().timings.seconds) >= FEWEST_TURNS


@pytest.mark.parametrize("fails_at", [1, 2, 3])
def test_when_both_have_failed_there_are_no_more_turns(pipelines, fails_at):
    runners = [pipelines.runner(name, 1.0, fails_at=fails_at) for name in ("rdd", "dataframe")]
    run_by_turns(runners)
    assert pipelines.ran == ["rdd", "dataframe"] * fails_at
    assert [runner.result().summary for runner in runners] == [None, None]


def test_progress_is_told_turn_by_turn(pipelines, capsys):
    run_by_turns([pipelines.runner("rdd", 2.0), pipelines.runner("dataframe", 1.75)])
    assert capsys.readouterr().out.splitlines() == [
        "warmed up in 3.8 s",
        "turn 1/3: rdd 2.00 s, dataframe 1.75 s",
        "turn 2/3: rdd 2.00 s, dataframe 1.75 s",
        "turn 3/3: rdd 2.00 s, dataframe 1.75 s",
    ]


def test_an_interrupt_is_no_failure_of_a_pipeline():
    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Runner("rdd", interrupted).run()
