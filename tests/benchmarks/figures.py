"""Figures of a benchmark as rows of a table: what, its target, what was measured, and how far repeats lay apart."""

from __future__ import annotations

import ctypes
import gc
import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

IS_FULL = os.environ.get("MRTOOLKIT_BENCH", "") not in ("", "0")


@dataclass(frozen=True)
class Figure:
    """One row of the table.

    Attributes
    ----------
    what : str
    measured : sequence of float
        One a repeat; the table has the median, the middle half of them as its resolution, and the best: what it is
        when nothing disturbs it.
    unit : str
        "x" is a ratio of two times taken one after the other.
    target : float, optional
        At most this, or at least where `at_least`.
    """

    what: str
    measured: Sequence[float] | np.ndarray
    unit: str
    target: float | None = None
    at_least: bool = False

    @property
    def median(self) -> float:
        """What is reported."""
        return float(np.median(self.measured))

    @property
    def is_met(self) -> bool:
        """Whether the median is on the right side of the target."""
        if self.target is None:
            return True
        return self.median >= self.target if self.at_least else self.median <= self.target

    def row(self) -> str:
        """A line of a Markdown table."""
        aim = "" if self.target is None else f"{'>=' if self.at_least else '<='} {self.target:g} {self.unit}"
        n = len(self.measured)
        low, high = np.quantile(self.measured, [0.25, 0.75])
        spread = f"{low:.3g} to {high:.3g} of {n}" if n > 1 else "one run"
        best = max(self.measured) if self.at_least else min(self.measured)
        got = f"{self.median:.3g} {self.unit}{'' if self.is_met else ' (missed)'}"
        return f"| {self.what} | {aim} | {got} | {spread} | {best:.3g} |"


def print_table(title: str, figures: Iterable[Figure]) -> bool:
    """Print the rows as they come, and return whether all targets were met."""
    print(
        f"\n{title}\n\n| what | target | measured | middle half of the repeats | best |\n|---|---|---|---|---|",
        flush=True,
    )
    is_met = True
    for figure in figures:
        print(figure.row(), flush=True)
        is_met &= figure.is_met
    return is_met


def seconds_of(function: Callable[[], object]) -> float:
    """Seconds of one call; what it returned is given back after the time was taken."""
    start = time.perf_counter()
    made = function()
    seconds = time.perf_counter() - start
    del made
    return seconds


@dataclass(frozen=True)
class Pairs:
    """Seconds of two things that took turns."""

    ours: Sequence[float]
    theirs: Sequence[float]

    @property
    def ratios(self) -> list[float]:
        """How many times longer ours took, pair by pair."""
        return [a / b for a, b in zip(self.ours, self.theirs, strict=True)]

    @property
    def times_faster(self) -> list[float]:
        """How many times longer theirs took, pair by pair."""
        return [b / a for a, b in zip(self.ours, self.theirs, strict=True)]

    def ms(self, of: str = "ours") -> list[float]:
        """Milliseconds of one of them."""
        return [1e3 * seconds for seconds in getattr(self, of)]


def in_pairs(
    ours: Callable[[], object], theirs: Callable[[], object], *, repeats: int, before: Callable[[], object] = int
) -> Pairs:
    """Time both in turns, every other time the second first; `before` makes each pair ready."""
    taken: dict[Callable[[], object], list[float]] = {ours: [], theirs: []}
    for k in range(repeats):
        before()
        for function in (ours, theirs) if k % 2 == 0 else (theirs, ours):
            taken[function].append(seconds_of(function))
    return Pairs(taken[ours], taken[theirs])


class PeakMemory:
    """The peak of resident memory from now on, as Linux counts it, beside what is resident now."""

    def __init__(self) -> None:
        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)  # what was given back counts as given back
        Path("/proc/self/clear_refs").write_text("5")  # sets the peak to what is resident now
        self._before = _status_mib("VmRSS")

    def added_mib(self) -> float:
        """MiB that the peak lies above what was resident at the beginning."""
        return _status_mib("VmHWM") - self._before


def _status_mib(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024
