"""A study of several objectives: its values are those of the first, and its best is a knee of the front."""

import json
import re

import pytest
from bokeh.models import BasicTickFormatter, ColorBar

import mrtoolkit as mrt
from mrtoolkit import P
from mrtoolkit.views.best_table import best_text
from mrtoolkit.views.convergence import convergence
from mrtoolkit.views.report import report
from mrtoolkit.views.story import headline, search_story
from mrtoolkit.views.surface import heatmap
from mrtoolkit.widgets.convergence_chart import ConvergenceChart
from mrtoolkit.widgets.map_chart import MapChart
from mrtoolkit.widgets.model import SearchModel


@pytest.fixture(scope="module")
def of_two():
    bars = mrt.data.simulate(bars=900, seed=4)
    backtest = mrt.Backtest(bars, mrt.Strategy(entry=mrt.ema(P.fast) > mrt.ema(P.slow)))
    space = mrt.Space(fast=mrt.Integer(3, 20), slow=mrt.Integer(15, 60), where=P.fast < P.slow)
    goals = {"objective": ["sharpe", "max_drawdown"], "direction": ["maximize", "minimize"]}
    return mrt.optimize(backtest, space, trials=120, seed=0, **goals)


def test_what_is_drawn_is_called_by_the_first_objective(of_two):
    assert of_two.value_name == "sharpe"
    assert convergence(of_two).yaxis[0].axis_label == "sharpe"
    assert heatmap(of_two).title.text.startswith("Best sharpe over ")
    assert ", by sharpe (maximize)" in best_text(of_two)
    model = SearchModel(of_two)
    assert model.objective_with_unit == "sharpe (a year)"
    assert ConvergenceChart(model).figure.title.text.startswith("Best sharpe ")
    assert MapChart(model).figure.title.text.startswith("sharpe over ")


def test_the_best_of_several_objectives_is_a_knee_of_the_front(of_two, tmp_path):
    value, words = f"{of_two.best.value:.4f}".replace("-", "−"), headline(search_story(of_two))
    assert words.startswith(f"Knee of the front, sharpe {value} at ")
    page = mrt.views.replay(of_two, tmp_path / "replay.html").read_text(encoding="utf-8")
    data = json.loads(re.search(r'<script type="application/json"[^>]*>(.*?)</script>', page, re.DOTALL)[1])
    assert data["bestName"] == "Knee of the front, sharpe"
    assert data["best"]["value"] == value
    told = report(of_two, tmp_path / "report.html").read_text(encoding="utf-8")
    assert "for the highest sharpe and the lowest max_drawdown" in told
    assert "sharpe, max_drawdown over" not in told


def test_large_values_have_no_powers_of_ten():
    study = mrt.optimize(lambda p: -((p["x"] - 30) ** 2), mrt.Space(x=mrt.Integer(0, 500)), trials=60, seed=0)
    model = SearchModel(study)
    for chart in (ConvergenceChart(model), MapChart(model)):
        found = [*chart.figure.yaxis, *chart.figure.select(ColorBar)]
        assert all(isinstance(each.formatter, BasicTickFormatter) for each in found)
        assert not any(each.formatter.use_scientific for each in found)
