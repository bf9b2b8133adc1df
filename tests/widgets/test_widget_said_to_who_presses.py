"""What a view says to somebody who pressed, drew or clicked: in words of what is seen, not of functions."""

from __future__ import annotations

import time

import pytest
from fake_page import comms  # noqa: F401
from growing_studies import add, empty_study

import mrtoolkit as mrt
from mrtoolkit.errors import SpaceError
from mrtoolkit.search.study_text import failure_note
from mrtoolkit.widgets import search_view, stand_in, tabs
from mrtoolkit.widgets.map_chart import MapChart
from mrtoolkit.widgets.model import SearchModel

pytestmark = pytest.mark.usefixtures("comms")
SPACE = mrt.Space(x=mrt.Integer(0, 9), y=mrt.Integer(0, 9), where=mrt.P.x <= mrt.P.y)


def until(condition, seconds=10.0):
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end
        time.sleep(0.01)
    return value


@pytest.fixture
def view():
    search = mrt.MultiResOptimizer(lambda p: -abs(p["x"] - 3) - p["y"], SPACE).start()
    search.wait(20)
    shown = mrt.view(search, live=True)
    yield shown
    shown.close()


@pytest.mark.parametrize(
    ("box", "api", "said"),
    [
        (
            {"x": (500, 600)},
            "look_into was given x from 500 to 600, but the space has it from 0 to 9; look within.",
            "This box has no trial to make: x is 500 to 600 there, and the search has it from 0 to 9;",
        ),
        (
            {"x": (7, 9), "y": (0, 2)},
            "look_into was given x from 7 to 9, y from 0 to 2, where no point satisfies",
            "This box has no trial to make: nowhere in x 7 to 9, y 0 to 2 holds",
        ),
        (
            {"x": (1, 2), "y": (4, 5)},
            "whose 4 points have all been evaluated; look elsewhere, or into a larger box.",
            "This box has no trial to make: all its 4 trials are made (x 1 to 2, y 4 to 5); draw it larger",
        ),
    ],
)
def test_a_box_without_trials_is_said_in_words_of_the_box_and_in_the_api_in_its_own(view, box, api, said):
    with pytest.raises(SpaceError) as caught:
        view.search.look_into(box)
    assert api in str(caught.value)
    view._tell("look", box)
    until(lambda: view._trouble)
    assert said in view._trouble
    assert "look_into" not in view._message()


def test_a_click_takes_the_dot_on_top_of_those_under_the_pointer_as_the_hover_does():
    space = mrt.Space(x=mrt.Integer(0, 1000), y=mrt.Integer(0, 1000))
    study = empty_study(space)
    add(study, [[500, 500], [504, 500], [900, 900]], [1.0, 2.0, 3.0])
    chart = MapChart(SearchModel(study))
    assert chart.trial_at(500, 500) == 0  # no page has told how large it is
    for width, trial in ((300, 1), (3_000, 0)):  # in a small picture the later dot covers the first one's middle
        chart.figure.set_from_json("inner_width", width)
        chart.figure.set_from_json("inner_height", 300)
        assert chart.trial_at(500, 500) == trial
    assert chart.trial_at(700, 100) is None


def test_a_note_of_failures_names_where_the_last_was_and_what_it_said():
    study = mrt.optimize(lambda p: 1 / (p["x"] - 4), mrt.Space(x=mrt.Integer(0, 9)))
    assert failure_note(study) == "1 of 10 trials failed at x 4: ZeroDivisionError: division by zero."
    optuna = pytest.importorskip("optuna")
    theirs = optuna.create_study()

    def fails(trial):
        x = trial.suggest_int("x", 0, 100)
        return float("nan") if trial.number in (3, 5) else x

    theirs.optimize(fails, n_trials=8)
    note = failure_note(mrt.view(theirs, live=True).study)
    x = theirs.trials[5].params["x"]
    assert note.startswith(f"2 of 8 trials failed, the last at x {x}: ")
    assert note.endswith("; study.failures has them all.")


def test_an_evaluator_that_never_worked_is_said_with_the_point():
    def broken(point):
        raise ZeroDivisionError("no such strategy.")

    search = mrt.MultiResOptimizer(broken, SPACE).start()
    shown = mrt.view(search, live=True)
    until(lambda: search.has_ended)
    until(lambda: shown.model.status.startswith("Failed with ZeroDivisionError: no such strategy, at x "))
    assert ", y " in shown.model.status.partition(";")[0]
    shown.close()


def test_a_first_click_on_a_trial_says_that_it_is_opened(view, monkeypatch):
    seen = []
    made = tabs.TrialInspector

    def slow(study):
        seen.extend(child.value for child in view._tabs._page.children)
        return made(study)

    monkeypatch.setattr(tabs, "TrialInspector", slow)
    view._tell("inspect", 4)
    until(lambda: view._tabs.inspector is not None and view._tabs.inspector.look is not None)
    assert seen == ["Opening trial 5 …"]


def test_where_no_widget_is_shown_words_say_what_follows_and_the_picture_says_what_it_is(view, monkeypatch):
    shown = []

    def show(bundle, *, raw, metadata=None, display_id=None):
        shown.append((bundle, metadata))

    monkeypatch.setattr(stand_in, "display", show)
    monkeypatch.setattr(search_view, "display", show)
    view._ipython_display_()
    assert shown[0][0]["text/plain"] == "Live view of a search over x and y; below is what was kept of it."
    picture, metadata = shown[1]
    assert "image/png" in picture
    assert metadata["image/png"]["alt"].startswith("Search over x and y, 55 trials: ")
