"""Dimensions and their lattices: labels are the decimals that a person would type."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrtoolkit.errors import SpaceError
from mrtoolkit.search.dimensions import (
    Categorical,
    Integer,
    Real,
    dimension_from_dict,
    nearest_codes,
    positions,
)


def test_labels_of_a_tenth_are_the_decimals_typed():
    assert Real(0.1, 0.5, step=0.1).labels == (0.1, 0.2, 0.3, 0.4, 0.5)
    assert Real(5, 50, step=0.5).labels[:4] == (5.0, 5.5, 6.0, 6.5)
    assert Integer(60, 90, step=5).labels == (60, 65, 70, 75, 80, 85, 90)


def test_labels_of_a_real_are_floats_and_of_an_integer_ints():
    assert all(type(label) is float for label in Real(5, 8, step=1).labels)
    assert all(type(label) is int for label in Integer(5.0, np.int64(8)).labels)


def test_a_step_that_does_not_meet_the_end_stays_below_it():
    assert Integer(5, 10, step=2).labels == (5, 7, 9)
    assert Real(0, 1, step=0.3).labels == (0.0, 0.3, 0.6, 0.9)


@given(
    low=st.decimals(-1000, 1000, places=3),
    step=st.decimals("0.001", 50, places=3),
    count=st.integers(1, 300),
    beyond=st.decimals(0, "0.99", places=2),
)
def test_every_label_is_the_nearest_float_to_its_decimal(low, step, count, beyond):
    high = low + step * count + step * beyond
    dimension = Real(float(low), float(high), step=float(step))
    expected = [
        float(Decimal(low) + i * Decimal(step)) for i in range(count + 1)
    ]  # Decimal is exact, float() rounds once
    assert list(dimension.labels)[: count + 1] == expected
    assert dimension.size == len(dimension.labels)
    assert dimension.encode(dimension.labels).tolist() == list(range(dimension.size))


@given(low=st.integers(-500, 500), step=st.integers(1, 40), count=st.integers(1, 100), value=st.integers(-1000, 5000))
def test_an_integer_encodes_its_labels_alone(low, step, count, value):
    dimension = Integer(low, low + step * count, step=step)
    labels = range(low, low + step * count + 1, step)
    assert (
        dimension.encode([value, float(value), np.int64(value)]).tolist()
        == [labels.index(value) if value in labels else -1] * 3
    )


def test_ten_is_one_label_however_it_is_written():
    for dimension in (Integer(5, 20), Real(5, 20, step=0.5), Categorical([5, 10, 20])):
        codes = {int(dimension.encode([value])[0]) for value in (10, 10.0, np.int64(10), np.float32(10))}
        assert len(codes) == 1
        assert codes != {-1}


def test_a_value_between_labels_or_of_another_kind_is_no_label():
    values = [5.25, 4.5, 50.5, None, "5", True, float("nan"), float("inf")]
    assert Real(5, 50, step=0.5).encode(values).tolist() == [-1] * len(values)
    assert Integer(5, 50).encode(np.array([5.25, np.nan, 51.0])).tolist() == [-1, -1, -1]


def test_a_continuous_dimension_has_a_thousand_short_steps():
    assert Real(0, 1).size == 1001
    assert Real(0, 1).labels[1:3] == (0.001, 0.002)
    assert Real(0.5, 3).labels[1] == 0.502  # 2.5 / 0.002 = 1,250 steps; 0.005 would make 500
    assert 1000 <= Real(-3, 4).size - 1 < 2500


def test_a_log_dimension_without_a_step_has_equal_ratios():
    dimension = Real(1e-4, 1, log=True)
    labels = np.array(dimension.labels)
    assert labels[0] == 1e-4
    assert labels[-1] == 1.0
    assert np.allclose(labels[1:] / labels[:-1], 10 ** (4 / 1000), rtol=2e-3)
    assert dimension.encode(labels).tolist() == list(range(1001))
    assert max(len(f"{label:g}") for label in labels) <= 11


def test_a_log_dimension_with_steps_is_looked_at_by_ratio():
    dimension = Integer(1, 1000, log=True)
    codes = nearest_codes(dimension, np.linspace(0, 1, 4), 0, 999)
    assert dimension.decode(codes).tolist() == [1, 10, 100, 1000]
    assert positions(dimension, codes).round(12).tolist() == [0, 0.333333333333, 0.666666666667, 1]


def test_none_is_a_category_and_nan_in_a_column_means_it():
    dimension = Categorical([1.5, 3.0, None])
    assert dimension.labels == (1.5, 3, None)
    assert dimension.encode(np.array([3.0, np.nan, 1.5])).tolist() == [1, 2, 0]
    assert dimension.decode(np.array([2, 0])).tolist() == [None, 1.5]


def test_true_and_one_are_two_categories():
    dimension = Categorical([1, True])
    assert dimension.encode([True, 1, 1.0, False]).tolist() == [1, 0, 0, -1]


def test_categories_of_one_kind_keep_it():
    assert Categorical([1, 2.5]).decode(np.array([0, 1])).dtype == np.float64
    assert Categorical([True, False]).decode(np.array([0, 1])).dtype == bool
    assert Categorical(["ema", "sma"]).decode(np.array([1])).tolist() == ["sma"]


@pytest.mark.parametrize(
    "dimension",
    [
        Integer(1, 9, step=2),
        Integer(1, 9, log=True),
        Real(0, 1),
        Real(1, 2, step=0.1, log=True),
        Categorical(["a", None, 2.5, True]),
    ],
)
def test_a_dimension_comes_back_from_its_dict(dimension):
    assert dimension_from_dict(dimension.to_dict()) == dimension


def test_sizes_are_known_without_listing_the_labels():
    assert Integer(1, 10**12).size == 10**12
    assert Real(0, 1e6, step=1e-6).size == 10**12 + 1
    with pytest.raises(SpaceError, match=r"1,000,000,000,000 labels, too many to list"):
        _ = Integer(1, 10**12).labels


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Integer(10, 5), "is empty: it starts at 10 and ends at 5"),
        (lambda: Real(1, 0.5), "is empty"),
        (lambda: Integer(5, 10, step=0), "step of 0; a step must be above 0"),
        (lambda: Real(5, 10, step=-0.5), "step of -0.5"),
        (lambda: Integer(5, 10, step=20), "longer than its range of 5"),
        (lambda: Integer(5.5, 10), "no whole number"),
        (lambda: Integer(True, 10), "no whole number"),
        (lambda: Integer(float("nan"), 10), "no whole number"),
        (lambda: Integer("5", 10), "no whole number"),
        (lambda: Real(0, float("inf")), "no finite number"),
        (lambda: Real(0, 10, log=True), "starts above 0"),
        (lambda: Integer(-1, 10, log=True), "starts above 0"),
        (lambda: Categorical([]), "has no values"),
        (lambda: Categorical("ema"), "no list of values"),
        (lambda: Categorical(5), "no list of values"),
        (lambda: Categorical([10, 10.0]), "lists 10 twice"),
        (lambda: Categorical([float("nan")]), "finite number, text"),
        (lambda: Categorical([[1], [2]]), "finite number, text"),
    ],
)
def test_a_dimension_that_means_nothing_is_refused(make, message):
    with pytest.raises(SpaceError, match=message):
        make()


def test_a_dimension_of_one_label_is_allowed():
    assert Integer(5, 5).labels == (5,)
    assert Real(5, 5).labels == (5.0,)
    assert Real(5, 5, log=True).encode([5.0]).tolist() == [0]
