"""Frozen bars are checked once; whatever changes of them is seen."""

import numpy as np
import pytest

import mrtoolkit as mrt
from mrtoolkit.data import bars as bars_module
from mrtoolkit.data.bars import as_bars
from mrtoolkit.errors import BarsError


@pytest.fixture
def bars():
    return as_bars(mrt.data.simulate(bars=200, seed=0))


def test_frozen_bars_are_checked_once(bars, monkeypatch):
    monkeypatch.setattr(bars_module, "check_prices", lambda *_, **__: pytest.fail("checked again"))
    assert as_bars(bars) is bars


def test_bars_that_were_made_writable_are_checked_again(bars):
    values = bars["close"].values
    values.flags.writeable = True
    values[3] = -1.0
    with pytest.raises(BarsError, match="close"):
        as_bars(bars)


def test_a_column_put_in_is_checked(bars):
    bars["close"] = ("time", np.full(200, -1.0))
    with pytest.raises(BarsError, match="close"):
        as_bars(bars)


def test_bars_that_say_otherwise_are_checked_again(bars):
    bars.attrs["timeframe"] = "7m"
    assert as_bars(bars).attrs["timeframe"] != "7m"


def test_other_words_are_heeded(bars):
    assert as_bars(bars, missing="allow").attrs["missing"] == "allow"
