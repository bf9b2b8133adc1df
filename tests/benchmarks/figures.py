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
    aim : float, optional
        What to aim at once the target is met; missing it is no failure.
    by_best : bool
        Judged and reported by the best repeat, where what disturbs a repeat is no part of what is measured.
    """

    what: str
    measured: Sequence[float] | np.ndarray
    unit: str
    target: float | None = None
    at_least: bool = False
    aim: float | None = None
    by_best: bool = False

    @property
    def median(self) -> float:
        """What is reported."""
        return float(np.median(self.measured))

    @property
    def best(self) -> float:
        """The repeat that nothing disturbed."""
        return float(max(self.measured) if self.at_least else min(self.measured))

    @property
    def result(self) -> float:
        """What is reported and held against the target."""
        return self.best if self.by_best else self.median

    @property
    def is_met(self) -> bool:
        """Whether the result is on the right side of the target."""
        return self._reaches(self.target)

    def _reaches(self, wanted: float | None) -> bool:
        if wanted is None:
            return True
        return self.result >= wanted if self.at_least else self.result <= wanted

    def row(self) -> str:
        """A line of a Markdown table."""
        n, sign = len(self.measured), ">=" if self.at_least else "<="
        wanted = "" if self.target is None else f"{sign} {number(self.target)} {self.unit}"
        if self.aim is not None:
            wanted += f", aim {number(self.aim)}"
        low, high = np.quantile(self.measured, [0.25, 0.75])
        spread = f"{number(low)} to {number(high)} of {n}" if n > 1 else "one run"
        verdict = " (missed)" if not self.is_met else " (aim met)" if self.aim and self._reaches(self.aim) else ""
        got = f"{number(self.result)} {self.unit}{verdict}"
        return f"| {self.what} | {wanted} | {got} | {spread} | {number(self.best)} |"


def number(value: float) -> str:
    """Three digits that count; thousands in groups."""
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.3g}"


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


def cpu_seconds_of(function: Callable[[], object]) -> float:
    """Seconds that this thread was at work in one call: waiting for a busy machine is not among them."""
    start = time.thread_time()
    made = function()
    seconds = time.thread_time() - start
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
