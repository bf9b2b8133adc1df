"""What computing and reading a feature cost, as measured, and which of the two a look-up does."""

from __future__ import annotations

import math
import statistics
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

# Reading is preferred unless computing is clearly cheaper: at break-even either will do, and a reader that wavers with
# the noise of two measurements would compute again what another process has already paid for.
_MARGIN = 2.0
# Before anything was read in this process: opening a file, and a verified copy out of the page cache.
_READ_SECONDS = 60e-6
_READ_SECONDS_PER_VALUE = 1e-9
_REMEMBERED = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a look-up of a stored feature does, and why.

    Attributes
    ----------
    reads : bool
        Whether it is read; else it is computed anew.
    compute_ns, read_ns : float
        Nanoseconds a value; NaN where computing was never measured.
    is_guess : bool
        Whether nothing of that size has been read yet, so that `read_ns` is what reading takes as a rule.
    """

    reads: bool
    compute_ns: float
    read_ns: float
    is_guess: bool = False


class Costs:
    """Measured costs of one store in one process.

    Computing is remembered by family as the least nanoseconds a value (what it costs when nothing disturbs it);
    reading as the median of the last reads of about the same size (what the disk gives now, its cache warm or cold).
    """

    def __init__(self) -> None:
        self._compute: dict[str, float] = {}
        self._reads: dict[int, deque[float]] = {}

    def __contains__(self, folder: str) -> bool:
        return folder in self._compute

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._compute))

    def computed(self, folder: str, seconds: float, n_values: int) -> None:
        """Remember that computing `n_values` values of a family took so long."""
        self.known(folder, seconds * 1e9 / max(1, n_values))

    def known(self, folder: str, ns_per_value: float) -> None:
        """Remember what another process has measured; NaN is nothing."""
        if ns_per_value == ns_per_value:
            self._compute[folder] = min(ns_per_value, self._compute.get(folder, math.inf))

    def read(self, seconds: float, n_values: int) -> None:
        """Remember that reading one feature of `n_values` values took so long."""
        self._reads.setdefault(_size(n_values), deque(maxlen=_REMEMBERED)).append(seconds / max(1, n_values))

    def ns_per_value(self, folder: str) -> float:
        """Nanoseconds that computing one value of a family takes, NaN where it was never measured."""
        return self._compute.get(folder, math.nan)

    def read_ns_per_value(self, n_values: int) -> float:
        """Nanoseconds a value that reading a feature of `n_values` values takes."""
        measured = self._reads.get(_size(n_values))
        if measured:
            return statistics.median(measured) * 1e9
        return (_READ_SECONDS / max(1, n_values) + _READ_SECONDS_PER_VALUE) * 1e9

    def decision(self, folder: str, n_values: int) -> Decision:
        """Return whether a stored feature of a family is read or computed anew.

        It is read unless computing takes less than half of the time.
        """
        compute_ns, read_ns = self.ns_per_value(folder), self.read_ns_per_value(n_values)
        is_guess = not self._reads.get(_size(n_values))
        reads = not _MARGIN * compute_ns < read_ns
        return Decision(reads=reads, compute_ns=compute_ns, read_ns=read_ns, is_guess=is_guess)


def _size(n_values: int) -> int:
    return max(1, n_values).bit_length()
