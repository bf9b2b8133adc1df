"""Features of longer bars at shorter ones: pandas' resampling and merging, computed once, kept on disk, never early."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import mrtoolkit as mrt
from mrtoolkit.indicators import registry


def frame(freq, n, zone, keep=None):
    """Random prices over a regular index, or those of its times that `keep` says."""
    rng = np.random.default_rng(0)
    index = pd.date_range("2021-02-26", periods=n, freq=freq, tz=zone)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, n)))
    made = pd.DataFrame({"open": close, "high": close * 1.01, "low": close * 0.99, "close": close}, index=index)
    return made if keep is None else made[keep(index) & (rng.random(n) > 0.1)]


def office_hours(index):
    return (index.hour >= 9) & (index.hour < 16) & (index.day_of_week < 5)


def merged(prices, rule, length, step, of):
    """What pandas makes of it: resample, compute, name each value by its bar's end, merge with the bars' closes."""
    longer = of(prices["close"].resample(rule, label="left", closed="left").last().dropna())
    known = pd.DataFrame({"at": (longer.index + length).tz_convert("UTC"), "value": longer.to_numpy()})
    closes = pd.DataFrame({"at": (prices.index + step).tz_convert("UTC")})
    return pd.merge_asof(closes, known.astype({"at": closes["at"].dtype}), on="at")["value"].to_numpy()


def ema(n):
    def of(x):
        start = x.copy()
        start.iloc[: n - 1] = np.nan
        start.iloc[n - 1] = x.iloc[:n].mean()  # as TA-Lib starts
        return start.ewm(span=n, adjust=False).mean()

    return of


def workdays(index):
    return index.day_of_week < 5


CASES = [
    ("1h", "UTC", None, "4h", "4h", pd.Timedelta("4h"), pd.Timedelta("1h")),
    ("1h", "UTC", office_hours, "4h", "4h", pd.Timedelta("4h"), pd.Timedelta("1h")),
    ("15min", "UTC", None, "1h", "1h", pd.Timedelta("1h"), pd.Timedelta("15min")),
    ("1h", "America/New_York", None, "1D", "1D", pd.DateOffset(days=1), pd.Timedelta("1h")),
    ("1h", "Asia/Tokyo", office_hours, "1D", "1D", pd.DateOffset(days=1), pd.Timedelta("1h")),
    ("1D", "UTC", None, "1W", "W-MON", pd.DateOffset(days=7), pd.DateOffset(days=1)),
    ("1D", "Europe/Berlin", workdays, "1W", "W-MON", pd.DateOffset(days=7), pd.DateOffset(days=1)),
    ("1D", "UTC", workdays, "1MS", "MS", pd.DateOffset(months=1), pd.DateOffset(days=1)),
]  # fmt: skip


@pytest.mark.parametrize(("freq", "zone", "keep", "timeframe", "rule", "length", "step"), CASES)
def test_value_is_that_of_the_last_completed_longer_bar(freq, zone, keep, timeframe, rule, length, step):
    prices = frame(freq, 2_000, zone, keep)
    bars = mrt.data.from_pandas(prices, missing="allow")
    assert bars.attrs["timeframe"] == freq
    store = mrt.FeatureStore()
    for node, of in [
        (mrt.close, lambda x: x),
        (mrt.close.shift(1), lambda x: x.shift(1)),
        (mrt.sma(5), lambda x: x.rolling(5).mean()),
        (mrt.ema(7), ema(7)),
        (mrt.sma(3) - mrt.close, lambda x: x.rolling(3).mean() - x),
    ]:
        found = store.array(bars, mrt.timeframe(timeframe, node))
        expected = merged(prices, rule, length, step, of)
        assert 1_000 > np.isnan(expected).sum() > 0
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-10)


def hourly(n=2_500):
    return mrt.data.simulate(bars=n, freq="1h", seed=0)


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
@pytest.mark.parametrize("timeframe", ["4h", "1D", "1W"])
def test_later_bars_change_nothing_that_was_known(timeframe, zone):
    prices = frame("1h", 1_200, zone)
    node = mrt.timeframe(timeframe, mrt.ema(2) + mrt.high)
    whole = mrt.FeatureStore().array(mrt.data.from_pandas(prices), node)
    for n in (1_199, 1_103, 1_081, 1_080, 1_079, 1_078, 805, 700):
        shorter = mrt.FeatureStore().array(mrt.data.from_pandas(prices.iloc[:n]), node)
        np.testing.assert_array_equal(shorter, whole[:n])
        changed = prices.copy()
        changed.iloc[n:] *= 3.0
        np.testing.assert_array_equal(mrt.FeatureStore().array(mrt.data.from_pandas(changed), node)[:n], whole[:n])


def test_own_timeframe_is_the_plain_expression():
    bars, store = hourly(), mrt.FeatureStore()
    plain = store.array(bars, mrt.ema(9))
    for text in ("1h", "60min"):
        np.testing.assert_array_equal(store.array(bars, mrt.timeframe(text, mrt.ema(9))), plain)
    assert store.counters.computed == 1


def test_every_feature_is_computed_once_over_the_longer_bars():
    bars, store = hourly(), mrt.FeatureStore()
    nodes = [mrt.timeframe("4h", node) for node in (mrt.ema(5), mrt.ema(5) + 1, mrt.macd(5, 9, 4).line)]
    for _ in range(2):
        store.fetch(bars, [mrt.timeframe("4h", mrt.ema(5)), *nodes])
    assert store.counters.computed == 2
    longer = mrt.data.resample(bars, "4h")
    store.array(longer, mrt.ema(9))
    assert store.counters.computed == 2
    store.array(bars, mrt.ema(5))
    assert store.counters.computed == 3


def test_assets_are_aligned_each_by_itself():
    bars = mrt.data.simulate(bars=600, freq="1h", assets=3, seed=1)
    node = mrt.timeframe("1D", mrt.sma(3, of=mrt.high))
    together = mrt.FeatureStore().array(bars, node)
    assert together.shape == (600, 3)
    for k in range(3):
        alone = mrt.FeatureStore().array(mrt.data.as_bars(bars.isel(asset=k, drop=True)), node)
        np.testing.assert_array_equal(together[:, k], alone)


NODES = [
    mrt.timeframe("4h", mrt.ema([5, 10])), mrt.timeframe("1D", mrt.rsi(4)), mrt.ema(7),
    mrt.ema(3, of=mrt.timeframe("4h", mrt.rsi(5))), mrt.timeframe("1D", mrt.bollinger(5, 2)),
]  # fmt: skip


def test_batch_names_the_timeframe():
    bars = hourly()
    features = mrt.FeatureStore().compute_batch(bars, NODES)
    assert set(features.data_vars) == {
        "ema_4h", "rsi_1D", "ema", "ema_of_rsi_4h", "bollinger_lower_1D", "bollinger_middle_1D", "bollinger_upper_1D"
    }  # fmt: skip
    assert features["ema_4h"].dims == ("ema_4h_lookback", "time")
    assert features["ema_4h"].attrs["long_name"] == 'timeframe("4h", ema(P.lookback))'
    assert features["ema_4h"].attrs["units"] == "price"
    alone = mrt.FeatureStore().array(bars, mrt.timeframe("4h", mrt.ema(10)))
    np.testing.assert_array_equal(features["ema_4h"].sel(ema_4h_lookback=10), alone)


def test_features_of_longer_bars_are_found_on_disk(tmp_path):
    bars = hourly()
    made = mrt.FeatureStore(tmp_path / "store").compute_batch(bars, NODES)
    store = mrt.FeatureStore(tmp_path / "store")
    names = ["ema_4h", "rsi_1D", "ema_of_rsi_4h", 'timeframe("4h", ema(5))']
    found = store.load_features(bars, names)
    assert store.counters.computed == 0
    assert store.counters.disk_hits > 0
    for name in ("ema_4h", "rsi_1D", "ema_of_rsi_4h"):
        np.testing.assert_array_equal(found[name], made[name])
    assert store.verify()
    opened = store["ema_4h"]
    np.testing.assert_array_equal(opened["ema_4h"].sel(lookback=5), made["ema_4h"].sel(ema_4h_lookback=5))
    matrix = store.matrix(bars).sel(indicator="ema_4h", lookback=10)
    np.testing.assert_array_equal(matrix, made["ema_4h"].sel(ema_4h_lookback=10))
    assert "4h bars" in str(store.info())
    with pytest.raises(mrt.StoreError, match="did you mean 'ema_4h'"):
        store.load_features(bars, "ema_2h")
    assert store.export_parquet(tmp_path / "features.parquet", bars) >= 6


def test_features_of_other_longer_bars_are_not_taken(tmp_path):
    mrt.FeatureStore(tmp_path / "store").compute_batch(hourly(), [mrt.timeframe("4h", mrt.ema(5))])
    other = mrt.data.simulate(bars=2_500, freq="1h", seed=1)
    with pytest.raises(mrt.StoreError, match="no features"):
        mrt.FeatureStore(tmp_path / "store").load_features(other, "ema_4h")


@pytest.mark.parametrize("n_bars", [2_401, 2_400, 2_403])
@pytest.mark.parametrize("on_disk", [True, False])
def test_append_gives_what_computing_afresh_gives(tmp_path, n_bars, on_disk):
    bars = hourly()
    store = mrt.FeatureStore(tmp_path / "store" if on_disk else None)
    store.compute_batch(mrt.data.as_bars(bars.isel(time=slice(0, n_bars))), NODES)
    assert store.append(bars) >= 6
    assert store.counters.extended >= 5
    found, fresh = store.compute_batch(bars, NODES), mrt.FeatureStore().compute_batch(bars, NODES)
    for name in fresh.data_vars:
        np.testing.assert_array_equal(found[name], fresh[name])


def test_peek_gives_what_is_there():
    bars, store = hourly(300), mrt.FeatureStore()
    node = mrt.timeframe("4h", mrt.ema(5))
    assert store.peek(bars, node) is None
    store.array(mrt.data.resample(bars, "4h"), mrt.ema(5))
    found = store.peek(bars, node)
    np.testing.assert_array_equal(found[0], store.array(bars, node))


def test_float32_rows_are_widened():
    bars = hourly(300)
    node = mrt.timeframe("4h", mrt.ema(5))
    narrow = mrt.FeatureStore(dtype="float32").array(bars, node)
    assert narrow.dtype == np.float64
    np.testing.assert_allclose(narrow, mrt.FeatureStore().array(bars, node), rtol=1e-6)


def test_changed_code_of_a_user_is_computed_anew(monkeypatch):
    monkeypatch.setattr(registry, "_entries", dict(registry._entries))  # which the tests of all indicators go through

    def registered(add):
        @mrt.indicator(n=(1, 50))
        def shifted_up(close: np.ndarray, n: int) -> np.ndarray:
            """The close, moved up."""
            out = np.full(close.size, np.nan)
            first = int(np.argmax(~np.isnan(close))) + n - 1
            out[first:] = close[first:] + add
            return out

        return mrt.timeframe("4h", shifted_up(3))

    bars, store = hourly(300), mrt.FeatureStore()
    first, second = (store.array(bars, registered(add)) for add in (1.0, 2.0))
    np.testing.assert_allclose(second - first, np.where(np.isnan(first), np.nan, 1.0))


@pytest.mark.parametrize(
    ("freq", "timeframe", "lookback", "error", "says"),
    [
        ("1h", "30min", 5, mrt.BarsError, "a whole number of 1h"),
        ("1h", "90min", 5, mrt.BarsError, "a whole number of 1h"),
        ("1h", "5h", 5, mrt.BarsError, "a day is not a whole number of 5h"),
        ("1D", "4h", 5, mrt.BarsError, "a whole number of 1D"),
        ("1h", "1MS", 5, mrt.BarsError, "take a longer history"),
        ("1h", "1D", 40, mrt.IndicatorError, "warm-up of 39 bars, and the data has 12 of 1D"),
    ],
)
def test_bars_that_do_not_make_the_longer_ones_are_refused(freq, timeframe, lookback, error, says):
    bars = mrt.data.simulate(bars=300, freq=freq, seed=0)
    for ask in (mrt.FeatureStore().array, mrt.FeatureStore().compute_batch):
        with pytest.raises(error, match=says):
            ask(bars, mrt.timeframe(timeframe, mrt.sma(lookback)))


def test_irregular_bars_have_no_longer_ones():
    rng = np.random.default_rng(0)
    prices = frame("1h", 300, "UTC")
    prices.index = prices.index[0] + pd.to_timedelta(np.cumsum(rng.integers(1, 10**6, 300)), unit="s")
    bars = mrt.data.from_pandas(prices, missing="allow")
    assert bars.attrs["timeframe"] == "irregular"
    with pytest.raises(mrt.BarsError, match="irregular"):
        mrt.FeatureStore().array(bars, mrt.timeframe("1D", mrt.close))
