"""Objectives that one lucky window or one lucky point does not win: `mrt.robust`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mrtoolkit.errors import StudyError, check_count
from mrtoolkit.expressions.nodes import Metric, Node

_METRICS = ("sharpe", "sortino", "total_return", "annual_return")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Neighbourhood:
    """An objective of which a trial has the low quantile over its evaluated neighbours; made by `neighbourhood`."""

    objective: Any
    quantile: float


def worst_block(metric: str = "sharpe", *, blocks: int = 8) -> Node:
    """Return the lowest value of a metric over equal windows of the measured bars, as an objective.

    Parameters
    ----------
    metric : {"sharpe", "sortino", "total_return", "annual_return"}
    blocks : int
        Windows. One in which nothing was traded counts as 0.

    Examples
    --------
    >>> worst_block("sharpe", blocks=6).key
    'M.sharpe_worst_of_6'
    """
    return _windowed(metric, "worst", blocks)


def median_block(metric: str = "sharpe", *, blocks: int = 8) -> Node:
    """Return the median of a metric over equal windows of the measured bars, as an objective; see `worst_block`."""
    return _windowed(metric, "median", blocks)


def neighbourhood(objective: Any = "sharpe", *, quantile: float = 0.25) -> Neighbourhood:
    """Return an objective by which a trial is as good as the low quantile of its neighbours on the lattice.

    Neighbours are the evaluated trials within 5 percent of the range in every dimension and of equal categories (unless
    these are ordered), the nearest 25 of them; a trial with fewer than 5 of them waits for more: it does not win yet.
    The search goes where the neighbourhoods are good, and `study.best` is the trial of the best one.

    Parameters
    ----------
    objective : str, expression of metrics, or callable
    quantile : float
        Between 0 (the worst neighbour) and 0.5 (the median).
    """
    if isinstance(quantile, bool) or not isinstance(quantile, int | float) or not 0 <= quantile <= 0.5:
        raise StudyError(f"neighbourhood(quantile={quantile!r}) was asked for; it must lie between 0 and 0.5.")
    return Neighbourhood(objective=objective, quantile=float(quantile))


def _windowed(metric: str, word: str, blocks: int) -> Node:
    if metric not in _METRICS:
        raise StudyError(f"{word}_block({metric!r}) was asked for; it is for one of {', '.join(_METRICS)}.")
    check_count(f"{word}_block: blocks", blocks, StudyError, minimum=2)
    return Metric(f"{metric}_{word}_of_{blocks}")
