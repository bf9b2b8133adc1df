"""How an indicator goes on when bars are appended: from the bars of its last window, or from a state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

StateKernel: TypeAlias = Callable[[tuple[np.ndarray, ...], np.ndarray, np.ndarray, np.ndarray], None]
"""`kernel(inputs, parameters, states, out)`: goes on from `states` (n, size) and updates them in place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Values depend on the bars of a window alone, so that computing from some bar on is enough.

    Attributes
    ----------
    start : callable
        `start(first, **parameters)`: the bar from which computing gives, from bar `first` on, the values that computing
        over all bars gives, to the bit.
    """

    start: Callable[..., int]


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """All that later values need of the bars so far is a few numbers.

    Attributes
    ----------
    size : int
        How many numbers: of one asset and one set of parameters.
    kernel : callable
        `kernel(inputs, parameters, states, out)`: inputs a tuple of (time,), the bars after those that the states
        know; parameters (n, parameter); states (n, size), updated in place; out (output, n, time), filled.
    initial : tuple of float
        The state before the first bar. No state is NaN: NaN stands for one that is not known.
    """

    size: int
    kernel: StateKernel
    initial: tuple[float, ...]


def initial_states(initial: tuple[float, ...], n: int) -> np.ndarray:
    """Return the state before the first bar for each of n sets of parameters, (n, size)."""
    return np.tile(np.array(initial, dtype=np.float64), (n, 1))


def go_on(
    resume: State, inputs: tuple[np.ndarray, ...], parameters: np.ndarray, states: np.ndarray, out: np.ndarray
) -> None:
    """Fill `out` for the bars of `inputs` from `states`, which are updated in place."""
    if not len(parameters) or not inputs[0].size:
        return
    work = np.ascontiguousarray(states)
    resume.kernel(inputs, parameters, work, out)
    if work is not states:
        states[:] = work


def whole_window(first: int, *, lookback: int) -> int:
    """Start of a value that needs the last `lookback` bars, whatever came before them."""
    return max(first - (lookback - 1), 0)


def one_bar_before(first: int, *, lookback: int) -> int:
    """Start of a value that needs the last `lookback` bars and the bar before them."""
    return max(first - lookback, 0)


def block_before(first: int, *, lookback: int) -> int:
    """Start of a value of the kernels that cut the bars into blocks of `lookback`, counted from bar 0.

    A window is the end of one block and the beginning of the next, so the grid must stay where it is, and the block
    before that of bar `first` is needed whole.
    """
    return max(first // lookback - 1, 0) * lookback
