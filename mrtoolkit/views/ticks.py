"""Round numbers along an axis, and how they are written."""

from __future__ import annotations

import math

import numpy as np

from mrtoolkit.views.words import number

_SHORT, _LONGEST = 1e4, 1e9
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


def ticks(low: float, high: float, count: int, *, is_whole: bool = False) -> list[float]:
    """Return at most about `count` round numbers from low to high, whole ones where the axis counts.

    Examples
    --------
    >>> ticks(0.0, 1.0, 4)
    [0.0, 0.25, 0.5, 0.75, 1.0]
    >>> ticks(1.0, 4.0, 8, is_whole=True)
    [1.0, 2.0, 3.0, 4.0]
    """
    if not (math.isfinite(low) and math.isfinite(high) and high > low):
        return [low] if math.isfinite(low) else []
    raw = (high - low) / max(count, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(s * power for s in _STEPS if s * power >= raw * (1 - 1e-9))
    if is_whole:
        step = max(1.0, 5.0 * power if step == 2.5 * power and power == 1.0 else step)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(np.round(i * step, 12)) + 0.0 for i in range(first, last + 1)]


def log_ticks(low: float, high: float, count: int) -> list[float]:
    """Return round numbers for an axis that steps by factors: powers of ten, and 2 and 5 between where there is room.

    Examples
    --------
    >>> log_ticks(1.0, 100.0, 8)
    [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0]
    """
    for digits in ((1, 2, 3, 4, 5, 6, 7, 8, 9), (1, 2, 5), (1, 3), (1,)):
        powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        found = [d * 10.0**p for p in powers for d in digits]
        found = [float(f"{v:.12g}") for v in found if low * (1 - 1e-9) <= v <= high * (1 + 1e-9)]
        if len(found) <= count:
            return found if len(found) > 1 else ticks(low, high, min(count, 3))
    return found[:: math.ceil(len(found) / count)]


def tick_labels(values: list[float], *, is_short: bool = False) -> list[str]:
    """Return ticks as they are written, with as many decimals as the finest of them needs; short ones with k and M.

    Examples
    --------
    >>> tick_labels([0.0, 0.25, 0.5]), tick_labels([0.0, 20000.0]), tick_labels([0.0, 2e4], is_short=True)
    (['0', '0.25', '0.50'], ['0', '20,000'], ['0', '20k'])
    """
    most = max((abs(value) for value in values), default=0.0)
    if is_short and _SHORT <= most < _LONGEST and len(_powers(values)) <= 2:
        unit, size = ("k", 1e3) if most < 1e6 else ("M", 1e6)
        return ["0" if not value else f"{value / size:,.12g}{unit}".replace("-", "−") for value in values]
    if any(value and (abs(value) < 1e-4 or abs(value) >= _LONGEST) for value in values):
        return [f"{value:.3g}".replace("-", "−") for value in values]
    if len(_powers(values)) > 2:  # by factors: each as short as it can be
        return [number(value) for value in values]
    places = max((_places(value) for value in values), default=0)
    return ["0" if value == 0 else f"{value:,.{places}f}".replace("-", "−") for value in values]


def _powers(values: list[float]) -> set[int]:
    return {round(math.log10(abs(value))) for value in values if value}


def _places(value: float) -> int:
    text = f"{abs(value):.10f}".rstrip("0")
    return len(text.partition(".")[2])
