"""The figures of the report, each with what it shows in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from bokeh.models.ui import UIElement

from mrtoolkit.backtest.backtest import Backtest
from mrtoolkit.backtest.trial import Trial
from mrtoolkit.errors import StudyError
from mrtoolkit.search.candidate import Candidate
from mrtoolkit.search.importance import FEWEST
from mrtoolkit.search.study import Study
from mrtoolkit.views.bar_table import asset_name
from mrtoolkit.views.convergence import convergence, convergence_data
from mrtoolkit.views.equity import buy_and_hold, equity, equity_data
from mrtoolkit.views.importance import importance_data, importance_figure, importance_sentence
from mrtoolkit.views.in_and_out import in_and_out_data, in_and_out_figure, in_and_out_sentence
from mrtoolkit.views.overlays import rule_features
from mrtoolkit.views.page import drawing
from mrtoolkit.views.parallel import parallel, parallel_sentence
from mrtoolkit.views.plateau_and_peak import plateau_and_peak, plateau_sentence
from mrtoolkit.views.price import price, trades_data
from mrtoolkit.views.regions import regions, zooms
from mrtoolkit.views.stops import stops_data
from mrtoolkit.views.surface import heatmap
from mrtoolkit.views.theme import zone_of
from mrtoolkit.views.trial_table import candidate, level_names, two_axes
from mrtoolkit.views.words import counted, metric_text, params_text, percent


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A figure, its caption, and what a reader who cannot see it is told."""

    name: str
    figure: UIElement
    caption: str
    description: str

    def html(self, division: str) -> str:
        """Return the figure on a page, drawn in bokeh's `division`."""
        return drawing(division, self.caption, self.description)


def search_pictures(study: Study) -> list[Picture]:
    """Return the figures of the search: convergence, and where there are two parameters the zoom and the maps."""
    _, y_axis = two_axes(study, None, None)
    if y_axis is None:
        return [_convergence(study), _heatmap(study)]
    return [_convergence(study), _zooms(study), _regions(study), _heatmap(study)]


def trial_pictures(study: Study) -> list[Picture]:
    """Return the figures of the best trial, run again: none where the study has no backtest or no best."""
    best = candidate(study, "best")
    backtest: Backtest | None = study.backtest
    if best is None or backtest is None:
        return []
    trial = backtest.trial(best.params)
    overlays, stops = rule_features(backtest, best.params), stops_data(backtest, trial)
    chart = price(trial, backtest.bars, overlays=overlays, stops=stops)
    return [_price(backtest.bars, trial, best, chart), _equity(backtest, trial, chart)]


def explored_pictures(study: Study) -> list[Picture]:
    """Return what a finished study is looked through with, as far as it has it; best and plateau come first."""
    pictures = [_plateau(study)] if candidate(study, "best") is not None else []
    if np.count_nonzero(np.isfinite(study.log.score)) >= FEWEST and len(study.space) > 1:
        pictures.append(_importance(study))
    if len(study.space) > 2:
        pictures.append(_parallel(study))
    if study.backtest is not None or "sum" in study.log.blocks:
        pictures += _in_and_out(study)
    return pictures


def _plateau(study: Study) -> Picture:
    words = (
        "A dot a trial around each (within 5 % of every parameter's range); the bar marks the value that a quarter of "
        "them is no better than. Of a plateau it is high, of a lucky peak it is not."
    )
    figure = plateau_and_peak(study)
    return Picture(name="plateau", figure=figure, caption=words, description=plateau_sentence(study))


def _importance(study: Study) -> Picture:
    data = importance_data(study)
    words = (
        "What is lost when one parameter alone is not known, from a forest fitted to the trials (functional ANOVA); "
        "shares may add up to more than 100 %, as parameters act together."
    )
    figure = importance_figure(study, data)
    return Picture(name="importance", figure=figure, caption=words, description=importance_sentence(data))


def _parallel(study: Study) -> Picture:
    words = "A line a trial across an axis a parameter and one for the objective; the best ten are strong."
    return Picture(name="parallel", figure=parallel(study), caption=words, description=parallel_sentence(study))


def _in_and_out(study: Study) -> list[Picture]:
    try:
        data = in_and_out_data(study)
    except StudyError:  # too few blocks of time
        return []
    words = in_and_out_sentence(data)
    return [Picture(name="in_and_out", figure=in_and_out_figure(study, data), caption=words, description=words)]


def _convergence(study: Study) -> Picture:
    data = convergence_data(study)
    steps, final = int(data["improved"].sum()), metric_text(study.value_name, float(data["best"][-1]))
    made = f"{counted(len(study), 'trial')} over the levels {', '.join(level_names(study))}"
    return Picture(
        name="convergence",
        figure=convergence(study),
        caption="A point a trial, in the order in which they were run; the line is the best so far.",
        description=f"{made}; the best {study.value_name} changed {counted(steps, 'time')}, to {final} in the end.",
    )


def _zooms(study: Study) -> Picture:
    caption = (
        "The zoom, a panel a level. A box is where the next level looks; brighter is better, grey has no value "
        "that counts. A star is the best, a diamond the plateau."
    )
    shown = f"Maps of {study.value_name} over {_over(study)}, one a level ({', '.join(level_names(study)[:6])}), "
    return Picture(
        name="zooms",
        figure=zooms(study),
        caption=caption,
        description=f"{shown}each inside a box of the one before.{_found(study)}",
    )


def _regions(study: Study) -> Picture:
    return Picture(
        name="regions",
        figure=regions(study),
        caption="Every trial of the search, and the boxes that each level searched.",
        description=f"All trials as points over {_over(study)}, coloured by {study.value_name}, and the searched boxes."
        f"{_found(study)}",
    )


def _heatmap(study: Study) -> Picture:
    more = len(study.space) > 2
    caption = "All levels in one map: the finer lie on the coarser."
    if len(study.space) == 1:
        caption = "The objective over the one parameter, the levels in their colours."
    return Picture(
        name="heatmap",
        figure=heatmap(study),
        caption=caption + (" Where trials differ in further parameters, a cell shows their best." if more else ""),
        description=f"{study.value_name} over {_over(study)}, every label that was tried.{_found(study)}",
    )


def _price(bars: xr.Dataset, trial: Trial, best: Candidate, chart: UIElement) -> Picture:
    name = asset_name(bars, None)
    caption = (
        f"What the best trial ({params_text(best.active)}) did. Triangles up buy, those down sell; filled ones open "
        "a position, hollow ones close it; shaded while held; dashed a stop, dotted a target. Zoom in for candles."
        f"{_several(bars)}"
    )
    made = counted(len(trades_data(trial, bars)), "trade")
    of = f" of {name}" if name else ""
    return Picture(
        name="price", figure=chart, caption=caption, description=f"The price{of} with {made} of the best trial."
    )


def _equity(backtest: Backtest, trial: Trial, chart: Any) -> Picture:
    bars, holding = backtest.bars, buy_and_hold(backtest)
    curve = equity_data(trial, holding)
    ends = (float(curve[n][-1] - 1.0) for n in ("equity", "hold"))
    falls = (float(curve[n].max()) for n in ("drawdown", "hold_drawdown"))
    made, held = (percent(v) for v in ends)
    fall, held_fall = (percent(v) for v in falls)
    caption = "Growth of 1 in the best trial, after costs, beside buying at the start and holding, with the same costs."
    return Picture(
        name="equity",
        figure=equity(trial, holding, timezone=zone_of(bars), x_range=chart.x_range),
        caption=caption + _several(bars),
        description=f"The best trial returned {made}, holding {held}; the largest falls were {fall} and {held_fall}.",
    )


def _over(study: Study) -> str:
    x_axis, y_axis = two_axes(study, None, None)
    return x_axis.name if y_axis is None else f"{x_axis.name} and {y_axis.name}"


def _found(study: Study) -> str:
    best = candidate(study, "best")
    if best is None:
        return ""
    return f" The best is {params_text(best.active)} with {metric_text(study.value_name, best.value)}."


def _several(bars: xr.Dataset) -> str:
    return " The first asset is drawn; the objective is the mean over all." if "asset" in bars.dims else ""
