"""A bar a level outside notebooks: full at its end, true while it is paused, and no picture is loaded for it."""

import io
import subprocess
import sys

import pytest

from mrtoolkit.search.events import BatchDone, LevelStarted, StateChanged, Stopped
from mrtoolkit.search.progress_bars import ProgressBars


class Terminal(io.StringIO):
    def isatty(self):
        return True

    def lines(self):
        return [line for line in self.getvalue().replace("\r", "\n").split("\n") if line.strip(" \x1b[A")]


def level(index, name, to_run, at_most):
    return LevelStarted(level=index, name=name, points=to_run, reused=0, to_run=to_run, at_most=at_most)


def batch(index, done, total, best=0.5):
    return BatchDone(level=index, done=done, total=total, trials=done, best=best, best_params=None, seconds=1.0)


STOPPED = Stopped(reason="all 2 levels are done after 60 trials.", trials=60, seconds=1.0)


def test_a_level_of_many_rounds_counts_to_all_its_trials():
    stream = Terminal()
    bars = ProgressBars(stream=stream)
    bars(level(0, "coarse", 36, 36))
    bars(batch(0, 36, 36))
    bars(level(1, "medium", 8, 24))
    bars(batch(1, 8, 8))
    bars._bar.refresh()
    assert "8 of 24 trials" in stream.lines()[-1]
    bars(batch(1, 20, 20))
    bars(STOPPED)
    assert "36 of 36 trials" in stream.getvalue()
    assert "20 of 20 trials" in stream.lines()[-1]  # it ended before it had made all that it might
    assert "best 0.5000" in stream.lines()[-1]


def test_one_that_was_ended_early_is_not_drawn_as_full():
    stream = Terminal()
    bars = ProgressBars(stream=stream)
    bars(level(0, "coarse", 36, 36))
    bars(batch(0, 10, 36))
    bars(Stopped(reason="stopped by the user after 10 trials.", trials=10, seconds=1.0, is_interrupted=True))
    assert "10 of 36 trials" in stream.lines()[-1]


def test_a_pause_is_said_and_is_not_in_the_time_left(monkeypatch):
    from mrtoolkit.search import progress_bars

    now = [100.0]
    monkeypatch.setattr(progress_bars.time, "monotonic", lambda: now[0])
    stream = Terminal()
    bars = ProgressBars(stream=stream)
    bars(level(0, "coarse", 40, 40))
    now[0] += 10
    bars(batch(0, 10, 40))
    bars(StateChanged(state="paused"))
    assert "paused" in stream.lines()[-1]
    now[0] += 1000
    bars(StateChanged(state="running"))
    now[0] += 10
    bars(batch(0, 20, 40))
    bars._bar.refresh()
    assert "20.0 s left" in stream.lines()[-1]
    bars.close()


def test_one_that_listens_since_the_middle_of_a_level_draws_too():
    stream = Terminal()
    bars = ProgressBars(stream=stream)
    bars(batch(1, 20, 40))
    bars.close()
    assert "level 2" in stream.lines()[-1]


@pytest.mark.parametrize("how", ["optimize", "start"])
def test_in_a_log_nothing_is_drawn_and_no_picture_is_loaded(how):
    program = f"""
import sys
import mrtoolkit as mrt
space = mrt.Space(x=mrt.Real(0, 1), y=mrt.Real(0, 1))
search = mrt.MultiResOptimizer(lambda p: -((p["x"] - p["y"]) ** 2), space, trials=40, on_event=mrt.progress_bars())
search.optimize() if {how!r} == "optimize" else search.start().wait()
loaded = {{name.partition(".")[0] for name in sys.modules}}
print(sorted(loaded & {{"bokeh", "ipywidgets", "anywidget", "IPython", "PIL"}}))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "[]\n")
