"""What a search and its study say: to a person who reads a terminal, and to one whose function does not fit."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

import mrtoolkit as mrt
from mrtoolkit import M, P
from mrtoolkit.errors import SpaceError, StudyError
from mrtoolkit.search import ComparisonWarning
from mrtoolkit.search.inference import Inference

SPACE = mrt.Space(x=mrt.Integer(0, 9), y=mrt.Integer(0, 9))
KINDS = mrt.Space(
    kind=mrt.Categorical(["ema", "macd"]),
    n=mrt.Integer(1, 9),
    signal=mrt.Integer(5, 9, only=P.kind == "macd"),
    width=mrt.Real(1, 2, step=0.5, only=P.kind == "ema"),
    of=mrt.Categorical(["close", "high"], only=P.kind == "macd"),
)


def hill(p):
    return -((p["x"] - 5.0) ** 2) - p.get("y", 0)


@pytest.fixture(scope="module")
def conditional() -> mrt.Study:
    return mrt.optimize(lambda p: p["n"] + 0.1 * (p["kind"] == "ema"), KINDS, trials=40)


def test_parameters_that_do_not_matter_are_missing_in_tables(conditional, tmp_path):
    table = conditional.to_pandas()
    is_ema = table["kind"] == "ema"
    assert is_ema.any()
    assert not is_ema.all()
    for name, where in (("signal", is_ema), ("of", is_ema), ("width", ~is_ema)):
        np.testing.assert_array_equal(table[name].isna(), where)
    assert table["signal"].dtype == "Int64"
    assert set(table.groupby("signal")["kind"].first()) == {"macd"}
    np.testing.assert_array_equal(conditional.front["signal"].isna(), conditional.front["kind"] == "ema")
    written = pd.read_csv(conditional.to_csv(tmp_path / "t.csv"))
    np.testing.assert_array_equal(written["signal"].isna(), is_ema)
    read = pd.read_parquet(conditional.to_parquet(tmp_path / "t.parquet"))
    for name in ("signal", "width", "of"):
        np.testing.assert_array_equal(read[name].isna(), table[name].isna())
    assert read["signal"].dropna().tolist() == table["signal"].dropna().tolist()
    assert KINDS.contains(table[list(KINDS)]).all()  # and they are points again


def test_tables_print_all_of_their_columns(conditional):
    with pd.option_context("display.width", 80, "display.max_columns", 4):
        for table in (conditional.levels, conditional.front):
            assert all(str(column) in repr(table) for column in table.columns)
            assert "..." not in repr(table)
    assert type(conditional.levels[["run"]]) is pd.DataFrame
    assert conditional.front.attrs == conditional.to_pandas().attrs


def test_inference_prints_a_few_digits_and_says_what_to_make_of_a_contradiction():
    words = dict(trials=400, effective_trials=2.8123456789, seen=0.0031, is_exact=True)
    apart = Inference(deflated_sharpe=0.99974, probability_of_overfitting=0.68, **words)
    assert "0.99974" not in repr(apart)
    assert "deflated Sharpe ratio        1.000" in repr(apart)
    assert repr(apart).endswith("trust the rule before these parameters.")
    for deflated, overfit in ((0.99, 0.2), (0.3, 0.8), (np.nan, np.nan)):
        one = Inference(deflated_sharpe=deflated, probability_of_overfitting=overfit, **words)
        assert one.contradiction == ""
    assert "deflated Sharpe ratio        -" in repr(one)


@pytest.mark.parametrize(("aim", "direction"), [("total_return", "maximize"), ("max_drawdown", "minimize")])
def test_a_study_says_whether_its_best_is_no_better_than_buy_and_hold(aim, direction):
    words = "The best trial does no better than buy and hold."
    for growth, floor, is_said in ((1, 0, True), (-1, 9, False)):  # late into what rises; out of what falls
        close = np.exp(np.linspace(0, growth, 300))
        bars = pd.DataFrame(dict.fromkeys(("open", "high", "low", "close"), close))
        bars.index = pd.date_range("2020-01-01", periods=300)
        backtest = mrt.Backtest(bars, mrt.Strategy(entry=mrt.close > P.floor))
        study = mrt.optimize(backtest, mrt.Space(floor=mrt.Integer(floor, floor)), objective=aim, direction=direction)
        assert (words in repr(study)) == is_said


def test_one_of_something_is_said_in_the_singular():
    study = mrt.optimize(hill, mrt.Space(x=mrt.Integer(5, 5)), trials=1)
    assert repr(study).startswith("Study: 1 trial in 1 level, of a lattice of 1 point, ")
    assert study.stopped == "the one level is done after 1 trial."
    assert mrt.search.budgets.seconds_spent(1.0, 1) == "the 1 second is over after 1 trial."
    assert mrt.search.budgets.seconds_spent(2.5, 1_000) == "the 2.5 seconds are over after 1,000 trials."
    with pytest.raises(StudyError, match="2 objectives have 1 direction; give one for all"):
        mrt.optimize(lambda p: 0, SPACE, objective=["value", M.value * 2], direction=["maximize"])


def test_a_function_that_always_raises_is_said_with_the_point_that_it_was_at():
    def broken(p):
        raise KeyError("foo")

    with pytest.raises(KeyError) as caught:
        mrt.optimize(broken, SPACE, trials=10)
    (note,) = caught.value.__notes__
    assert note.startswith("The evaluator raised this at {'x': ")
    assert "'y': " in note


@pytest.mark.parametrize(
    ("gives", "said"),
    [("good", r"gave 'good' \(str\) for a point"), ((1.0, 2.0), r"\(tuple\) for a point"), ({"a": 1}, "give a dict")],
)
def test_a_function_that_gives_no_number_is_told_how_to_give_one_or_several(gives, said):
    with pytest.raises(StudyError, match=said) as caught:
        mrt.optimize(lambda p: gives, SPACE, trials=10)
    assert "f.metrics = (" in str(caught.value)


def test_an_objective_that_a_function_does_not_name_is_told_how_to_name_it():
    with pytest.raises(StudyError, match=r"there is value alone; a function names .* f\.metrics = "):
        mrt.optimize(lambda p: {"a": 1.0, "b": 2.0}, SPACE, objective="b", trials=10)


def test_a_constraint_on_a_parameter_that_is_not_there_says_what_to_do():
    with pytest.raises(SpaceError, match=r"its parameters are x: give it z=mrt\.Integer.* constraint without z\."):
        mrt.Space(x=mrt.Integer(0, 9), where=P.z > 20)


@pytest.mark.parametrize("content", [None, '{"zarr_f'])
def test_a_study_whose_record_is_damaged_is_called_damaged(tmp_path, content):
    path = tmp_path / "s.zarr"
    mrt.optimize(hill, SPACE, trials=10, study=path)
    if content is None:
        (path / "zarr.json").unlink()
    else:
        (path / "zarr.json").write_text(content)
    for again in (lambda: mrt.load_study(path), lambda: mrt.optimize(hill, SPACE, trials=10, study=path)):
        with pytest.raises(StudyError, match=r"is damaged: its zarr\.json (is missing|cannot be read), beside the arr"):
            again()
    other = tmp_path / "other"
    other.mkdir()
    (other / "value").mkdir()
    with pytest.raises(StudyError, match="holds other files and no study"):
        mrt.load_study(other)


def test_comparing_different_problems_warns():
    first, second = (mrt.optimize(hill, space, trials=10) for space in (SPACE, mrt.Space(x=mrt.Integer(0, 9))))
    with pytest.warns(ComparisonWarning, match=r"different problems \(value over x, y, and value over x\)"):
        mrt.compare(first, second)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mrt.compare(first, first)


def test_a_compared_best_shows_no_label_of_what_does_not_matter(conditional):
    assert "signal=-" in mrt.compare(conditional, conditional).table.loc["at"].iloc[0]


@pytest.mark.parametrize("name", ["to_csv", "to_parquet"])
def test_no_folder_is_made_for_a_file_of_trials(conditional, tmp_path, name):
    with pytest.raises(StudyError, match="but there is no folder .*; make it first"):
        getattr(conditional, name)(tmp_path / "new" / "t")
    assert list(tmp_path.iterdir()) == []
