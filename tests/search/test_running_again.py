"""A search that ends, fails or does not begin while something is asked of it: nothing is told late, lost or left."""

import threading
import warnings

import pytest
from waiting import SOON, until

from mrtoolkit.errors import StudyError
from mrtoolkit.search.dimensions import Integer, Real
from mrtoolkit.search.events import StateChanged
from mrtoolkit.search.live_searches import LiveSearchWarning
from mrtoolkit.search.optimizer import MultiResOptimizer
from mrtoolkit.search.space import Space

SPACE = Space(fast=Real(5, 50, step=0.5), slow=Integer(20, 200))


def value(p):
    return -((p["fast"] - 12) ** 2) - (p["slow"] - 42) ** 2 / 16


def test_the_end_is_told_before_it_is_told_that_it_goes_on():
    told, goes = [], threading.Event()

    def listen(event):
        if isinstance(event, StateChanged):
            if event.state == "done" and not goes.is_set():
                goes.wait(SOON)
            told.append(event.state)

    search = MultiResOptimizer(value, SPACE, trials=20, on_event=listen).start()
    search.wait(SOON)
    search.more(trials=20)
    threading.Timer(0.2, goes.set).start()  # the first thread tells slowly; the second is not to overtake it
    assert len(search.wait(SOON)) == 40
    until(lambda: len(told) >= 4)
    assert told == ["running", "done", "running", "done"]


def test_a_wait_in_the_thread_of_an_earlier_end_is_refused_too():
    raised = []

    def listen(event):
        if isinstance(event, StateChanged) and event.state == "done" and not raised:
            raised.append(None)
            search.more(trials=20)
            try:
                search.wait(5.0)
            except StudyError as error:
                raised.append(error)

    optimizer = MultiResOptimizer(value, SPACE, trials=20, on_event=listen)
    search = optimizer.start(pace=100)
    until(lambda: len(search.study) >= 40)
    assert "another thread" in str(raised[1])


def test_what_a_failed_search_was_asked_for_and_has_not_begun_is_said():
    is_in, goes = threading.Event(), threading.Event()

    def broken(p):
        is_in.set()
        goes.wait(SOON)
        raise ZeroDivisionError("no price")

    search = MultiResOptimizer(broken, SPACE, trials=60).start()
    assert is_in.wait(SOON)
    search.more(trials=20)
    search.look_into({"fast": (10, 20)})
    assert search.notice == ""
    goes.set()
    with pytest.raises(ZeroDivisionError):
        search.wait(SOON)
    assert "2 things that were asked for" in search.notice
    assert search.progress().notice == search.notice


def test_who_sees_that_a_search_goes_on_sees_no_error_of_before():
    trouble = [ZeroDivisionError("no price")]

    def broken(p):
        if trouble:
            raise trouble[0]
        return value(p)

    search = MultiResOptimizer(broken, SPACE, trials=20).start()
    with pytest.raises(ZeroDivisionError):
        search.wait(SOON)
    trouble.clear()
    order, seen = search._gate.order, []

    def watched(do):
        seen.append((search.state, search.error))
        begins = order(do)
        seen.append((search.state, search.error))
        return begins

    search._gate.order = watched
    search.more(trials=20)
    assert seen == [("failed", None), ("running", None)]
    assert len(search.wait(SOON)) == 40


def test_a_search_that_a_warning_keeps_from_beginning_is_not_counted_among_those_that_run():
    first = MultiResOptimizer(value, SPACE, trials=400).start(pace=20)
    optimizer = MultiResOptimizer(value, SPACE, trials=20)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(LiveSearchWarning, match="was stopped after"):
            optimizer.start()
    assert first.wait(SOON).stopped
    assert len(optimizer.start().wait(SOON)) == 20
