"""Sharpe ratios and luck: the figures of the papers, and laws."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrtoolkit.statistics.sharpe import deflated_sharpe, effective_trials, expected_maximum, probabilistic_sharpe

YEAR = 250  # days, as in the papers


@pytest.mark.parametrize(
    ("n_trials", "skewness", "kurtosis", "published"),
    [(100, -3, 10, 0.9004), (46, -3, 10, 0.9505), (88, 0, 3, 0.9505)],
)
def test_deflated_sharpe_is_that_of_the_paper(n_trials, skewness, kurtosis, published):
    # Bailey and Lopez de Prado (2014), "A numerical example": 2.5 a year over five years of days, variance 1/2 a year
    found = deflated_sharpe(
        2.5 / math.sqrt(YEAR), 1250, n_trials=n_trials, variance=0.5 / YEAR, skewness=skewness, kurtosis=kurtosis
    )
    assert found == pytest.approx(published, abs=5e-5)


def test_luck_of_a_hundred_trials_is_that_of_the_paper():
    assert math.sqrt(0.5 / YEAR) * expected_maximum(100) == pytest.approx(0.1132, abs=5e-5)


@pytest.mark.parametrize("n_trials", [10, 100, 1000])
def test_expected_maximum_is_near_what_sampling_gives(n_trials):
    drawn = np.random.default_rng(0).normal(size=(4000, n_trials)).max(axis=1).mean()
    assert expected_maximum(n_trials) == pytest.approx(drawn, abs=0.06)


def test_a_sharpe_ratio_of_the_benchmark_is_as_likely_above_as_below():
    assert probabilistic_sharpe(0.1, 500, against=0.1, skewness=-2, kurtosis=9) == 0.5
    assert math.isnan(probabilistic_sharpe(0.1, 1))
    assert math.isnan(probabilistic_sharpe(math.nan, 100))


@given(
    sharpe=st.floats(-0.3, 0.3), more=st.floats(1.1, 50), trials=st.integers(1, 10_000), variance=st.floats(1e-6, 0.1)
)
def test_more_trials_never_raise_the_deflated_sharpe(sharpe, more, trials, variance):
    few = deflated_sharpe(sharpe, 500, n_trials=trials, variance=variance)
    many = deflated_sharpe(sharpe, 500, n_trials=trials * more, variance=variance)
    assert 0 <= many <= few <= probabilistic_sharpe(sharpe, 500) <= 1


@pytest.mark.parametrize("n_trials", [1, 2, 10, 100])
def test_independent_trials_count_whole(n_trials):
    returns = np.random.default_rng(1).normal(size=(n_trials, 250))
    assert effective_trials(returns) == pytest.approx(n_trials, rel=0.25)


@pytest.mark.parametrize("copies", [1, 30])
def test_copies_of_a_trial_count_once(copies):
    returns = np.random.default_rng(2).normal(size=(20, 120))
    scaled = np.concatenate([returns * (1 + i) for i in range(copies)])
    assert effective_trials(scaled) == pytest.approx(20, rel=0.25)


def test_near_copies_count_once():
    rng = np.random.default_rng(3)
    returns = np.repeat(rng.normal(size=(10, 120)), 40, axis=0) + 1e-3 * rng.normal(size=(400, 120))
    assert 8 < effective_trials(returns) < 14


def test_a_trial_that_never_traded_is_no_trial():
    returns = np.random.default_rng(4).normal(size=(3, 64))
    still = np.concatenate([returns, np.zeros((5, 64)), np.full((2, 64), 0.001)])
    assert effective_trials(still) == effective_trials(returns)
    assert math.isnan(effective_trials(np.zeros((4, 64))))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), n=st.integers(1, 60), shared=st.floats(0, 1))
def test_effective_trials_lie_between_one_and_all(seed, n, shared):
    rng = np.random.default_rng(seed)
    returns = shared * rng.normal(size=40) + (1 - shared) * rng.normal(size=(n, 40)) + 0.01
    assert 1 <= effective_trials(returns, draws=200) <= n
