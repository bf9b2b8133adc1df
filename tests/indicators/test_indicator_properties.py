"""What holds for every indicator of the registry, whatever its formula."""

import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrtoolkit.indicators import registry
from mrtoolkit.indicators.spec import Indicator

INDICATORS = [entry for name in registry.names() if isinstance(entry := registry.get(name), Indicator)]
each_indicator = pytest.mark.parametrize("indicator", INDICATORS, ids=lambda indicator: indicator.name)
quick = settings(max_examples=25, deadline=None)


def _columns(indicator, bars, seed):
    rng = np.random.default_rng(seed)
    close = 50 * np.exp(np.cumsum(rng.normal(0, 0.02, bars)))
    spread = close * rng.uniform(0.001, 0.02, bars)
    known = {"high": close + spread, "low": close - spread}
    return [known.get(name, close) for name in indicator.inputs]


def _values(indicator, data, most=40):
    def one(parameter):
        low, high = parameter.low, min(parameter.high, parameter.low + most)
        if parameter.integer:
            return st.integers(int(low), int(high))
        return st.integers(int(low * 2), int(high * 2)).map(lambda half: half / 2)

    return data.draw(st.tuples(*(one(parameter) for parameter in indicator.parameters)))


def _row(indicator, lookback):
    """That lookback for each parameter, or the lowest that is allowed."""
    return tuple(max(float(lookback), parameter.low) for parameter in indicator.parameters)


def _compute(indicator, columns, *rows):
    out = np.full((max(1, len(indicator.outputs)), len(rows), columns[0].size), 7.0)
    indicator.compute(columns, np.array(rows, dtype=float), out)
    return out


def test_every_built_in_indicator_is_held_to_these_properties():
    names = {indicator.name for indicator in INDICATORS}
    assert names >= {"ema", "sma", "wma", "rsi", "stdev", "atr", "roc", "highest", "lowest"}
    assert names >= {"slope", "rolling_rank", "rolling_median", "hurst"}


@each_indicator
@quick
@given(data=st.data(), seed=st.integers(0, 10_000))
def test_future_bar_changes_no_past_feature(indicator, data, seed):
    columns = _columns(indicator, 150, seed)
    values = _values(indicator, data)
    bar = data.draw(st.integers(1, 149))
    changed = [column.copy() for column in columns]
    for column in changed:
        column[bar:] *= data.draw(st.sampled_from([0.3, 1.01, 4.0, np.nan]))
    expected = _compute(indicator, columns, values)[..., :bar]
    assert _compute(indicator, changed, values)[..., :bar].tobytes() == expected.tobytes()
    cut = _compute(indicator, [column[:bar] for column in columns], values)
    assert cut.tobytes() == expected.tobytes()


@each_indicator
@quick
@given(data=st.data(), seed=st.integers(0, 10_000), missing=st.integers(0, 12))
def test_measured_warmup_is_the_declared_one(indicator, data, seed, missing):
    columns = _columns(indicator, 150, seed)
    for column in columns:
        column[:missing] = np.nan
    values = _values(indicator, data)
    has_value = ~np.isnan(_compute(indicator, columns, values)).any(axis=0)[0]
    warmup = indicator.warmup_of(values)
    assert not has_value[: missing + warmup].any()
    assert has_value[missing + warmup :].all()


@each_indicator
def test_many_parameters_in_one_call_give_the_bits_of_one_at_a_time(indicator):
    columns = _columns(indicator, 700, 3)
    columns[0][300] = np.nan
    # zlib: a fixed number for each name; 1,000 is longer than the history and stands among the others
    rng = np.random.default_rng(zlib.crc32(indicator.name.encode()))
    for count in (1, 2, 4, 5, 11):
        lookbacks = [*rng.integers(2, 90, count), 1_000]
        rows = [_row(indicator, lookback) for lookback in rng.permutation(lookbacks)]
        together = _compute(indicator, columns, *rows)
        for k, row in enumerate(rows):
            assert _compute(indicator, columns, row)[:, 0].tobytes() == together[:, k].tobytes(), row


@each_indicator
def test_leading_missing_values_only_delay_the_indicator(indicator):
    columns = _columns(indicator, 300, 5)
    late = [np.concatenate([np.full(17, np.nan), column]) for column in columns]
    for lookback in (2.0, 9.0, 30.0):
        row = _row(indicator, lookback)
        expected = _compute(indicator, columns, row)[0, 0]
        got = _compute(indicator, late, row)[0, 0]
        assert np.isnan(got[:17]).all()
        np.testing.assert_allclose(got[17:], expected, rtol=1e-11, atol=1e-11)


@each_indicator
@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_a_missing_value_has_no_result_and_does_not_spoil_the_rest(indicator, odd):
    columns = _columns(indicator, 200, 8)
    for column in columns:
        column[100] = odd
    row = _row(indicator, 9.0)
    result = _compute(indicator, columns, row)[0, 0]
    assert np.isnan(result[100])
    assert np.isfinite(result[:100][indicator.warmup_of(row) :]).all()
    assert np.isfinite(result[101 + indicator.warmup_of(row) :]).all()
    assert not np.isinf(result).any()


@each_indicator
def test_lookback_longer_than_the_history_gives_no_value(indicator):
    columns = _columns(indicator, 50, 1)
    for lookback in (51.0, 5_000.0, 1_000_000.0):
        assert np.isnan(_compute(indicator, columns, (lookback,) * len(indicator.parameters))).all()


@each_indicator
def test_compute_leaves_its_inputs_alone_and_takes_read_only_and_strided_ones(indicator):
    columns = _columns(indicator, 100, 2)
    row = _row(indicator, 5.0)
    expected = _compute(indicator, columns, row)
    before = [column.copy() for column in columns]
    strided = [np.repeat(column, 2)[::2] for column in columns]
    for column in columns:
        column.flags.writeable = False
    assert _compute(indicator, columns, row).tobytes() == expected.tobytes()
    assert _compute(indicator, strided, row).tobytes() == expected.tobytes()
    for column, copy in zip(columns, before, strict=True):
        assert np.array_equal(column, copy)
