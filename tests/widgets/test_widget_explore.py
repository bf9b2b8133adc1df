"""Every figure of the drop-down, for every kind of study: made when chosen, with a sentence that says what it shows."""

from __future__ import annotations

import numpy as np
import pytest
from fake_page import comms  # noqa: F401

import mrtoolkit as mrt
from mrtoolkit import P
from mrtoolkit.errors import StudyError
from mrtoolkit.views.theme import INK
from mrtoolkit.widgets.explore import Explorer, figures_for

pytestmark = pytest.mark.usefixtures("comms")


def backtested(**options):
    backtest = mrt.Backtest(mrt.data.simulate(bars=400, seed=4), mrt.Strategy(entry=mrt.ema(P.fast) > mrt.ema(P.slow)))
    space = mrt.Space(fast=mrt.Integer(3, 20), slow=mrt.Integer(15, 60), where=P.fast < P.slow)
    return mrt.optimize(backtest, space, trials=40, seed=0, **options)


def called(n, trials=40):
    space = mrt.Space(**{f"p{i}": mrt.Real(0, 1) for i in range(n)})
    return mrt.optimize(lambda p: -sum((value - 0.3) ** 2 for value in p.values()), space, trials=trials, seed=0)


STUDIES = {
    "backtest": backtested,
    "several objectives": lambda: backtested(objective=["sharpe", "max_drawdown"], direction=["maximize", "minimize"]),
    "one parameter": lambda: called(1),
    "two": lambda: called(2),
    "twelve": lambda: called(12),
    "three trials": lambda: called(3, trials=3),
    "no value": lambda: mrt.optimize(lambda p: float("nan"), mrt.Space(a=mrt.Integer(1, 9)), trials=5, seed=0),
}


@pytest.mark.parametrize("name", STUDIES)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_every_figure_that_is_offered_is_drawn_or_says_why_not(name):
    study = STUDIES[name]()
    explorer = Explorer(study)
    assert explorer.board is None  # nothing is made before it is asked for
    drawn = 0
    for figure in figures_for(study):
        box = explorer.show(figure)
        board = explorer.board
        assert box.children[-1] is board
        assert len(board._texts["status"]) > 20
        drawn += len(board._figures)
        assert all(board._labels.values())
        assert len(board.get_state()["picture"]) < 700_000
    wanted = len(figures_for(study))
    assert drawn == wanted or name in ("three trials", "no value")
    explorer.close()


def test_what_a_study_has_not_is_not_offered():
    assert "front" in figures_for(STUDIES["several objectives"]())
    assert {"front", "in_and_out"}.isdisjoint(figures_for(called(3)))
    assert {"parallel", "importance"}.isdisjoint(figures_for(called(1)))


def test_a_figure_that_a_study_has_not_is_refused_by_name():
    with pytest.raises(StudyError, match=r"show\('front'\): this study has no such figure; choose one of parallel,"):
        Explorer(called(3)).show("front")


def test_a_loaded_study_shows_early_against_late(tmp_path):
    study = backtested()
    loaded = mrt.load_study(study.save(tmp_path / "study.zip"))
    loaded.evaluator = None
    explorer = Explorer(loaded)
    explorer.show("in_and_out")
    assert "Sharpe ratio of block returns" in explorer.board._texts["status"]
    explorer.close()


def test_figures_in_a_layout_take_the_page_s_theme_and_its_change():
    explorer = Explorer(called(2))
    explorer.show("slices")
    plots = explorer.board._figures["figure"].children
    for theme in ("dark", "light"):
        explorer.board._take_theme(theme)
        assert {plot.title.text_color for plot in plots} == {INK[theme]}
    explorer.close()


def test_best_and_plateau_have_their_numbers_beside_the_figure():
    study = backtested()
    explorer = Explorer(study)
    explorer.show("plateau")
    assert f"{study.best.value:.4f}" in explorer.board._texts["numbers"]
    assert f"{study.plateau.value:.4f}" in explorer.board._texts["numbers"]
    explorer.close()


def test_choosing_closes_the_figure_before_and_draws_a_growing_study_as_it_is_now():
    study = called(2)
    explorer = Explorer(study)
    explorer.show("parallel")
    first = explorer.board
    explorer.choice.value = "slices"
    assert first._is_closed
    assert explorer.board is not first
    extra = mrt.optimize(study.evaluator, study.space, trials=60, seed=1)
    study.log.add_new(extra.log.rows)
    explorer.show("parallel")
    assert f"{len(study)} trials" in explorer.board._figures["figure"].title.text.replace("\n", " ")
    assert np.isfinite(study.best.value)
    explorer.close()
