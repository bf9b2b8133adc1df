"""What the table of levels says beside its numbers, and the style sheet that turns it on a narrow page."""

import re
from importlib.resources import files
from math import nan

from mrtoolkit.search.work_clock import WorkClock
from mrtoolkit.widgets import level_table as module
from mrtoolkit.widgets.level_rows import ShownLevel
from mrtoolkit.widgets.level_table import level_table
from mrtoolkit.widgets.state import SearchState
from mrtoolkit.widgets.status_words import status_words


def row(name="coarse", **known):
    known = {"features_computed": 6, "features_reused": 0, "hit_rate": 0.0, "memory": 800, "seconds": 2.5} | known
    return ShownLevel(name=name, is_running=False, trials=9, total=9, reused=0, best=1.0, **known)


def test_the_first_level_of_an_empty_cache_does_not_say_that_the_cache_did_nothing():
    html = level_table([row(), row("fine", features_computed=2, features_reused=4, hit_rate=2 / 3)], "sharpe")
    assert "0.0\u00a0%" not in html
    assert "66.7\u00a0%" in html
    assert "the first level of a new cache has none" in html
    assert html.count(' title="') >= 6
    warm = level_table([row(features_reused=4, hit_rate=0.4)], "sharpe")
    assert "40.0\u00a0%" in warm


def test_a_search_without_features_has_no_word_of_them():
    html = level_table([row(features_computed=0, hit_rate=nan)], "sharpe")
    assert "once" not in html


def test_time_that_was_compiling_is_said():
    assert "Time includes" not in level_table([row()], "sharpe", compiled=0.1)
    assert "Time includes 2.1\u00a0s in which kernels" in level_table([row()], "sharpe", compiled=2.1).replace(
        "2.1 s", "2.1\u00a0s"
    )


def test_what_is_compiled_after_the_end_is_no_time_of_the_search(monkeypatch):
    spent = [1.0]
    monkeypatch.setattr("mrtoolkit.search.work_clock.compiled_seconds", lambda: spent[0])
    clock = WorkClock()
    assert clock.compiled() == 0.0
    clock.start()
    spent[0] = 3.0
    clock.stop()
    spent[0] = 9.0
    assert clock.compiled() == 2.0
    clock.go()
    spent[0] = 9.5
    assert clock.compiled() == 2.5


def test_a_paced_search_says_that_its_seconds_are_those_of_work():
    state = SearchState(state="done", level=2, n_levels=3, done=9, total=9, seconds=1.8, seconds_left=0.0)
    words = status_words(state, level_name="fine", n_trials=400, best=None, stopped="all 3 levels are done.")
    assert words.replace("\u00a0", " ").startswith("Done. 400 trials in 3 levels, 1.8 s of work")


def test_a_turned_table_has_as_many_lines_as_the_style_sheet_gives_it():
    css = (files("mrtoolkit.widgets") / "js" / "board.css").read_text()
    spans = re.findall(r"span (\d+)", css)
    assert spans
    assert {int(span) for span in spans} == {2 + len(module._COLUMNS)}
