"""One trial of a study, looked at from all sides: what the inspector shows, without a widget."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import xarray as xr
from bokeh.plotting import figure

from mrtoolkit.backtest.backtest import Backtest
from mrtoolkit.backtest.trial import Trial
from mrtoolkit.errors import MrtoolkitError
from mrtoolkit.search.not_counted import PRUNED, not_counted
from mrtoolkit.search.study import Study
from mrtoolkit.views.drawdown import drawdown, drawdown_sentence
from mrtoolkit.views.equity import link_pointers
from mrtoolkit.views.growth import buy_and_hold, growth
from mrtoolkit.views.neighbours import codes_of, neighbours_data, neighbours_figure, neighbours_sentence
from mrtoolkit.views.overlays import rule_features
from mrtoolkit.views.page import paragraph, table, text
from mrtoolkit.views.price import price
from mrtoolkit.views.stops import stops_data
from mrtoolkit.views.theme import zone_of
from mrtoolkit.views.trades_table import trades_sentence, trades_table
from mrtoolkit.views.words import label, metric_name, metric_text, params_text

_LONG = "max-height: 22em; overflow: auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialLook:
    """What there is to say of one point of a study's space.

    Attributes
    ----------
    params : dict
        Its parameters, those that do not matter left out.
    number : int
        Its trial, -1 for a point that the study has not tried.
    value : float
        The objective, NaN where it is not known or does not count.
    metrics : dict of name to float
        Over several assets their means; empty where nothing is known.
    trial : Trial, optional
        The point run again; None without a backtest.
    why_no_price : str
        A sentence; empty where there is a trial.
    neighbours : pd.DataFrame
        As `neighbours_data` has them.
    """

    params: Mapping[str, Any]
    number: int
    value: float
    metrics: Mapping[str, float]
    trial: Trial | None
    why_no_price: str
    neighbours: pd.DataFrame


def look_at(study: Study, point: int | Mapping[str, Any], *, evaluate: bool = False) -> TrialLook:
    """Return what there is to say of a trial or a point.

    Parameters
    ----------
    study : Study
    point : int or mapping
        A trial, or values of all parameters on the lattice.
    evaluate : bool
        Evaluate the neighbours that were not tried.

    Raises
    ------
    StudyError
        If the trial or point is not there, or neighbours are to be evaluated and the study has no evaluator.
    """
    codes = codes_of(study, point)
    params, number = study.space.point(codes), study.log.trial_at(codes)
    trial, why = _run(study.backtest, params)
    metrics = {name: float(values[number]) for name, values in study.log.metrics.items()} if number >= 0 else {}
    if not metrics and trial is not None:
        metrics = {name: _mean(value) for name, value in trial.metrics.items()}
    if number >= 0:
        value = float(study.log.value[number]) if study.log.feasible[number] else math.nan
    else:
        value = study.goal.value_of(metrics) if study.goal is not None and metrics else math.nan
    return TrialLook(
        params=study.space.active_point(codes),
        number=number,
        value=value if math.isfinite(value) else math.nan,
        metrics=metrics,
        trial=trial,
        why_no_price=why,
        neighbours=neighbours_data(study, params, evaluate=evaluate),
    )


def look_figures(
    study: Study, look: TrialLook, *, asset: str | None = None
) -> tuple[dict[str, figure], dict[str, str]]:
    """Return the figures of a look, new ones, and a sentence for each: price, growth, drawdown, neighbours."""
    figures: dict[str, figure] = {}
    labels: dict[str, str] = {}
    trial, backtest = look.trial, study.backtest
    if trial is not None and backtest is not None:
        holding, bars = buy_and_hold(backtest), backtest.bars
        stops, overlays = stops_data(backtest, trial, asset=asset), rule_features(backtest, trial.params)
        figures["price"] = price(trial, bars, overlays=overlays, stops=stops, asset=asset, height=340)
        shown: dict[str, Any] = {"asset": asset, "timezone": zone_of(bars), "x_range": figures["price"].x_range}
        figures["growth"] = growth(trial, holding, height=240, **shown)
        figures["drawdown"] = drawdown(trial, holding, height=240, **shown)
        link_pointers([figures[name] for name in ("price", "growth", "drawdown")])
        labels["price"] = trades_sentence(trial, bars, asset=asset)
        labels["growth"] = labels["drawdown"] = drawdown_sentence(trial, holding, asset=asset)
    figures["neighbours"] = neighbours_figure(study, look.params, look.neighbours)
    labels["neighbours"] = neighbours_sentence(study, look.neighbours, look.value)
    return figures, labels


def look_texts(study: Study, look: TrialLook, *, asset: str | None = None) -> dict[str, str]:
    """Return the texts of a look as HTML: heading (`status`), `numbers` (parameters and metrics), `trades`."""
    texts = {"status": _heading(study, look), "numbers": _parameters(look) + _metrics(study, look)}
    if look.trial is not None and study.backtest is not None:
        words = trades_table(look.trial, study.backtest.bars, asset=asset)
        texts["trades"] = f'<div style="{_LONG}">{words}</div>'
    else:
        texts["trades"] = paragraph(look.why_no_price)
    return texts


def _run(backtest: Backtest | None, params: Mapping[str, Any]) -> tuple[Trial | None, str]:
    if backtest is None:
        return None, "There is no backtest at hand, so there is no price to draw: the study has its numbers alone."
    try:
        return backtest.trial(params), ""
    except MrtoolkitError as error:
        return None, f"This point cannot be run: {error}"


def _mean(value: float | xr.DataArray) -> float:
    return float(value.mean()) if isinstance(value, xr.DataArray) else float(value)


def _heading(study: Study, look: TrialLook) -> str:
    name = study.value_name
    who = f"Trial {look.number + 1:,} of {len(study):,}" if look.number >= 0 else "A point that was not tried"
    said = f"{name} {metric_text(name, look.value)}" if math.isfinite(look.value) else "no value that counts"
    more = ""
    if look.number in study.failures:
        more = f" It failed: {study.failures[look.number].rstrip('.')}."
    elif look.number >= 0 and not study.log.feasible[look.number]:
        why = not_counted(study)
        more = " It was pruned." if why == PRUNED else f" It {why}."
    return f"<p><strong>{text(who)}: {text(params_text(look.params))}</strong><br>{text(said)}.{text(more)}</p>"


def _parameters(look: TrialLook) -> str:
    rows = [[name, label(value)] for name, value in look.params.items()]
    return table("Parameters", ["", "value"], rows)


def _metrics(study: Study, look: TrialLook) -> str:
    if not look.metrics:
        return paragraph("Its metrics are not known.")
    per_year = study.backtest.periods_per_year if study.backtest is not None else None
    held = study.benchmark or {}
    rows = []
    for name, value in look.metrics.items():
        row = [metric_name(name, per_year), metric_text(name, value)]
        rows.append([*row, metric_text(name, held.get(name, math.nan))] if held else row)
    return table("Metrics", ["", "this trial", *(["buy and hold"] if held else [])], rows)
