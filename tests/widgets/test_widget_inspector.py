"""A trial from all sides: what is shown is what the study, the backtest and the space say of it."""

from __future__ import annotations

import json
import threading
import time

import numpy as np
import pytest
from bokeh.events import Tap
from fake_page import comms  # noqa: F401

import mrtoolkit as mrt
from mrtoolkit import P
from mrtoolkit.errors import StudyError
from mrtoolkit.widgets.inspector import TrialInspector
from mrtoolkit.widgets.trial_look import look_at, look_texts

pytestmark = pytest.mark.usefixtures("comms")


def search(bars, **options):
    rule = mrt.Strategy(entry=mrt.ema(P.fast) > mrt.ema(P.slow), trailing_stop=0.05)
    space = mrt.Space(fast=mrt.Integer(3, 20), slow=mrt.Integer(15, 60), where=P.fast < P.slow)
    return mrt.optimize(mrt.Backtest(bars, rule), space, trials=40, seed=0, **options)


@pytest.fixture(scope="module")
def traded():
    return search(mrt.data.simulate(bars=600, seed=4))


@pytest.fixture(scope="module")
def called():
    space = mrt.Space(kind=mrt.Categorical(["a", "b", None]), n=mrt.Integer(1, 9, only=P.kind == "a"))

    def measure(point):
        if point["kind"] is None:
            raise ValueError("no kind <at all>")
        return point["n"] if point["kind"] == "a" else 0.5

    return mrt.optimize(measure, space, trials=30, seed=0)


def test_a_trial_is_shown_with_price_account_numbers_and_neighbours(traded):
    inspector = TrialInspector(traded)
    box = inspector.show(3)
    board = inspector.board
    assert box.children[-1] is board
    assert list(board._figures) == ["price", "growth", "drawdown", "neighbours"]
    assert all(board._labels.values())
    point = traded.space.point(traded.log.codes[3])
    assert dict(inspector.look.params) == point
    assert inspector.look.value == traded.log.value[3]
    assert inspector.look.metrics["sharpe"] == traded.log.metrics["sharpe"][3]
    assert len(inspector.look.trial.trades) == traded.log.metrics["trades"][3]
    assert f"Trial 4 of {len(traded)}" in board._texts["status"]
    inspector.close()


def test_a_point_that_was_not_tried_is_run_and_named_so(traded):
    tried = {tuple(code) for code in traded.log.codes.tolist()}
    code = next(c for c in traded.space.sample(200, seed=1) if tuple(c.tolist()) not in tried)
    look = look_at(traded, traded.space.point(code))
    assert look.number == -1
    assert look.value == pytest.approx(traded.backtest.run(look.params)["sharpe"].item())
    assert "A point that was not tried" in look_texts(traded, look)["status"]


def test_a_function_has_numbers_and_neighbours_and_says_why_no_price(called):
    inspector = TrialInspector(called)
    inspector.show({"kind": "a", "n": 5})
    board = inspector.board
    assert list(board._figures) == ["neighbours"]
    assert "no backtest at hand" in board._texts["trades"]
    inspector.show({"kind": "b"})
    assert dict(inspector.look.params) == {"kind": "b"}
    inspector.close()


def test_what_the_evaluator_raised_is_said_as_text(called):
    inspector = TrialInspector(called)
    (failed,) = called.failures
    inspector.show(failed)
    assert "no kind &lt;at all&gt;" in inspector.board._texts["status"]
    assert "no value that counts" in inspector.board._texts["status"]
    inspector.close()


def test_each_neighbour_of_the_list_is_shown_when_it_is_chosen_and_back_leads_back(called):
    inspector = TrialInspector(called)
    inspector.show({"kind": "a", "n": 5})
    for place in range(len(inspector._choice.options)):
        wanted = inspector.look.neighbours.iloc[place]
        inspector._choice.value = place
        inspector._go.click()
        assert inspector.look.params["kind"] == wanted["kind"]
        assert inspector.look.params.get("n", "-") == wanted["n"]
        inspector._back.click()
        assert dict(inspector.look.params) == {"kind": "a", "n": 5}
    assert inspector._back.disabled
    inspector.close()


def test_a_click_on_a_row_shows_that_neighbour_and_draws_nothing_under_the_lock(traded):
    inspector = TrialInspector(traded)
    inspector.show(dict(traded.best.params))
    first = inspector.board
    wanted = inspector.look.neighbours.iloc[1]
    plot = first._figures["neighbours"]
    with first.change():  # as an event from the page arrives
        first.document.callbacks.trigger_event(Tap(plot, sx=0, sy=0, x=0.3, y=1.2))
        assert inspector.board is first
    end = time.monotonic() + 10
    while inspector.board is first and time.monotonic() < end:
        time.sleep(0.02)
    assert {name: inspector.look.params[name] for name in ("fast", "slow")} == dict(wanted[["fast", "slow"]])
    inspector.close()
    end = time.monotonic() + 10  # `close` does not wait for a figure that is being drawn
    while any(thread.name == "mrtoolkit-ticker" for thread in threading.enumerate()):
        assert time.monotonic() < end
        time.sleep(0.02)


def test_the_untried_are_tried_when_asked_for_and_the_study_stays_as_it_is(traded):
    inspector = TrialInspector(traded)
    inspector.show(0)
    before = len(traded)
    inspector._evaluate.click()
    assert inspector.look.neighbours["value"].notna().all()
    assert inspector._evaluate.disabled is bool((inspector.look.neighbours["trial"] >= 0).all())
    assert len(traded) == before
    inspector.close()


def test_several_assets_are_chosen_from_a_list():
    study = search(mrt.data.simulate(bars=300, assets=2, seed=3))
    inspector = TrialInspector(study)
    inspector.show(0)
    first, second = inspector._asset.options
    assert first in inspector.board._figures["price"].title.text
    inspector._asset.value = second
    assert second in inspector.board._figures["price"].title.text
    inspector.close()


def test_a_long_history_stays_light_for_the_browser():
    inspector = TrialInspector(search(mrt.data.simulate(bars=50_000, seed=1)))
    inspector.show({"fast": 5, "slow": 20})
    assert len(inspector.look.trial.trades) > 1_000
    picture = inspector.board.get_state()["picture"]
    assert len(picture) < 1_500_000
    assert len(json.loads(picture)["figures"]) == 4
    inspector.close()


def test_a_loaded_study_without_its_backtest_is_shown(called, tmp_path):
    loaded = mrt.load_study(called.save(tmp_path / "study.zip"))
    inspector = TrialInspector(loaded)
    inspector.show(0)
    assert inspector._evaluate.layout.display == "none"
    inspector._again(evaluate=True)
    assert "no evaluator" in inspector._said.value or not np.any(inspector.look.neighbours["trial"] < 0)
    inspector.close()


def test_what_was_closed_is_not_drawn_again(called):
    inspector = TrialInspector(called)
    inspector.show(0)
    board = inspector.board
    inspector.close()
    inspector.show(1)
    inspector._again()
    assert inspector.board is board
    assert board._is_closed


def test_a_trial_that_is_not_there_is_refused(traded):
    with pytest.raises(StudyError, match="trial 99999 was asked for"):
        TrialInspector(traded).show(99_999)
    with pytest.raises(StudyError, match="int is no study; give"):
        TrialInspector(3)
