"""The threads that run trials: how many, and what happens when one of them fails."""

import threading
import time

import pytest

from mrtoolkit._threads import meanwhile, n_threads, on_all_cores
from mrtoolkit.errors import StrategyError


def test_every_function_is_called_once_by_so_many_threads(monkeypatch):
    monkeypatch.setenv("MRTOOLKIT_THREADS", "3")
    called, threads = [], set()

    def call(k):
        threads.add(threading.get_ident())
        called.append(k)
        time.sleep(0.002)

    on_all_cores([lambda k=k: call(k) for k in range(20)], 3)
    assert sorted(called) == list(range(20))
    assert 1 < len(threads) <= 3


def test_after_a_failure_nothing_else_begins(monkeypatch):
    monkeypatch.setenv("MRTOOLKIT_THREADS", "2")
    called = []

    def fail():
        raise ValueError("broken")

    def later():
        called.append(1)
        time.sleep(0.05)

    with pytest.raises(ValueError, match="broken"):
        on_all_cores([fail, *[later] * 30], 2)
    n = len(called)
    time.sleep(0.2)
    assert n == len(called) <= 3


@pytest.mark.parametrize("wanted", ["two", "-1", "0", "1.5", "²"])
def test_a_number_of_threads_that_is_none_is_refused(monkeypatch, wanted):
    monkeypatch.setenv("MRTOOLKIT_THREADS", wanted)
    with pytest.raises(StrategyError, match="MRTOOLKIT_THREADS is .* a whole number of threads"):
        n_threads()


def test_unset_it_is_as_many_as_there_are_cores(monkeypatch):
    monkeypatch.delenv("MRTOOLKIT_THREADS", raising=False)
    assert n_threads() >= 1


def test_work_is_done_meanwhile_by_another_thread_and_waited_for(monkeypatch):
    monkeypatch.setenv("MRTOOLKIT_THREADS", "2")
    threads, is_begun = [], threading.Event()

    def work():
        is_begun.set()
        time.sleep(0.02)
        threads.append(threading.get_ident())

    with meanwhile(work):
        assert is_begun.wait(5)
        assert not threads
    assert len(threads) == 1
    assert threads[0] != threading.get_ident()


def test_nothing_is_done_meanwhile_by_one_thread_alone(monkeypatch):
    monkeypatch.setenv("MRTOOLKIT_THREADS", "1")
    called = []
    with meanwhile(lambda: called.append(1)), meanwhile(None):
        pass
    assert not called


def raise_error(message):
    raise ValueError(message)


@pytest.mark.parametrize(("block", "said"), [("", "by the other"), ("in the block", "in the block")])
def test_what_is_raised_meanwhile_is_raised_at_the_end_unless_the_block_raised_before(monkeypatch, block, said):
    monkeypatch.setenv("MRTOOLKIT_THREADS", "2")

    def run():
        with meanwhile(lambda: raise_error("by the other")):
            if block:
                raise_error(block)

    with pytest.raises(ValueError, match=said):
        run()
