"""A user's indicator of a moving window, as several tests register it."""

from __future__ import annotations

import numpy as np

from mrtoolkit.indicators.decorator import indicator


def windows(x, lookback, function):
    rolled = function(np.lib.stride_tricks.sliding_window_view(x, lookback), axis=1)
    return np.concatenate([np.full(lookback - 1, np.nan), rolled])


def define_range(**options):
    @indicator(lookback=(2, 500), **options)
    def my_range(high, low, lookback):
        """Height of the window."""
        return windows(high, lookback, np.max) - windows(low, lookback, np.min)

    return my_range
