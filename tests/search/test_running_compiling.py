"""While kernels are compiled a search says so, and what is pressed meanwhile is answered in words."""

import math
import threading
from types import SimpleNamespace

import pytest
from numba.core.event import Event, EventStatus
from waiting import SOON

from mrtoolkit import _compiling
from mrtoolkit.search import running, work_clock
from mrtoolkit.search.dimensions import Integer
from mrtoolkit.search.live_searches import _live
from mrtoolkit.search.optimizer import MultiResOptimizer
from mrtoolkit.search.space import Space
from mrtoolkit.widgets.model import SearchModel

SAID = "Compiling (once on this machine; takes about half a minute)"
KERNEL = {"dispatcher": SimpleNamespace(py_func=SimpleNamespace(__module__="mrtoolkit.backtest._kernels.events"))}


@pytest.fixture
def compiling(monkeypatch):
    """A search whose first point is held up as numba compiles a kernel for it; the clock is the test's."""
    clock = SimpleNamespace(now=0.0)
    notice = _compiling._Notice(lambda: clock.now)
    notice.is_said = True
    monkeypatch.setattr(_compiling, "_NOTICE", notice)
    is_in, may_end = threading.Event(), threading.Event()

    def value(p):
        if not is_in.is_set():
            notice.notify(Event("numba:compile", EventStatus.START, data=KERNEL))
            is_in.set()
            may_end.wait(SOON)
            notice.notify(Event("numba:compile", EventStatus.END, data=KERNEL))
        return float(p["n"])

    search = MultiResOptimizer(value, Space(n=Integer(0, 40)), trials=41).start()
    assert is_in.wait(SOON)
    yield search, clock, may_end
    may_end.set()
    search.stop()
    assert search.join(SOON)
    assert search not in _live


def test_compiling_is_said_once_it_is_worth_a_word_and_no_longer_than_it_takes(compiling, monkeypatch):
    search, clock, may_end = compiling
    clock.now = 0.4
    assert search.progress().notice == ""
    clock.now = 0.6
    assert search.progress().notice == SAID
    assert math.isnan(search.progress().seconds_left)  # what it has worked tells nothing of what is left
    model = SearchModel(search)
    assert model.status == f"{SAID}. No trial yet"
    _compiling._NOTICE._depth = 0  # between two kernels
    assert search.progress().notice == SAID
    monkeypatch.setattr(running, "_HOLD", 0.0)
    assert search.progress().notice == ""
    may_end.set()
    search.wait(SOON)
    assert model.refresh()
    assert model.status.startswith("Done. 41 trials")


@pytest.mark.parametrize(
    ("press", "answer"),
    [
        (lambda search: search.pause(), "Pausing after this batch"),
        (lambda search: search.step("batch"), "Pausing after this batch"),
        (lambda search: search.step("level"), "Pausing after this level"),
        (lambda search: search.more(3), "What was asked for comes after this batch"),
        (lambda search: search.look_into({"n": (3, 9)}), "What was asked for comes after this batch"),
    ],
)
def test_a_press_while_it_compiles_is_answered_at_once(compiling, press, answer):
    search, clock, may_end = compiling
    clock.now = 9.0
    press(search)
    assert search.progress().notice == f"{SAID}. {answer}"
    search.notice = "The search before was stopped."
    assert search.progress().notice == f"The search before was stopped. {SAID}. {answer}"
    search.notice = ""
    search.resume()
    may_end.set()
    search.wait(SOON)
    assert search.progress().notice == ""


def test_a_stop_while_it_compiles_is_said(compiling):
    search, clock, _ = compiling
    clock.now = 9.0
    search.stop()
    assert SearchModel(search).status == f"{SAID}. Stopping. No trial yet"


def test_a_machine_that_keeps_nothing_is_not_told_that_it_is_once(compiling):
    search, clock, _ = compiling
    clock.now = 9.0
    _compiling._NOTICE.is_kept = lambda: False
    assert "in each process" in search.progress().notice


def test_how_fast_trials_come_is_learnt_without_what_was_compiled_for_the_first(monkeypatch):
    compiled = [5.0]
    monkeypatch.setattr(work_clock, "compiled_seconds", lambda: compiled[0])
    now = [100.0]
    monkeypatch.setattr(work_clock, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    clock = work_clock.WorkClock()
    assert clock.evaluating() == 0.0
    clock.start()
    now[0], compiled[0] = 130.0, 33.0  # 30 s, in 28 of which kernels were compiled
    assert clock.elapsed() == 30.0
    assert clock.evaluating() == 2.0
    compiled[0] = 50.0  # while the search waited
    assert clock.evaluating() == 0.0
