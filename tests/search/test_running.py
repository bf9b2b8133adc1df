"""A search in a thread of its own: its trials are those of `optimize`, whoever slows it, stops it, starts another."""

import random
import subprocess
import sys
import threading
import time
from functools import partial

import numpy as np
import pytest
from waiting import SOON, until

from mrtoolkit.errors import StudyError
from mrtoolkit.expressions import P
from mrtoolkit.search import live_searches, loop
from mrtoolkit.search import optimizer as searches
from mrtoolkit.search.dimensions import Integer, Real
from mrtoolkit.search.events import BatchDone, LevelEnded, LevelStarted, StateChanged, Stopped
from mrtoolkit.search.level import Level
from mrtoolkit.search.live_searches import LiveSearchWarning
from mrtoolkit.search.loading import load_study
from mrtoolkit.search.pace import as_pace
from mrtoolkit.search.space import Space
from mrtoolkit.words import counted

CROSS = Space(fast=Real(5, 50, step=0.5), slow=Integer(20, 200), where=P.fast < P.slow)
# not chosen by what a trial takes, which a busy machine may make long
MultiResOptimizer = partial(searches.MultiResOptimizer, transition="moving")
optimize = partial(searches.optimize, transition="moving")


def value(p):
    return -((p["fast"] - 12) ** 2) - (p["slow"] - 42) ** 2 / 16


def log_of(study):
    return study.to_pandas().to_dict("records")


def begun_and_held(trials):
    """Return a search in the middle of its first point, and the event that lets it go on."""
    is_in, goes = threading.Event(), threading.Event()

    def slow(p):
        is_in.set()
        goes.wait(SOON)
        return value(p)

    search = MultiResOptimizer(slow, CROSS, trials=trials).start()
    assert is_in.wait(SOON)
    return search, goes


WORDS = {
    "preset": {"trials": 120},
    "textbook": {"levels": [Level("coarse", step=10, regions=1), Level("fine", labels=5)], "transition": "peak"},
    "target": {"trials": 300, "target": -1.0},
    "workers": {"trials": 120, "workers": 2},
}


@pytest.mark.filterwarnings("ignore:workers=")
@pytest.mark.parametrize("words", WORDS.values(), ids=WORDS)
@pytest.mark.parametrize("seed", range(3))
def test_the_trials_are_the_same_at_any_pace_with_pauses_and_steps_at_random_moments(words, seed):
    rng = random.Random(seed)
    if "workers" in words and seed:
        pytest.skip("processes take long to start")
    whole = optimize(value, CROSS, **words)
    events = []
    search = MultiResOptimizer(value, CROSS, on_event=events.append, **words).start(pace=rng.choice([None, 400, 2000]))

    def press(seed):
        rng, end = random.Random(seed), time.monotonic() + SOON
        while not search.has_ended and time.monotonic() < end:
            what = rng.choice(["pause", "resume", "resume", "batch", "level", "pace", "rest"])
            if what == "pace":
                search.pace = rng.choice([None, "300 trials/s", "40 batches/s", 5000])
            elif what in ("batch", "level"):
                search.step(what)
            elif what != "rest":
                getattr(search, what)()
            time.sleep(rng.uniform(0, 0.01))

    users = [threading.Thread(target=press, args=(10 * seed + i,)) for i in range(2)]
    for user in users:
        user.start()
    study = search.wait(SOON)
    for user in users:
        user.join()
    assert log_of(study) == log_of(whole)
    assert study.regions == whole.regions
    assert study.stopped == whole.stopped
    done = [event.trials for event in events if isinstance(event, BatchDone)]
    assert done == sorted(set(done))


def test_a_slowed_search_evaluates_as_large_batches_as_ever(cross, make_cross, monkeypatch):
    monkeypatch.setattr(loop, "next_size", lambda *_: 16)  # it follows the clock
    fast = make_cross()
    fast_study = MultiResOptimizer(fast, CROSS, trials=60).start().wait(SOON)
    slow_study = MultiResOptimizer(cross, CROSS, trials=60).start(pace=200).wait(SOON)
    assert log_of(slow_study) == log_of(fast_study)
    assert cross.batches == fast.batches
    computed = slow_study.levels["features computed"]
    assert computed.equals(fast_study.levels["features computed"])


def test_failed_trials_and_blocks_are_the_same_when_they_are_shown_one_by_one(make_cross):
    class Failing(make_cross):
        def evaluate(self, points):
            if (points["fast"] < 9).any():
                raise ValueError("below nine")
            return super().evaluate(points)

    whole = optimize(Failing(), CROSS, trials=60)
    slow = MultiResOptimizer(Failing(), CROSS, trials=60).start(pace=300).wait(SOON)
    assert whole.failures
    assert slow.failures == whole.failures
    assert all(np.array_equal(slow.log.blocks[k], v, equal_nan=True) for k, v in whole.log.blocks.items())


def test_a_pace_looks_even():
    times = []
    search = MultiResOptimizer(value, CROSS, trials=40).start(pace="40 trials/s")
    search.subscribe(lambda event: times.append((time.perf_counter(), event)))
    search.wait(SOON)
    shown = [at for at, event in times if isinstance(event, BatchDone)]
    assert len(shown) >= 17  # two by two, twenty times a second
    assert shown[-1] - shown[0] >= 0.8
    assert np.median(np.diff(shown)) == pytest.approx(0.05, abs=0.03)


def test_pause_freezes_resume_goes_on_and_a_step_is_one_batch_or_one_level():
    search = MultiResOptimizer(value, CROSS, trials=120).start(pace=1)
    search.pause()
    until(lambda: search.state == "paused")
    n = len(search.study)
    time.sleep(0.1)
    assert len(search.study) == n <= 1
    search.step("batch")
    until(lambda: len(search.study) == n + 8 and search.state == "paused")
    search.pace = None
    search.step("level")
    until(lambda: search.state == "paused" and search.progress().level == 1)
    assert search.progress().done == 0
    assert search.study.n_rows == 1
    search.step("level")
    until(lambda: search.state == "paused" and search.progress().level == 2)
    search.resume()
    assert len(search.wait(SOON)) == 120


def test_a_search_that_has_ended_takes_no_more_time_and_goes_on_from_there():
    search = MultiResOptimizer(value, CROSS, trials=40).start()
    search.wait(SOON)
    took = search.progress().seconds
    time.sleep(0.3)
    assert search.progress().seconds == took
    begin = time.perf_counter()
    search.more(20)
    search.wait(SOON)
    assert took < search.progress().seconds < took + time.perf_counter() - begin


def test_a_pause_that_waits_for_a_long_batch_is_said():
    search, may_end = begun_and_held(trials=40)
    search.pause()
    assert search.progress().notice == ""  # most batches end sooner than a word is read
    until(lambda: search.progress().notice == "Pausing after this batch")
    assert search.state == "running"
    may_end.set()
    until(lambda: search.state == "paused")
    assert search.progress().notice == ""


@pytest.mark.parametrize(
    ("press", "answer"),
    [
        (lambda search: search.step("batch"), "Pausing after this batch"),
        (lambda search: search.step("level"), "Pausing after this level"),
        (lambda search: search.more(3), "What was asked for comes after this batch"),
    ],
)
def test_what_else_waits_for_a_long_batch_is_said_but_not_at_once(press, answer):
    search, may_end = begun_and_held(trials=40)
    press(search)
    assert search.progress().notice == ""
    until(lambda: search.progress().notice == answer)
    search.resume()
    may_end.set()
    search.wait(SOON)


def test_a_pause_is_no_time_of_the_search():
    search = MultiResOptimizer(value, CROSS, seconds=30.0, trials=60).start(pace=10)
    time.sleep(0.3)
    search.pause()
    until(lambda: search.state == "paused")
    worked = search.progress().seconds
    time.sleep(0.3)
    assert search.progress().seconds == worked < 0.3
    search.pace = None
    search.resume()
    study = search.wait(SOON)
    assert study.seconds < 0.5


def test_a_stop_ends_with_the_study_so_far_and_says_by_whom():
    events = []
    search = MultiResOptimizer(value, CROSS, trials=400, on_event=events.append).start(pace=50)
    until(lambda: len(search.study) >= 3)
    started = time.perf_counter()
    search.stop()
    assert search.state in ("stopping", "done")
    study = search.wait(SOON)
    assert time.perf_counter() - started < 1.0
    assert study.stopped == f"stopped by the user after {counted(len(study), 'trial')}."
    assert study.is_interrupted
    assert [type(event) for event in events[-2:]] == [Stopped, StateChanged]
    assert events[-1] == StateChanged(state="done", reason=study.stopped)
    search.stop()  # once more says nothing
    assert search.state == "done"


def test_what_an_evaluator_raises_is_raised_by_wait():
    def broken(p):
        raise ZeroDivisionError("no price")

    search = MultiResOptimizer(broken, CROSS, trials=60).start()
    with pytest.raises(ZeroDivisionError, match="no price"):
        search.wait(SOON)
    assert search.state == "failed"
    assert isinstance(search.error, ZeroDivisionError)
    assert search.progress().trials == 0


def test_no_call_waits_for_an_evaluator_that_takes_long():
    search, goes = begun_and_held(trials=30)
    started = time.perf_counter()
    search.pause()
    search.resume()
    search.step()
    search.pace = 5
    search.progress()
    repr(search)
    _ = search.study.to_pandas()
    with pytest.raises(TimeoutError, match="running with 0 trials"):
        search.wait(0.01)
    search.stop()
    assert time.perf_counter() - started < 0.5
    assert search.state == "stopping"
    goes.set()
    search.wait(SOON)


def test_a_listener_that_raises_is_called_no_more_and_the_search_goes_on(caplog):
    heard, calls = [], []

    def broken(event):
        calls.append(event)
        raise RuntimeError("cannot draw")

    search = MultiResOptimizer(value, CROSS, trials=60).start(pace=200)
    search.subscribe(broken)
    end = search.subscribe(heard.append)
    until(lambda: len(heard) > 3)
    end()
    n = len(heard)
    assert len(search.wait(SOON)) == 60
    assert len(calls) == 1
    assert len(heard) <= n + 1
    assert "cannot draw" in caplog.text


@pytest.mark.parametrize("state", ["running", "done"])
def test_a_listener_of_the_optimizer_that_raises_leaves_nobody_waiting(state, caplog):
    def broken(event):
        if isinstance(event, StateChanged) and event.state == state:
            raise RuntimeError("cannot draw")

    search = MultiResOptimizer(value, CROSS, trials=20, on_event=broken).start()
    if state == "running":
        with pytest.raises(RuntimeError, match="cannot draw"):
            search.wait(SOON)
        assert search.state == "failed"
    else:
        assert len(search.wait(SOON)) == 20
        until(lambda: "cannot draw" in caplog.text)


@pytest.mark.parametrize("alongside", [False, True])
def test_a_search_that_runs_is_not_started_again(alongside):
    optimizer = MultiResOptimizer(value, CROSS, trials=400)
    first = optimizer.start(pace=20)
    with pytest.raises(StudyError, match="runs already"):
        optimizer.start(alongside=alongside)
    assert first.state == "running"
    first.stop()
    first.wait(SOON)
    assert optimizer.start().wait(SOON).stopped == first.study.stopped


def test_a_search_that_is_gone_on_with_is_still_counted_among_those_that_run():
    search = MultiResOptimizer(value, CROSS, trials=20).start()
    search.wait(SOON)
    search.more(trials=200)
    search.pace = 20
    until(lambda: search in live_searches._live)
    live_searches.leave(search)  # as the thread of its first run may do late
    assert search in live_searches._live


def test_one_trial_is_counted_as_one():
    search = MultiResOptimizer(value, CROSS, trials=40).start(pace=1)
    until(lambda: len(search.study) == 1)
    search.stop()
    assert search.wait(SOON).stopped == "stopped by the user after 1 trial."
    assert "1 trial," in repr(search)


def test_another_search_stops_the_former_and_says_so():
    first = MultiResOptimizer(value, CROSS, trials=400).start(pace=20)
    until(lambda: len(first.study) > 0)
    with pytest.warns(LiveSearchWarning, match="was stopped after"):
        second = MultiResOptimizer(value, CROSS, trials=400).start(pace=20)
    assert first.state == "done"
    assert "another search was started" in first.study.stopped
    assert second.notice.startswith("the search that was running was stopped")
    third = MultiResOptimizer(value, CROSS, trials=400).start(pace=20, alongside=True)
    assert second.state == "running"
    assert third.notice == ""
    assert sum(thread.name == "mrtoolkit-search" for thread in threading.enumerate()) == 2


def test_a_cell_that_is_run_again_takes_over_the_study_on_disk(tmp_path):
    whole = optimize(value, CROSS, trials=120)
    first = MultiResOptimizer(value, CROSS, trials=120, study=tmp_path / "s.zarr").start(pace=40)
    until(lambda: len(first.study) > 5)
    second = MultiResOptimizer(value, CROSS, trials=120, study=tmp_path / "s.zarr").start()
    assert first.state == "done"
    assert "another search of the same study" in first.study.stopped
    assert log_of(second.wait(SOON)) == log_of(whole)
    assert log_of(load_study(tmp_path / "s.zarr")) == log_of(whole)


def test_a_program_may_end_while_a_search_runs_and_its_study_is_sound(tmp_path):
    program = f"""
import mrtoolkit as mrt, time
from mrtoolkit import P
space = mrt.Space(fast=mrt.Real(5, 50, step=0.5), slow=mrt.Integer(20, 200), where=P.fast < P.slow)
def value(p):
    return -((p["fast"] - 12) ** 2) - (p["slow"] - 42) ** 2 / 16
search = mrt.MultiResOptimizer(value, space, trials=120, study={str(tmp_path / "s.zarr")!r}).start(pace=40)
while len(search.study) < 5:
    time.sleep(0.01)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "")
    left = load_study(tmp_path / "s.zarr")
    assert 5 <= len(left) < 120
    assert left.stopped == f"stopped after {counted(len(left), 'trial')}, as the program ended."
    assert [entry.name for entry in tmp_path.iterdir()] == ["s.zarr"]


def test_with_ends_the_search():
    with MultiResOptimizer(value, CROSS, trials=400).start(pace=20) as search:
        until(lambda: len(search.study) > 0)
    assert search.state == "done"


def test_progress_says_where_the_search_stands():
    search = MultiResOptimizer(value, CROSS, trials=120).start(pace=20)
    until(lambda: len(search.study) >= 5)
    search.pause()
    until(lambda: search.state == "paused")
    now = search.progress()
    assert (now.level, now.level_name, now.n_levels, now.total, now.budget) == (0, "coarse", 3, 36, 120)
    assert now.trials == now.done == len(search.study)
    assert now.seconds_left == pytest.approx((120 - now.trials) / 20)
    assert now.best == search.study.best.value
    assert now.best_params == search.study.best.params
    search.pace = None
    search.resume()
    search.wait(SOON)
    assert search.progress().seconds_left == 0.0


def test_the_slowest_pace_is_a_trial_an_hour_in_whatever_it_is_said():
    assert as_pace("5e-5 batches/s").trials_a_second == pytest.approx(4e-4)
    for slow in ("3e-5 batches/s", "0.0002 trials/s", 1e-9):
        with pytest.raises(StudyError, match="hours; give one an hour or more"):
            as_pace(slow)


@pytest.mark.parametrize("pace", ["fast", "5", "5 bars/s", 0, -1, True, float("nan"), "inf trials/s", 1e-9, [5]])
def test_a_pace_that_is_none_is_refused_before_anything_runs(pace):
    if pace == "5":
        pace = "5 x"
    with pytest.raises(StudyError, match="pace="):
        MultiResOptimizer(value, CROSS, trials=120).start(pace=pace)


def test_a_wait_in_a_listener_is_refused():
    raised = []

    def listen(event):
        if isinstance(event, LevelStarted | LevelEnded):
            with pytest.raises(StudyError, match="another thread") as caught:
                search.wait()
            raised.append(caught)

    search = MultiResOptimizer(value, CROSS, trials=60).start(pace=100)
    search.subscribe(listen)
    search.wait(SOON)
    assert raised


def test_a_study_is_read_while_it_grows():
    search = MultiResOptimizer(value, CROSS, levels=[Level("all", step=2)]).start()
    n_read, end = 0, time.monotonic() + SOON
    while not search.has_ended:
        assert time.monotonic() < end
        study = search.study
        table = study.to_pandas()
        assert len(table.dropna()) == len(table)
        assert len(study.trials["value"]) >= len(table)
        if len(table):
            assert study.best.value >= table["value"].max()
        search.progress()
        n_read += 1
    assert n_read > 0
    assert len(search.wait(SOON)) == 1_973
