"""Several assets below each other in one table, set side by side."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from mrtoolkit.data.checks import Axes, check_count
from mrtoolkit.errors import BarsError


def pivot(
    time: np.ndarray, labels: pd.Series, values: Mapping[str, np.ndarray], *, zone: str
) -> tuple[np.ndarray, list[str], dict[str, np.ndarray]]:
    """Return all times, the assets as they appear, and columns (asset, time) with NaN where an asset has no row.

    Parameters
    ----------
    time : (row,) datetime64[ns]
        Increasing within each asset.
    labels : (row,)
        The asset of each row.
    values : mapping of name to (1, row) float64

    Raises
    ------
    BarsError
        If within an asset times are missing, duplicated or out of order, or a row has no asset.
    """
    axes = Axes(time=time, zone=zone)
    if labels.isna().any():
        row = int(np.asarray(labels.isna()).argmax())
        raise BarsError(
            f"the asset is missing at {int(labels.isna().sum()):,} of {len(labels):,} rows, first row {row + 1:,}; "
            "name it."
        )
    if np.isnat(time).any():
        row = int(np.isnat(time).argmax())
        raise BarsError(
            f"the time stamp is missing at {int(np.isnat(time).sum()):,} of {time.size:,} rows, first row "
            f"{row + 1:,}; repair the source."
        )
    codes, uniques = pd.factorize(labels)
    assets = [str(label) for label in uniques]
    order = np.argsort(codes, kind="stable")
    steps = np.diff(time[order].view(np.int64))
    same = codes[order][1:] == codes[order][:-1]
    for bad, what, cure in (
        (same & (steps < 0), "are not in order", "sort the rows by asset and time"),
        (same & (steps == 0), "are duplicated", "keep one row an asset and time"),
    ):
        if bad.any():
            row = int(order[int(bad.argmax()) + 1])
            raise BarsError(
                f"time stamps {what} at {int(bad.sum()):,} of {time.size:,} rows, first {axes.at(row)} "
                f"({assets[codes[row]]}); {cure}."
            )
    times, places = np.unique(time, return_inverse=True)
    check_count(times.size)
    columns = {}
    for name, column in values.items():
        wide = np.full((len(assets), times.size), np.nan)
        wide[codes, places] = column[0]
        columns[name] = wide
    return times, assets, columns
