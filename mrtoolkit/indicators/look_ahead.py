"""Whether later bars change earlier values: the comparison, and the test of it on a user's own bars."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mrtoolkit.errors import IndicatorError
from mrtoolkit.indicators.spec import Indicator

TOLERANCE = 1e-9
"""Of the largest value: a transform over the whole history rounds differently, and looks at nothing."""


def compute_one(indicator: Indicator, inputs: Sequence[np.ndarray], values: Sequence[float]) -> np.ndarray:
    """Return the indicator for one set of parameter values, (output, time)."""
    out = np.empty((max(len(indicator.outputs), 1), 1, inputs[0].size))
    indicator.compute(inputs, np.array([values], dtype=np.float64).reshape(1, len(values)), out)
    result: np.ndarray = out[:, 0]
    return result


def check_past(now: np.ndarray, then: np.ndarray, shown: str, cut: int, what: str) -> None:
    """Refuse values (output, time) of the past that are other ones when only bars after `cut` were touched."""
    scale = TOLERANCE * np.abs(then[np.isfinite(then)]).max(initial=1e-300)
    with np.errstate(invalid="ignore"):
        same = (np.abs(now - then) <= scale) | (np.isnan(now) & np.isnan(then)) | (now == then)
    if not same.all():
        bar = int(np.flatnonzero(~same.all(axis=0))[0])
        row = int(np.flatnonzero(~same[:, bar])[0])
        msg = (
            f"{shown} looks ahead: its value at bar {bar:,} goes from {then[row, bar]:.6g} to {now[row, bar]:.6g} when "
            f"only the bars from {cut + 1:,} on {what}; use no bar after the one that the value belongs to."
        )
        raise IndicatorError(msg)


def check_on_bars(
    indicator: Indicator, inputs: Sequence[np.ndarray], values: Sequence[float], result: np.ndarray
) -> None:
    """Refuse values (output, time) on real bars that differ from those on the first two thirds of the bars alone.

    What passes the tests at the door may look ahead only where a history is long or a parameter large. Costs one more
    call over two thirds of the bars.
    """
    cut = 2 * inputs[0].size // 3
    if cut:
        past = compute_one(indicator, [column[:cut] for column in inputs], values)
        check_past(past, result[:, :cut], shown_call(indicator, values), cut - 1, "of these are left out")


def shown_call(indicator: Indicator, values: Sequence[float]) -> str:
    """Return `ema(lookback=5)`, for messages."""
    given = ", ".join(f"{p.name}={p.typed(value):,}" for p, value in zip(indicator.parameters, values, strict=True))
    return f"{indicator.name}({given})"
