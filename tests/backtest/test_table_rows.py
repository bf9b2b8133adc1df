"""Tables of running sums eight bars at a time are those that go bar by bar, to the bit."""

from __future__ import annotations

import numpy as np
import pytest

from mrtoolkit.backtest._kernels.fills import CostRates
from mrtoolkit.backtest._kernels.tables import LEFT, REACH, fill_cell, fill_row

COSTS = [(0.0, 0.0, 0.0, 0.0), (0.001, 0.0002, 0.01, 0.003)]


@pytest.mark.parametrize("costs", COSTS)
@pytest.mark.parametrize("bars", [(0, 1), (0, 8), (0, 9), (3, 12), (5, 300), (17, 1003)])
def test_eight_bars_at_a_time_are_one_by_one(bars, costs):
    rng = np.random.default_rng(0)
    mark = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.01, 1_010)))
    mark[200:220] = mark[200]
    raw = mark * np.exp(rng.normal(0.0, 0.005, mark.size))
    rates, (first, last), risk_free = CostRates(*costs, 0.0, 0.0, 0.0), bars, 1e-5
    tables, totals = np.zeros((last - first, 8)), np.zeros(4)
    fill_cell(raw, mark, rates, risk_free, first, last, tables, totals)
    expected, state = np.zeros_like(tables), np.zeros(2 * LEFT)
    for t in range(first, last):
        fill_row(raw[t], mark[t], mark[max(t - 1, 0)], rates, risk_free, expected[t - first], state)
    np.testing.assert_array_equal(tables, expected)
    np.testing.assert_array_equal(totals, [*state[:REACH], state[LEFT]])
