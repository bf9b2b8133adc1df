"""What was moved in place is noticed, although each value is still there."""

import numpy as np
import pytest

from mrtoolkit.data.fingerprint import fingerprint
from mrtoolkit.data.simulate import simulate


def _moved(bars, name, order):
    values = bars[name].values
    values[:] = values[order]


@pytest.mark.parametrize("n_bars", [200, 70_000])
def test_a_column_reversed_in_place_changes_the_fingerprint(n_bars):
    bars = simulate(bars=n_bars, freq="1h", seed=0).copy(deep=True)
    before = fingerprint(bars)
    _moved(bars, "volume", slice(None, None, -1))
    assert fingerprint(bars) != before
    _moved(bars, "volume", slice(None, None, -1))
    assert fingerprint(bars) == before


@pytest.mark.parametrize(("first", "second"), [(3, 4), (0, 2048), (5, 65_536 + 5), (1, 4097)])
@pytest.mark.parametrize("values", [(1.0, 2.0), (0.0, 1.0), (100.0, 200.0), (0.1, 0.3)])
def test_two_values_that_change_places_change_the_fingerprint(first, second, values):
    bars = simulate(bars=70_000, freq="1h", seed=0).copy(deep=True).assign(flag=("time", np.zeros(70_000)))
    flag = bars["flag"].values
    flag[first], flag[second] = values
    before = fingerprint(bars)
    flag[first], flag[second] = values[::-1]
    assert fingerprint(bars) != before


def test_a_column_reversed_in_place_gives_no_old_feature():
    from mrtoolkit.features import FeatureStore
    from mrtoolkit.indicators import sma

    bars = simulate(bars=300, freq="1h", seed=0).copy(deep=True)
    store = FeatureStore()
    old = store.array(bars, sma(5))
    for name in ("open", "high", "low", "close"):
        _moved(bars, name, slice(None, None, -1))
    new = store.array(bars, sma(5))
    assert new[4] == pytest.approx(bars["close"].values[:5].mean())
    assert not np.array_equal(old, new, equal_nan=True)
