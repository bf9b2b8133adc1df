"""The tests of a position function before its targets are traded: that it looks at no later bar, and stays in its own.

Its parameters have no bounds and its features no simulated form, so it is tested where it is used: on the user's bars,
at the first points that it runs at. It then goes on being tested on two thirds of the bars, as indicators are. For the
tests it is compiled a second time, so that numba watches the ends of arrays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mrtoolkit.errors import IndicatorError, StrategyError
from mrtoolkit.indicators.look_ahead import check_past
from mrtoolkit.strategy._kernels.target_values import count_numbers
from mrtoolkit.strategy.positions import TARGET, Positions

MARGIN = 16
"""Elements behind the targets in which a function that writes beyond them is found out."""

_SENTINEL = -1.2345e300
_BARS = 2_000  # after the warm-up, on which the future is changed
_CUTS = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionCall:
    """A position function with its arguments at one point and asset.

    Attributes
    ----------
    features : mapping of name to (time,) float64
        Read-only.
    values : mapping of name to number
        Of its own parameters.
    shown : str
        `trend(fast=5, slow=20)`, for messages.
    warm : int
        The first bar at which every feature has had a value.
    """

    positions: Positions
    features: Mapping[str, np.ndarray]
    values: Mapping[str, float]
    shown: str
    warm: int

    @property
    def n_bars(self) -> int:
        """Bars of the features."""
        return next(iter(self.features.values())).size

    def write(self, row: np.ndarray) -> None:
        """Fill a row, (time + MARGIN,), with targets; the margin is used up.

        Raises
        ------
        StrategyError
            If the function fails, or wrote no target, an infinite one, or one beyond the bars.
        """
        n = self.n_bars
        row[:n], row[n:] = np.nan, _SENTINEL
        if self.warm >= n:  # an asset that has no value of a feature is not traded
            return
        self.positions.write({**self.features, **self.values}, row[:n])
        if not (row[n:] == _SENTINEL).all():
            raise StrategyError(self._beyond())
        written, infinite = count_numbers(row[:n], self.warm)
        if infinite:
            bar = int(np.flatnonzero(np.isinf(row[:n]))[0])
            raise StrategyError(
                f"{self.shown} gives the target {row[bar]} at bar {bar:,}, one of {infinite:,} that are infinite; give "
                "a finite fraction of equity, and divide by nothing that can be zero."
            )
        if written == 0:
            raise StrategyError(
                f"{self.shown} writes no target at any of the {n - self.warm:,} bars from bar {self.warm:,} on, where "
                f"its features have values; write {TARGET}[t] = 0.0 where it is to be flat."
            )

    def check(self) -> None:
        """Refuse a function that reaches beyond its arrays, gives two answers, or looks at later bars."""
        first, again = self._whole(), self._whole()
        if not np.array_equal(first, again, equal_nan=True):
            bar = int(np.flatnonzero((first != again) & ~(np.isnan(first) & np.isnan(again)))[0])
            raise StrategyError(
                f"{self.shown} gave two different targets at bar {bar:,} of the same bars; fix its seed, or keep no "
                "state."
            )
        self.check_on_bars()
        n = min(self.n_bars, self.warm + _BARS)
        then = self._attempt(self._until(n))
        if then is None:  # it takes longer arrays for granted
            n, then = self.n_bars, first
        for cut in np.unique(np.linspace(min(self.warm + 5, n - 2), n - 2, _CUTS).astype(int)):
            if cut >= 0:
                for factor in (1.7, 0.4):
                    self._compare(self._attempt(self._changed(n, cut, factor)), then, int(cut), "are changed")
                self._compare(self._attempt(self._until(cut + 1)), then, int(cut), "are left out")

    def check_on_bars(self) -> None:
        """Refuse targets that are other ones on the first two thirds of the bars alone."""
        cut = 2 * self.n_bars // 3
        if cut:
            self._compare(self._attempt(self._until(cut)), self._whole(), cut - 1, "of these are left out")

    def _beyond(self) -> str:
        return (
            f"{self.shown} reads or writes beyond the end of its arrays, which have an element a bar; keep indices "
            f"below {TARGET}.size."
        )

    def _whole(self) -> np.ndarray:
        """The targets of all bars, with the ends of arrays watched."""
        try:
            return self._watched(self.features)
        except IndexError:
            raise StrategyError(self._beyond()) from None

    def _attempt(self, features: Mapping[str, np.ndarray]) -> np.ndarray | None:
        """The targets of other features, None where the function fails: it may need more bars, or its own numbers."""
        try:
            return self._watched(features)
        except (IndexError, StrategyError):
            return None

    def _watched(self, features: Mapping[str, np.ndarray]) -> np.ndarray:
        target = np.full(next(iter(features.values())).size, np.nan)
        self.positions.write({**features, **self.values}, target, watched=True)
        return target

    def _until(self, n: int) -> dict[str, np.ndarray]:
        return {name: column[:n] for name, column in self.features.items()}

    def _changed(self, n: int, cut: int, factor: float) -> dict[str, np.ndarray]:
        """The features of `n` bars, after bar `cut` backwards and another size."""
        changed = {}
        for name, column in self._until(n).items():
            column = column.copy()
            column[cut + 1 :] = column[cut + 1 :][::-1] * factor
            column.flags.writeable = False
            changed[name] = column
        return changed

    def _compare(self, now: np.ndarray | None, then: np.ndarray, cut: int, what: str) -> None:
        if now is None:
            return
        try:
            check_past(now[None, : cut + 1], then[None, : cut + 1], self.shown, cut, what)
        except IndicatorError as error:
            raise StrategyError(str(error)) from None
