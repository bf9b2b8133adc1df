"""Simulated bars: reproducible, of the promised volatility, clustered, consistent."""

import numpy as np
import pytest

from mrtoolkit.data.calendar import bars_per_year
from mrtoolkit.data.simulate import simulate


def _log_returns(bars):
    return np.diff(np.log(bars["close"].values), axis=0)


def test_the_same_seed_gives_the_same_bars_and_another_seed_others():
    first, again, other = (simulate(bars=200, freq="1h", seed=seed) for seed in (7, 7, 8))
    assert first.identical(again)
    assert not first.equals(other)


@pytest.mark.parametrize("freq", ["1h", "1B", "1MS"])
def test_a_longer_history_begins_with_the_shorter_one(freq):
    short = simulate(bars=100, freq=freq, seed=3, assets=2)
    long = simulate(bars=250, freq=freq, seed=3, assets=2)
    assert short.drop_attrs().equals(long.isel(time=slice(0, 100)).drop_attrs())


def test_more_assets_begin_with_the_fewer():
    few, many = simulate(bars=50, assets=2, seed=3), simulate(bars=50, assets=12, seed=3)
    assert few.equals(many.isel(asset=slice(0, 2)))


def test_assets_may_have_labels_of_their_own():
    bars = simulate(bars=50, assets=["x", "y"])
    assert list(bars["asset"].values) == ["x", "y"]
    assert bars["close"].dims == ("time", "asset")
    assert simulate(bars=50)["close"].dims == ("time",)


def test_prices_are_consistent_and_never_repeat_an_open_as_the_close_before():
    bars = simulate(bars=20_000, freq="5min", seed=1)
    open_, high, low, close = (bars[name].values for name in ("open", "high", "low", "close"))
    assert (high >= np.maximum(open_, close)).all()
    assert (low <= np.minimum(open_, close)).all()
    assert (low > 0).all()
    assert (bars["volume"].values > 0).all()
    assert np.count_nonzero(open_[1:] == close[:-1]) < 5


@pytest.mark.parametrize(("freq", "per_year"), [("1h", 8766), ("1B", 261), ("1D", 365.25)])
def test_volatility_is_that_of_a_year_of_the_bars_own_calendar(freq, per_year):
    bars = simulate(bars=30_000, freq=freq, seed=11, volatility=0.3, clustering=0.2)
    assert bars_per_year(bars) == pytest.approx(per_year, rel=1e-3)
    assert _log_returns(bars).std() * np.sqrt(per_year) == pytest.approx(0.3, rel=0.05)


def test_drift_is_the_mean_simple_return_of_a_year():
    # Half of the squared volatility, 0.125 a year, lies between simple and log returns.
    bars = simulate(bars=90_000, freq="1D", seed=2, volatility=0.5, drift=0.1, clustering=0.0)
    simple = np.diff(bars["close"].values) / bars["close"].values[:-1]
    years = 90_000 / 365.25
    assert simple.mean() * 365.25 == pytest.approx(0.1, abs=2.5 * 0.5 / np.sqrt(years))


def test_volatility_clusters_and_does_not_where_it_shall_not():
    def autocorrelation(bars):
        squares = _log_returns(bars) ** 2
        return np.corrcoef(squares[1:], squares[:-1])[0, 1]

    assert autocorrelation(simulate(bars=50_000, freq="1h", seed=0)) > 0.1
    assert abs(autocorrelation(simulate(bars=50_000, freq="1h", seed=0, clustering=0.0))) < 0.02


def test_high_and_low_are_those_of_a_brownian_path():
    # Expected range of a driftless Brownian motion: sqrt(8 / pi) standard deviations (Feller 1951).
    bars = simulate(bars=100_000, freq="1h", seed=4, clustering=0.0, volatility=0.2, drift=0.0)
    sigma = 0.2 / np.sqrt(8766) * np.sqrt(0.9)  # a tenth of the variance falls before the open
    ranges = np.log(bars["high"].values / bars["low"].values)
    # High and low are each exact; drawn apart, they differ a little from the joint law of both.
    assert ranges.mean() / sigma == pytest.approx(np.sqrt(8 / np.pi), rel=0.02)


def test_assets_are_correlated_as_asked():
    bars = simulate(bars=30_000, assets=2, freq="1h", seed=4, correlation=0.6, clustering=0.0)
    assert np.corrcoef(_log_returns(bars).T)[0, 1] == pytest.approx(0.6, abs=0.02)
