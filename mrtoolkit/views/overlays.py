"""The lines that a trial's rules compare, where they lie at the price: to be drawn over it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mrtoolkit.backtest.backtest import Backtest
from mrtoolkit.expressions.binding import bind
from mrtoolkit.expressions.nodes import Comparison, Cross, Input, Node
from mrtoolkit.expressions.walk import walk
from mrtoolkit.strategy.positions import Positions
from mrtoolkit.strategy.strategy import RULES, Strategy
from mrtoolkit.views.arguments import check_backtest

_MOST = 4  # more lines hide the price
_NEAR = 2.0  # within this ratio of the close, by median: a moving average is, an RSI or an ATR is not


def rule_features(backtest: Backtest, params: Mapping[str, Any], *, most: int = _MOST) -> dict[str, np.ndarray]:
    """Return what rules compare, or a position function reads, as far as it lies near the price, by expression.

    Parameters
    ----------
    backtest : Backtest
        Its `strategy`, `bars` and `store` are used; what the store has is not computed again.
    params : mapping
        Values of the strategy's parameters.
    most : int
        Of more lines the first of the rules are taken.

    Returns
    -------
    dict of str to array
        (time,), or (time, asset) for bars with assets; empty where the rules compare nothing near the price.

    Raises
    ------
    StudyError
        If it is no backtest.
    """
    check_backtest(backtest)
    close = backtest.bars["close"].to_numpy()
    found: dict[str, np.ndarray] = {}
    for key, node in _compared(backtest.strategy, params).items():
        values = backtest.store.array(backtest.bars, node)
        if len(found) < most and _is_near(values, close if close.shape == values.shape else close.T):
            found[key] = values
    return found


def _compared(strategy: Strategy | Positions, params: Mapping[str, Any]) -> dict[str, Node]:
    """Return the expressions on either side of the rules' comparisons, in the order of the rules; or the features."""
    if isinstance(strategy, Positions):
        bound = (bind(node, params) for node in strategy.features.values())
        return {node.key: node for node in bound if node.children and not isinstance(node, Input)}
    found: dict[str, Node] = {}
    for name in RULES:
        rule = getattr(strategy, name)
        for node in walk(bind(rule, params)) if rule is not None else ():
            if isinstance(node, Comparison | Cross):
                sides = (side for side in (node.left, node.right) if side.children and not isinstance(side, Input))
                found |= {side.key: side for side in sides}
    return found


def _is_near(values: np.ndarray, close: np.ndarray) -> bool:
    known = np.isfinite(values) & np.isfinite(close)
    ratio = float(np.median(values[known] / close[known])) if known.any() else 0.0
    return 1.0 / _NEAR < ratio < _NEAR
