from __future__ import annotations

import signal
import threading
import time
import weakref

import pytest

from gpu_jobs.workers import in_order, workers


def test_results_come_in_the_order_of_the_items_however_long_each_takes():
    def late(number):
        time.sleep(0.002 * (number % 3))
        return number * 2

    assert list(in_order(late, range(50))) == [number * 2 for number in range(50)]


def test_as_many_items_as_there_are_cores_are_worked_on_at_once():
    meeting = threading.Barrier(workers())
    assert len(list(in_order(lambda _: meeting.wait(5), range(workers())))) == workers()


def test_few_items_are_taken_ahead_of_the_results():
    taken = []
    results = in_order(str, (taken.append(number) or number for number in range(1000)))
    next(results)
    assert len(taken) <= 2 * workers()
    results.close()
    assert len(taken) <= 2 * workers()


def test_what_is_raised_comes_behind_the_results_before_it():
    def fail_at_3(number):
        if number == 3:
            raise ValueError(number)
        return number

    results = in_order(fail_at_3, range(100))
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="3"):
        next(results)


def test_what_the_items_raise_is_raised():
    def items():
        yield 1
        raise OSError("lost")

    results = in_order(lambda number: number, items())
    assert next(results) == 1
    with pytest.raises(OSError, match="lost"):
        next(results)


def test_nothing_is_left_running_when_the_results_are_given_up():
    running = []

    def slow(number):
        running.append(number)
        time.sleep(0.05)
        running.remove(number)

    results = in_order(slow, range(100))
    next(results)
    results.close()
    assert running == []


def test_nothing_is_left_running_when_a_signal_ends_the_waiting():
    running = []

    def slow(number):
        running.append(number)
        time.sleep(0.1 if number else 0.5)
        running.remove(number)

    def end(number, frame):
        raise SystemExit(number)

    before = signal.signal(signal.SIGALRM, end)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(SystemExit):
            list(in_order(slow, range(100)))
    finally:
        signal.signal(signal.SIGALRM, before)
    assert running == []


def test_what_the_function_holds_is_free_at_the_end():
    class Large:
        pass

    large = Large()
    seen = weakref.ref(large)
    assert list(in_order(lambda number, held=large: number, range(3))) == [0, 1, 2]
    del large
    assert seen() is None


def test_the_threads_are_always_the_same():
    threads = {*in_order(lambda _: threading.get_ident(), range(50))}
    assert {*in_order(lambda _: threading.get_ident(), range(50))} <= threads
    assert len(threads) <= workers()
