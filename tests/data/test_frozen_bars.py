"""Bars that were read, sampled, simulated or resampled cannot be written into by accident, and copies of them can."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from mrtoolkit.data import as_bars, fingerprint, from_pandas, read_bars, resample, sample, simulate
from mrtoolkit.data.fingerprint import snapshot


def _frame():
    return simulate(bars=50, freq="1h", seed=0).to_dataframe()


def _csv(folder):
    _frame().to_csv(folder / "bars.csv")
    return read_bars(folder / "bars.csv")


def _parquet(folder):
    _frame().reset_index().to_parquet(folder / "bars.parquet")
    return read_bars(folder / "bars.parquet")


def _zarr(folder, assets=None):
    simulate(bars=50, assets=assets, freq="1h", seed=0).to_zarr(folder / "bars.zarr", zarr_format=3, consolidated=False)
    return read_bars(folder / "bars.zarr")


def _two_levels(_):
    return from_pandas(pd.concat({"A": _frame(), "B": _frame()}, axis=1))


MADE = {
    "simulate": lambda _: simulate(bars=50, freq="1h", seed=0),
    "simulate, assets": lambda _: simulate(bars=50, assets=3, seed=0),
    "sample": lambda _: sample("IBM"),
    "sample, assets": lambda _: sample(["AAPL", "FB"]),
    "resample": lambda _: resample(simulate(bars=500, freq="1h", seed=0), "4h"),
    "resample, assets": lambda _: resample(simulate(bars=500, assets=2, freq="1h", seed=0), "4h"),
    "from_pandas": lambda _: from_pandas(_frame()),
    "from_pandas, assets": _two_levels,
    "as_bars": lambda _: as_bars(_frame()),
    "csv": _csv,
    "parquet": _parquet,
    "zarr": _zarr,
    "zarr, assets": lambda folder: _zarr(folder, assets=2),
}


@pytest.fixture(params=MADE)
def bars(request, tmp_path):
    return MADE[request.param](tmp_path)


def test_made_bars_refuse_to_be_written_into(bars):
    for name in bars.data_vars:
        with pytest.raises(ValueError, match="read-only"):
            bars[name].values[0] = 1.0
    with pytest.raises(ValueError, match="read-only"):
        bars["time"].values[0] = np.datetime64("2000-01-01")


def test_made_bars_own_their_memory_and_are_their_own_snapshot(bars):
    assert all(bars[name].values.flags.owndata for name in bars.data_vars)
    assert snapshot(bars) is bars


def test_made_bars_keep_an_asset_after_the_other_in_memory(bars):
    assert all(bars[name].values.T.flags.c_contiguous for name in bars.data_vars)


def test_a_deep_copy_of_made_bars_can_be_written_into(bars):
    before, kept = fingerprint(bars), bars["close"].values.copy()
    copy = bars.copy(deep=True)
    assert fingerprint(copy) == before
    copy["close"].values[0] = copy["low"].values[0] / 2
    assert fingerprint(copy) != before
    np.testing.assert_array_equal(bars["close"].values, kept)


def test_a_column_of_made_bars_can_be_set(bars):
    before = fingerprint(bars)
    bars["close"] = (bars["high"] + bars["low"]) / 2
    assert fingerprint(bars) != before
    xr.testing.assert_equal(bars["close"], (bars["high"] + bars["low"]) / 2)


def test_a_frame_changed_later_leaves_the_bars_that_were_made_of_it():
    frame = _frame()
    bars = from_pandas(frame)
    before = bars["close"].values.copy()
    frame.loc[:, "close"] = 1.0
    np.testing.assert_array_equal(bars["close"].values, before)
