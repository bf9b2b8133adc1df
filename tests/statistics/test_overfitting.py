"""The probability of back-test over-fitting: what the papers say of it, and a plain loop."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrtoolkit.statistics.overfitting import overfitting


def sharpe(returns):
    return returns.mean(axis=1) / returns.std(axis=1, ddof=1)


def plain(returns, groups):
    """The definition, split by split."""
    parts = np.array_split(np.arange(returns.shape[1]), groups)
    logits = []
    for chosen in itertools.combinations(range(groups), groups // 2):
        inside = np.concatenate([parts[i] for i in chosen])
        outside = np.setdiff1d(np.arange(returns.shape[1]), inside)
        one, other = (sharpe(returns[:, part]) for part in (inside, outside))
        rank = 1 + (other < other[one.argmax()]).sum()
        logits.append(math.log(rank / (len(returns) + 1 - rank)))
    return np.array(logits)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), trials=st.integers(2, 30), groups=st.sampled_from([4, 6, 8]), edge=st.floats(0, 1))
def test_it_is_the_definition(seed, trials, groups, edge):
    rng = np.random.default_rng(seed)
    returns = rng.normal(size=(trials, groups * 6)) + edge * rng.random((trials, 1))
    found, wanted = overfitting(returns, groups=groups), plain(returns, groups)
    np.testing.assert_allclose(np.sort(found.logits), np.sort(wanted), atol=1e-12)
    assert found.probability == pytest.approx((wanted < 0).mean() + 0.5 * (wanted == 0).mean())


def test_sixteen_groups_have_the_splits_of_the_paper():
    returns = np.random.default_rng(0).normal(size=(5, 64))
    assert overfitting(returns).n_splits == 12_870


@pytest.mark.parametrize("length", [500, 1000])
def test_trials_whose_whole_history_is_equal_are_over_fitted_for_sure(length):
    # Bailey et al., table of accuracies, case 0: all re-centred to a Sharpe ratio of 0, so what wins in one half
    # loses in the other; 1.000 is what they print
    returns = np.random.default_rng(1).normal(size=(100, length))
    returns = (returns - returns.mean(axis=1, keepdims=True)) / returns.std(axis=1, keepdims=True)
    assert overfitting(returns).probability == pytest.approx(1.0, abs=5e-4)


def test_luck_is_a_coin_toss_and_an_edge_holds():
    # Soloviov (2026), "How overfit is your search?": 200 trials of 1,000 bars, 0.476 with a deviation of 0.137 without
    # an edge; 0.001 where 20 of them earn 0.15 of their deviation a bar
    rng = np.random.default_rng(2)
    null = [overfitting(rng.normal(size=(200, 1000))).probability for _ in range(12)]
    assert abs(np.mean(null) - 0.476) < 3 * 0.137 / math.sqrt(12)
    edge = rng.normal(size=(200, 1000))
    edge[:20] += 0.15
    found = overfitting(edge)
    assert found.probability < 0.02
    assert found.probability_of_loss < 0.02
    assert found.in_sample.mean() > found.out_of_sample.mean() > 0.1


def test_a_trial_that_never_trades_neither_wins_nor_breaks():
    returns = np.random.default_rng(3).normal(size=(6, 64))
    returns[2] = 0.0
    assert 0 <= overfitting(returns).probability <= 1


@pytest.mark.parametrize("shape", [(1, 64), (5, 3), (0, 64)])
def test_too_little_gives_no_number(shape):
    found = overfitting(np.ones(shape))
    assert math.isnan(found.probability)
    assert found.n_splits == 0
    assert math.isnan(found.probability_of_loss)
