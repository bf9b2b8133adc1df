"""The signals of some points, as each engine reads them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mrtoolkit.strategy.operands import Places


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """What the dense engine needs of some points.

    Attributes
    ----------
    points : (trial,) int64
        Positions of the points.
    masks : tuple of (asset, row, time) bool
        Where entry, exit, short_entry and short_exit are true.
    settings : tuple of (asset, row, time or 1) float64
        Size, stop_loss, take_profit, trailing_stop and max_bars; infinite where there is none.
    index : (trial, 9) int64
        Which row of each of the masks and settings is the trial's.
    warm : (asset, trial) int64
        First bar at which every indicator in effect has had a value.
    """

    points: np.ndarray
    masks: tuple[np.ndarray, ...]
    settings: tuple[np.ndarray, ...]
    index: np.ndarray
    warm: np.ndarray


@dataclass(frozen=True, slots=True, kw_only=True)
class BitSignals:
    """What the event engine needs of some points.

    Attributes
    ----------
    points : (trial,) int64
        Positions of the points.
    rows : (row, 5) int64
        Recipes of rows of bits (`_kernels/conditions.py`); the first `n_compared` are comparisons.
    has_shifts : bool
        Whether a row looks at bars before its own.
    places : Places
        Where the operands of the comparisons lie; holds their arrays.
    groups : (operand,) int64
        Operands that are compared by codes (`_kernels/codes.py`) have a group, the others -1; empty where none has.
    rules : (trial, 4) int64
        The rows of entry, exit, short_entry and short_exit.
    flips : (4,) uint64
        All ones where a rule is its row turned over, else 0.
    settings : tuple of (asset, row, time or 1) float64
        Size, stop_loss, take_profit, trailing_stop and max_bars; infinite where there is none.
    index : (trial, 5) int64
        The rows of the settings.
    warm : (asset, trial) int64
        First bar at which every indicator in effect has had a value.
    """

    points: np.ndarray
    rows: np.ndarray
    n_compared: int
    has_shifts: bool
    places: Places
    groups: np.ndarray
    rules: np.ndarray
    flips: np.ndarray
    settings: tuple[np.ndarray, ...]
    index: np.ndarray
    warm: np.ndarray
