import numpy as np
import pandas as pd
import pytest
import xarray as xr

from mrtoolkit.backtest.trial import Trial
from mrtoolkit.errors import StudyError
from mrtoolkit.views.equity import equity, equity_data


def over(values, bars):
    times = bars["time"].to_numpy()[: len(values)]
    return xr.DataArray(np.asarray(values, dtype=float), dims="time", coords={"time": times})


def account(equity, returns):
    return Trial(params={}, metrics={}, trades=pd.DataFrame(), equity=equity, returns=returns, position=returns)


def test_growth_starts_from_the_equity_before_the_first_bar(bars):
    trial = account(equity=over([110.0, 99.0, 121.0], bars), returns=over([0.1, -0.1, 121 / 99 - 1], bars))
    data = equity_data(trial)
    assert data["equity"].to_numpy() == pytest.approx([1.1, 0.99, 1.21])
    assert data["drawdown"].to_numpy() == pytest.approx([0.0, 0.1, 0.0])


def test_a_loss_on_the_first_bar_is_a_drawdown(bars):
    trial = account(equity=over([90.0, 95.0], bars), returns=over([-0.1, 95 / 90 - 1], bars))
    assert equity_data(trial)["drawdown"].to_numpy() == pytest.approx([0.1, 0.05])


def test_drawdown_is_that_of_a_plain_loop(bars, trial):
    data = equity_data(trial, bars)
    for value, fall in (("equity", "drawdown"), ("hold", "hold_drawdown")):
        highest = 1.0
        for grown, fallen in zip(data[value].to_numpy(), data[fall].to_numpy(), strict=True):
            highest = max(highest, grown)
            assert fallen == pytest.approx(1 - grown / highest)


def test_holding_the_bars_is_close_over_first_close(bars, trial):
    close = bars["close"].to_numpy()
    assert equity_data(trial, bars)["hold"].to_numpy() == pytest.approx(close / close[0])


def test_a_gap_in_the_benchmark_carries_its_last_price(bars):
    part = bars.isel(time=slice(0, 4)).copy(deep=True)
    part["close"][:] = [10.0, np.nan, 12.0, np.nan]
    trial = account(equity=over(np.ones(4), bars), returns=over(np.zeros(4), bars))
    assert equity_data(trial, part)["hold"].to_numpy().tolist() == [1.0, 1.0, 1.2, 1.2]


def test_a_benchmark_of_other_times_is_refused(bars, trial):
    with pytest.raises(StudyError, match="no value at any of the trial's times"):
        equity_data(trial, bars.assign_coords(time=bars["time"] + np.timedelta64(1, "s")))


def test_both_panels_share_their_time_axis(bars, trial):
    top, below = equity(trial, bars).children
    assert top.x_range is below.x_range
    assert below.xaxis[0].axis_label == "Time (America/New_York)"
    assert below.y_range.flipped
