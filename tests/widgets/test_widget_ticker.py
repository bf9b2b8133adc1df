"""The ticker does what was asked, not too often, and ends."""

from __future__ import annotations

import threading
import time
from itertools import pairwise

from mrtoolkit.widgets.ticker import Ticker


def until(condition, seconds=5.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_it_works_when_woken_and_at_most_so_often():
    times = []
    ticker = Ticker(lambda: times.append(time.monotonic()), hz=20)
    time.sleep(0.1)
    assert times == []
    end = time.monotonic() + 0.6
    while time.monotonic() < end:
        ticker.wake()
        time.sleep(0.002)
    ticker.close()
    assert 3 <= len(times) <= 14
    assert min(b - a for a, b in pairwise(times)) >= 0.045


def test_what_takes_long_is_done_less_often():
    times = []

    def work():
        times.append(time.monotonic())
        time.sleep(0.02)

    ticker = Ticker(work, hz=20)
    for _ in range(120):
        ticker.wake()
        time.sleep(0.01)
    ticker.close()
    assert 1 <= len(times) <= 4  # 0.02 s of work, 0.5 s of rest


def test_what_is_urgent_does_not_wait_for_the_rest():
    times = []

    def work():
        times.append(time.monotonic())
        time.sleep(0.03)  # 0.75 s of rest

    ticker = Ticker(work)
    ticker.wake()
    until(lambda: len(times) == 1)
    time.sleep(0.1)
    asked = time.monotonic()
    ticker.wake(at_once=True)
    until(lambda: len(times) == 2)
    ticker.close()
    assert times[1] - asked < 0.3


def test_it_works_without_being_asked_where_it_is_told_so():
    calls = []
    ticker = Ticker(lambda: calls.append(1), hz=50, every=0.05)
    until(lambda: len(calls) >= 3)
    ticker.every = None
    ticker.close()


def test_a_failure_is_told_and_the_next_call_comes():
    failures, calls = [], []

    def work():
        calls.append(1)
        raise ZeroDivisionError("no")

    ticker = Ticker(work, hz=100, failed=failures.append)
    ticker.wake()
    until(lambda: len(failures) == 1)
    ticker.wake()
    until(lambda: len(calls) == 2)
    ticker.close()


def test_its_thread_ends():
    before = threading.active_count()
    tickers = [Ticker(lambda: None) for _ in range(5)]
    for ticker in tickers:
        ticker.wake()
        ticker.close()
    assert threading.active_count() == before
