"""What a figure was given, looked at first: a study where a trial is drawn says how to come by the trial."""

from __future__ import annotations

import numbers
from typing import Any

import xarray as xr

from mrtoolkit.backtest.backtest import Backtest
from mrtoolkit.backtest.trial import Trial
from mrtoolkit.errors import StudyError
from mrtoolkit.search.study import Study

_LOWEST, _HIGHEST = 40, 100_000  # pixels: a figure of a bar a parameter may be long
_PRICES = ("open", "high", "low", "close")


def check_study(study: Any) -> None:
    """Refuse what is no study."""
    if not isinstance(study, Study):
        msg = (
            f"a study was to be shown, but got {_named(study)}; give what mrt.optimize(...) or mrt.load_study(path) "
            "returned."
        )
        raise StudyError(msg)


def check_trial(trial: Any) -> None:
    """Refuse what is no trial."""
    if not isinstance(trial, Trial):
        cure = "give backtest.trial(study.best.params)"
        raise StudyError(f"one trial was to be drawn, but got {_named(trial)}; {cure}.")


def check_backtest(backtest: Any) -> None:
    """Refuse what is no backtest."""
    if not isinstance(backtest, Backtest):
        raise StudyError(f"a backtest was to be drawn, but got {_named(backtest)}; give mrt.Backtest(bars, strategy).")


def check_bars(bars: Any) -> None:
    """Refuse what is no Dataset of prices over time."""
    if not isinstance(bars, xr.Dataset) or "time" not in bars.dims or any(name not in bars for name in _PRICES):
        cure = "give those that the trial ran on, backtest.bars"
        msg = f"bars were to be drawn, a Dataset of {', '.join(_PRICES)} over time, but got {_named(bars)}; {cure}."
        raise StudyError(msg)


def check_benchmark(benchmark: Any) -> None:
    """Refuse what cannot stand beside a trial; None is no benchmark."""
    if isinstance(benchmark, xr.Dataset):
        check_bars(benchmark)
    elif benchmark is not None and not isinstance(benchmark, Trial | xr.DataArray):
        cure = "give mrt.views.buy_and_hold(backtest), backtest.bars or an equity over time"
        raise StudyError(f"a benchmark was to be drawn, but got {_named(benchmark)}; {cure}.")


def check_height(height: Any) -> None:
    """Refuse what is no height of a figure."""
    is_whole = isinstance(height, numbers.Integral) and not isinstance(height, bool)
    if not is_whole or not _LOWEST <= height <= _HIGHEST:
        msg = f"height is {height!r}, but must be a whole number of pixels from {_LOWEST} to {_HIGHEST:,}; change it."
        raise StudyError(msg)


def check_share(share: Any) -> None:
    """Refuse what is no part of the time."""
    is_number = isinstance(share, numbers.Real) and not isinstance(share, bool)
    if not is_number or not 0.0 < share < 1.0:
        raise StudyError(f"the first part was to be {share!r} of the time; give a share between 0 and 1, such as 0.7.")


def _named(value: Any) -> str:
    """Return None as it is, anything else by its type: a study's or a frame's own text is long."""
    return "None" if value is None else f"a {type(value).__name__}"
