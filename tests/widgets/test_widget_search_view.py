"""A view of a search without a browser: wishes are done, the state says what can be pressed, nothing stays behind."""

from __future__ import annotations

import gc
import threading
import time

import pytest
from fake_page import Page, comms  # noqa: F401

import mrtoolkit as mrt
from mrtoolkit.search import study as study_module
from mrtoolkit.search.events import RegionFound, StateChanged, Steered
from mrtoolkit.search.region import Region
from mrtoolkit.widgets import explore, model, picture_times, search_view, stand_in
from mrtoolkit.widgets.search_view import SearchView

pytestmark = pytest.mark.usefixtures("comms")


def hill(point):
    return -((point["x"] - 30) ** 2) - (point["y"] - 60) ** 2 / 4


def slow_hill(point):
    time.sleep(0.001)
    return hill(point)


SPACE = mrt.Space(x=mrt.Integer(0, 100), y=mrt.Integer(0, 100))


def until(condition, seconds=10.0):
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end
        time.sleep(0.01)
    return value


@pytest.fixture
def shown(monkeypatch):
    """What was displayed, by display id; outputs without one under a number."""
    outputs = {}

    def show(bundle, *, raw, metadata=None, display_id=None):
        outputs[display_id or len(outputs)] = bundle

    monkeypatch.setattr(stand_in, "display", show)
    monkeypatch.setattr(search_view, "display", show)
    monkeypatch.setattr(stand_in, "update_display", show)
    return outputs


@pytest.fixture
def live():
    begun = []

    def begin(evaluator=hill, **options):
        search = mrt.MultiResOptimizer(evaluator, SPACE, trials=options.pop("trials", 400)).start(**options)
        view = mrt.view(search, live=True)
        begun.append((search, view))
        return search, view

    yield begin
    for search, view in begun:
        view.close()
        search.stop()
        search.join(5)


def button(view, text):
    found = (b for b in view._controls._run_row.children if getattr(b, "description", "") == text)
    return next(found, None)


def test_it_shows_the_search_from_its_beginning_to_its_end(live):
    search, view = live(pace="200 trials/s")
    page = Page(view.board)
    until(lambda: len(search.study) > 20)
    search.pace = None
    study = search.wait(20)
    until(lambda: view.model.state.state == "done")
    until(lambda: (page.take(), page.texts["status"])[1].startswith("Done. 400 trials"))
    until(lambda: (page.take(), page.same())[1], 60)  # a comparison takes a second on a busy machine
    assert page.texts["status"] in view.model.status
    assert "Convergence" in page.labels["convergence"] or "400" in page.labels["convergence"]
    assert view.study is study
    assert view.model.points.trial.tolist() == model.SearchModel(study).points.trial.tolist()


def test_buttons_do_what_they_say_and_the_state_says_which_can_be_pressed(live):
    search, view = live(pace="20 trials/s")
    assert not button(view, "Pause").disabled
    button(view, "Pause").click()
    until(lambda: search.state == "paused")
    until(lambda: button(view, "Resume"))
    n = len(search.study)
    button(view, "Next batch").click()
    until(lambda: len(search.study) > n and search.state == "paused")
    until(lambda: button(view, "Resume")).click()  # the view hears of the pause a moment later
    until(lambda: search.state == "running")
    view._controls._pace.value = "5 trials/s"
    until(lambda: search.pace == "5 trials/s")
    button(view, "Stop").click()
    until(lambda: search.state == "done")
    until(lambda: all(button(view, text).disabled for text in ("Pause", "Next batch", "Next level", "Stop")))


def test_axes_and_levels_are_chosen_and_follow(live):
    search, view = live()
    search.wait(20)
    until(lambda: view.model.state.state == "done")
    view._controls._x.value = "y"
    until(lambda: (view.model.x, view.model.y) == ("y", "x"))
    until(lambda: view._controls._y.value == "x")
    view._controls._level.value = 1
    view._controls._follow.value = False
    until(lambda: view.model.shown_level is not None)
    view._controls._follow.value = True
    until(lambda: view.model.shown_level is None)


def test_what_the_evaluator_raises_is_shown_with_its_traceback(live):
    def fails(point):
        raise ZeroDivisionError("<no> such strategy")

    search, view = live(fails)
    page = Page(view.board)
    until(lambda: search.state == "failed")
    until(lambda: (page.take(), "ZeroDivisionError" in page.texts["message"])[1])
    assert "&lt;no&gt; such strategy" in page.texts["message"]
    until(lambda: (page.take(), "ZeroDivisionError" in page.texts["status"])[1])
    assert button(view, "Stop").disabled


def test_a_wish_that_cannot_be_done_is_said_and_the_view_goes_on(live):
    search, view = live(pace="20 trials/s")
    page = Page(view.board)
    view._tell("pace", "-3 trials/s")
    until(lambda: (page.take(), "pace" in page.texts["message"])[1])
    view._tell("pause", None)
    until(lambda: search.state == "paused")
    until(lambda: (page.take(), page.texts["message"] == "")[1])


def test_a_box_sends_the_search_there_once_whichever_way_it_was_given(live):
    search, view = live(pace="20 trials/s")
    view._map._on_brush[0]({"x": (20, 30), "y": (50, 60)})  # as the map calls it after a drag
    until(lambda: search.study.steering)
    assert [field.value for pair in view._controls._limits.values() for field in pair] == [20, 30, 50, 60]
    view._controls._limits["x"][0].value = 90
    view._controls._limits["x"][1].value = 80  # the wrong way round
    view._controls._look.click()
    until(lambda: len(search.study.steering) == 2)
    first, second = search.study.steering
    assert "20" in str(first)
    assert "80" in str(second)
    page = Page(view.board)
    view._tell("look", {"x": (90, 1_000), "y": (5, 5)})
    until(lambda: len(search.study.steering) == 3)
    until(lambda: (page.take(), "Looks into x 90 to 100, y 5 to 6: a box is cut" in page.texts["message"])[1])
    assert [field.value for pair in view._controls._limits.values() for field in pair] == [90, 100, 5, 6]
    view._tell("look", {"x": (20, 40), "y": (50, 60)})
    until(lambda: (page.take(), page.texts["message"] == "")[1])
    view._tell("look", {"x": ("a", "b")})
    until(lambda: (page.take(), page.texts["message"] != "")[1])


def test_more_trials_after_the_end_let_it_go_on(live):
    search, view = live(trials=100)
    search.wait(20)
    until(lambda: view.model.state.state == "done")
    view._controls._trials.value = 50
    until(lambda: not button(view, "+ trials").disabled)
    button(view, "+ trials").click()
    until(lambda: len(search.study) == 150, 10)
    until(lambda: view.model.state.state == "done")


def test_a_click_on_a_trial_and_an_opened_tab_show_it_from_all_sides(live):
    search, view = live(trials=100)
    search.wait(20)
    tabs = view._tabs
    assert (tabs.inspector, tabs.explorer, tabs.choice.value) == (None, None, "nothing")
    view._map._on_click[0](7)
    until(lambda: tabs.choice.value == "one trial")
    until(lambda: tabs.inspector is not None and tabs._page.children == (tabs.inspector.box,))
    tabs.choice.value = "the whole study"
    until(lambda: tabs.explorer is not None and tabs._page.children == (tabs.explorer.box,))
    tabs.show_trial(0)  # one that was clicked before and opened late
    tabs.open("the whole study")
    assert (tabs.choice.value, tabs._page.children) == ("the whole study", (tabs.explorer.box,))
    tabs.choice.value = "nothing"
    until(lambda: tabs._page.children == ())


def test_several_views_of_one_search(live):
    search, view = live(pace="20 trials/s")
    other = mrt.view(search, live=True, x="y")
    button(other, "Pause").click()
    until(lambda: button(view, "Resume"))
    other.close()
    search.resume()
    until(lambda: button(view, "Pause"))


def test_a_finished_study_has_no_run_controls(shown):
    study = mrt.optimize(hill, SPACE, trials=60)
    view = mrt.view(study, live=True)
    assert len(view._controls.box.children) == 1
    view._ipython_display_()
    first, picture, table = shown.values()
    assert "application/vnd.jupyter.widget-view+json" in first
    assert picture["image/png"]
    assert len(picture["image/png"]) < 100_000
    assert table["text/plain"].startswith("The best 5 of 60 trials")
    assert view.board.stand_ins == 2
    view.close()


def test_a_notebook_keeps_the_last_picture_and_why_it_is_seen(live, shown, monkeypatch):
    monkeypatch.setattr(search_view, "_PATIENCE", 0.3)
    search, view = live(pace="100 trials/s")
    view._ipython_display_()
    table = list(shown)[2]
    until(lambda: shown[table]["text/plain"].startswith("The live view did not appear"))
    Page(view.board).say(kind="here", number=0, theme="light")
    until(lambda: "did not appear" not in shown[table]["text/plain"])
    search.pace = None
    search.wait(20)
    until(lambda: "It stopped" in shown[table]["text/plain"])


def test_a_notebook_saved_early_in_a_paced_search_keeps_a_picture(live, shown, monkeypatch):
    monkeypatch.setattr(picture_times, "_FIRST", 0.5)
    search, view = live(pace="20 trials/s")
    search.pause()
    view._ipython_display_()
    assert len(search.study) == 0 or "image/png" in list(shown.values())[1]
    search.resume()
    Page(view.board).say(kind="here", number=0, theme="light")
    until(lambda: "image/png" in list(shown.values())[1])
    assert search.state == "running"
    assert len(search.study.rows) == 0
    assert "It has not ended" in list(shown.values())[2]["text/plain"]
    search.stop()


def test_a_picture_is_drawn_first_early_then_as_trials_double_and_at_once_when_the_search_rests():
    times = picture_times.PictureTimes()
    begun = picture_times.Moment("", "running", 0, 0, is_live=True, is_cheap=True)
    assert times.is_due(begun, 100.0)
    times.drawn(begun._replace(n_trials=3), 100.0)
    some = begun._replace(n_trials=20)
    assert not times.is_due(some, 104.0)
    assert times.is_due(some, 106.0)
    assert not times.is_due(some._replace(is_cheap=False), 106.0)
    assert times.is_due(some._replace(is_cheap=False), 161.0)
    times.drawn(some, 106.0)
    more = some._replace(n_trials=40)
    assert not times.is_due(more, 120.0)
    assert times.is_due(more, 127.0)
    assert not times.is_due(some._replace(n_trials=30), 500.0)  # not yet doubled
    times.took = 10.0
    assert not times.is_due(more, 127.0)
    assert times.is_due(more._replace(reason="nobody answered"), 107.0)
    assert times.is_due(some._replace(n_trials=21, state="paused", is_live=False), 107.0)


def test_a_search_at_full_speed_pays_for_no_picture_that_nobody_sees(live, shown, monkeypatch):
    drawn = []
    monkeypatch.setattr(search_view.ConvergenceChart, "update", lambda *_: drawn.append(1))
    search, view = live(slow_hill, trials=20_000)
    view._ipython_display_()
    _, picture, table = shown.values()
    assert "image/png" not in picture
    assert "It has not ended" in table["text/plain"]
    before = len(drawn)
    time.sleep(1.5)
    assert search.state == "running"
    assert len(drawn) == before
    Page(view.board).say(kind="here", number=0, theme="light")
    until(lambda: len(drawn) > before)
    monkeypatch.setattr(picture_times, "_EVERY", 0.0)
    view._pictures.took = 10.0  # which nobody may pay every ten seconds
    time.sleep(1.5)
    assert "image/png" not in list(shown.values())[1]
    view._pictures.took = 0.0
    until(lambda: "image/png" in list(shown.values())[1])
    search.stop()
    until(lambda: "It stopped" in list(shown.values())[2]["text/plain"])


def test_beside_a_search_at_full_speed_figures_rest_for_what_they_cost_and_words_go_on(live, monkeypatch):
    monkeypatch.setattr(search_view, "_LONGEST_FULL_SPEED_REST", 0.1)
    figures = []
    monkeypatch.setattr(SearchView, "_draw_figures", lambda view, theme: figures.append(theme))
    search, view = live(slow_hill, trials=10_000)
    page = Page(view.board)
    page.say(kind="here", number=0, theme="light")
    page.say(kind="painted", ms=400.0)
    until(lambda: len(search.study) > 500)  # in under five seconds: figures of few trials a second come as words do
    view._figures_at = time.monotonic()
    figures.clear()
    said = set()
    until(lambda: (page.take(), said.add(page.texts["status"]), len(said) > 3)[2])
    assert search.state == "running"
    assert figures == []
    view._tell("level", 0)  # what the user asks for is drawn at once
    until(lambda: figures, 2.0)
    search.stop()


def test_figures_of_few_trials_a_second_come_sooner(live, monkeypatch):
    def slower_hill(point):
        time.sleep(0.03)
        return hill(point)

    monkeypatch.setattr(search_view, "_LONGEST_REST_OF_FEW", 0.1)
    figures = []
    monkeypatch.setattr(SearchView, "_draw_figures", lambda view, theme: figures.append(theme))
    search, view = live(slower_hill)
    page = Page(view.board)
    page.say(kind="here", number=0, theme="light")
    page.say(kind="painted", ms=400.0)
    until(lambda: len(search.study) > 5)
    view._figures_at = time.monotonic()
    figures.clear()
    until(lambda: figures, 4.0)  # what the page painted is a rest of eight seconds else
    assert search.state == "running"
    search.stop()


def test_what_happens_every_round_does_not_end_the_rest_of_the_view(live, monkeypatch):
    woken = []
    monkeypatch.setattr(search_view.Ticker, "wake", lambda _, at_once=False: woken.append(at_once))
    _, view = live(pace="1 trials/s")
    woken.clear()
    region = Region(level=0, index=0, bounds={"x": (0, 9), "y": (0, 9)}, centre={"x": 4, "y": 4})
    view._happened(RegionFound(region=region))
    view._happened(StateChanged(state="paused"))
    view._happened(Steered(region=region))
    assert woken == [False, True, True]


@pytest.mark.parametrize("most", [0, 1_000])
def test_the_saved_picture_marks_a_plateau_only_where_the_view_looks_for_it(live, shown, monkeypatch, most):
    monkeypatch.setattr(model, "_MOST_FOR_PLATEAU", most)
    asked = []
    monkeypatch.setattr(study_module, "plateau_trial", lambda space, log: asked.append(len(log)) or 0)
    search, view = live(pace="5 trials/s", trials=60)
    view._ipython_display_()
    time.sleep(0.3)
    assert asked == []
    search.pace = None
    search.wait(20)
    until(lambda: "It stopped" in list(shown.values())[2]["text/plain"])
    assert asked == ([60] if most else [])
    assert ("plateau" in list(shown.values())[2]["text/plain"]) == bool(most)


def test_a_page_that_refuses_scripts_is_named_as_the_reason(live, shown, monkeypatch):
    monkeypatch.setattr(search_view, "_PATIENCE", 0.2)
    _, view = live(pace="100 trials/s")
    view._ipython_display_()
    Page(view.board).say(kind="trouble", text="no scripts here")
    until(lambda: "no scripts here" in list(shown.values())[2]["text/plain"])


def test_views_that_were_closed_leave_nothing_behind(comms):  # noqa: F811
    study = mrt.optimize(hill, SPACE, trials=60)
    mrt.view(study, live=True).close()

    def alive():
        gc.collect()
        return sum(issubclass(type(thing), SearchView) for thing in gc.get_objects())  # isinstance asks dead proxies

    threads, views = threading.active_count(), alive()
    for _ in range(5):
        view = mrt.view(study, live=True)
        view.close()
    del view
    assert threading.active_count() == threads
    assert alive() <= views
    still_open = [c.data["state"].get("_model_name", "") for c in comms if not c.is_closed]
    assert [name for name in still_open if name != "AnyModel"] in ([], ["LayoutModel"])  # BokehJS, once a kernel


def test_a_tab_that_opens_slowly_while_its_view_is_closed_is_closed_too(comms, monkeypatch):  # noqa: F811
    is_in, goes = threading.Event(), threading.Event()
    explored = explore.explored

    def slow(*parts):
        is_in.set()
        assert goes.wait(20)
        return explored(*parts)

    monkeypatch.setattr(explore, "explored", slow)
    view = mrt.view(mrt.optimize(hill, SPACE, trials=60), live=True)
    view._tell("open", "the whole study")
    assert is_in.wait(20)
    view._slow_ticker.close(0.0)  # the two seconds that `close` waits are over
    view.close()
    assert view._slow_ticker._thread.is_alive()
    goes.set()
    view._slow_ticker._thread.join(20)
    assert view._tabs.explorer.board._is_closed
    still_open = [c.data["state"].get("_model_name", "") for c in comms if not c.is_closed]
    assert [name for name in still_open if name != "AnyModel"] in ([], ["LayoutModel"])


@pytest.mark.parametrize(
    ("space", "evaluate"),
    [
        (mrt.Space(x=mrt.Real(0.001, 10, log=True)), lambda p: -p["x"]),
        (mrt.Space(kind=mrt.Categorical(["a", "b"]), x=mrt.Integer(0, 9)), lambda p: p["x"] * (p["kind"] == "a")),
        (mrt.Space(**{f"p{i}": mrt.Integer(0, 3) for i in range(12)}), lambda p: sum(p.values())),
        (mrt.Space(x=mrt.Integer(0, 9), y=mrt.Integer(0, 9)), lambda p: float("nan")),
    ],
)
def test_any_space_and_any_study_can_be_viewed(space, evaluate):
    search = mrt.MultiResOptimizer(evaluate, space, trials=40).start()
    view = mrt.view(search, live=True)
    page = Page(view.board)
    search.join(20)
    until(lambda: (page.take(), page.texts["status"].startswith("Done"))[1])
    until(lambda: (page.take(), page.same())[1], 60)  # a comparison takes a second on a busy machine
    assert page.texts["message"] == ""
    view.close()


def test_a_study_without_trials_can_be_viewed(shown):
    study = mrt.MultiResOptimizer(hill, SPACE, trials=10).study
    view = mrt.view(study, live=True)
    view._ipython_display_()
    assert "image/png" not in list(shown.values())[1]
    view.close()


def test_an_optuna_study_can_be_viewed():
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    theirs = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    theirs.optimize(lambda t: t.suggest_int("x", 0, 9) + t.suggest_float("y", 0, 1), n_trials=20)
    view = mrt.view(theirs, live=True)
    assert Page(view.board).texts["status"].startswith(("20 trials", "Done. 20 trials"))
    view.close()


def test_what_is_no_search_is_refused():
    with pytest.raises(mrt.StudyError, match="dict is no study"):
        mrt.view({})
