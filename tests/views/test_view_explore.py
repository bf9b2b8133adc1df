"""The figures that explore a finished study, each held to what gives its numbers elsewhere."""

from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

import mrtoolkit as mrt
from mrtoolkit import P
from mrtoolkit.errors import StudyError
from mrtoolkit.search.importance import importance as shares_of
from mrtoolkit.search.plateau import neighbourhood_scores, neighbours_of
from mrtoolkit.views.drawdown import drawdown, drawdown_data, drawdown_sentence
from mrtoolkit.views.front import front, front_data, has_front
from mrtoolkit.views.growth import buy_and_hold, growth
from mrtoolkit.views.importance import importance, importance_data, importance_sentence
from mrtoolkit.views.in_and_out import in_and_out, in_and_out_data, in_and_out_sentence
from mrtoolkit.views.neighbours import (
    neighbour_texts,
    neighbours,
    neighbours_data,
    neighbours_figure,
    neighbours_sentence,
)
from mrtoolkit.views.parallel import parallel, parallel_data, parallel_sentence
from mrtoolkit.views.plateau_and_peak import plateau_and_peak, plateau_and_peak_data, plateau_sentence
from mrtoolkit.views.plateau_words import low_quarter, neighbours_words
from mrtoolkit.views.price import price
from mrtoolkit.views.report_text import candidates_part, overfitting_part
from mrtoolkit.views.slices import slice_figures, slices, slices_data, slices_sentence
from mrtoolkit.views.trades_table import trades_sentence, trades_table


def crossing(**options):
    bars = mrt.data.simulate(bars=900, seed=4)
    rule = mrt.Strategy(entry=mrt.ema(P.fast) > mrt.ema(P.slow))
    backtest = mrt.Backtest(bars, rule, costs=mrt.Costs(fee=0.001))
    space = mrt.Space(fast=mrt.Integer(3, 20), slow=mrt.Integer(15, 60), where=P.fast < P.slow)
    return mrt.optimize(backtest, space, trials=120, seed=0, **options)


def read_table(html):
    rows = [[cell.text for cell in row] for row in ElementTree.fromstring(html).iter("tr")]
    return pd.DataFrame(rows[1:], columns=rows[0])


@pytest.fixture(scope="module")
def traded():
    return crossing()


@pytest.fixture(scope="module")
def conditional():
    space = mrt.Space(
        kind=mrt.Categorical(["ema", "macd", "none"]),
        signal=mrt.Integer(2, 40, only=P.kind == "macd"),
        rate=mrt.Real(1e-4, 1e-1, log=True),
    )

    def miss(point):
        if point["kind"] == "none":
            return float("nan")
        return abs(np.log10(point["rate"]) + 3) + abs(point["signal"] - 9) / 30

    return mrt.optimize(miss, space, direction="minimize", trials=80, seed=0)


def test_drawdown_and_growth_are_those_of_pandas(traded):
    trial = traded.backtest.trial(traded.best.params)
    account = pd.concat([pd.Series([100_000.0]), trial.equity.to_series()])
    fall = 1 - account / account.cummax()
    np.testing.assert_allclose(drawdown_data(trial)["drawdown"].to_numpy(), fall.to_numpy()[1:], atol=1e-12)
    line = next(r for r in growth(trial).renderers if type(r.glyph).__name__ == "Line")
    np.testing.assert_allclose(line.data_source.data["equity"], account.to_numpy()[1:] / 1e5, rtol=1e-12)
    assert f"{100 * fall.max():.1f}" in drawdown(trial).title.text
    assert f"fall was {100 * fall.max():.1f}" in drawdown_sentence(trial)


def test_the_table_has_the_trades_of_the_trial_latest_first(traded):
    trial, bars = traded.backtest.trial(traded.best.params), traded.backtest.bars
    shown = read_table(trades_table(trial, bars))
    made = trial.trades.iloc[::-1].reset_index(drop=True)
    assert len(shown) == len(made)
    assert pd.to_datetime(shown["In"]).tolist() == made["entry_time"].tolist()
    assert shown["Side"].tolist() == made["side"].tolist()
    gains = shown["Gain"].str.replace("−", "-").str.extract(r"(-?[\d.]+)")[0].astype(float)
    np.testing.assert_allclose(gains, 100 * made["gain"], atol=0.051)
    assert f"{len(made)} trades" in trades_sentence(trial, bars)


def test_a_long_table_is_cut_and_says_of_how_many(bars_of, trial_of):
    bars = bars_of(count=5_000)
    page = trades_table(trial_of(bars, every=12, held=8), bars)
    assert page.count("<tr>") == 201
    assert "The latest 200 of 416 trades" in page


def test_a_line_crosses_each_axis_where_its_label_lies(conditional):
    data = parallel_data(conditional)
    trials = conditional.trials.isel(trial=data.index.to_numpy())
    expected = np.log(trials["rate"].to_numpy() / 1e-4) / np.log(1e3)
    np.testing.assert_allclose(data["rate"], expected, atol=1e-4)  # labels are rounded
    np.testing.assert_array_equal(data["signal"].isna(), trials["kind"].to_numpy() != "macd")
    known = data["value"].dropna()
    assert known.iloc[-1] == 1.0
    assert known.min() == 0.0
    assert known.is_monotonic_increasing
    assert data["value"].isna().to_numpy()[: int(data["value"].isna().sum())].all()


def test_of_many_lines_the_best_and_some_of_the_rest_are_drawn(study_of):
    rng = np.random.default_rng(0)
    values = rng.permutation(5_000)
    study = study_of({"n": np.arange(5_000)}, values, np.zeros(5_000))
    data = parallel_data(study)
    assert len(data) == 1_000
    assert set(np.argsort(values)[-500:]) <= set(data.index)
    assert "1,000 of them drawn" in parallel(study).title.text.replace("\n", " ")
    assert len(slices_data(study, "n")) == 1_500


def texts_of(plot):
    return [glyph for glyph in plot.renderers if type(glyph.glyph).__name__ == "Text"]


def test_the_outer_names_of_parallel_axes_end_within_a_narrow_figure(study_of):
    names = ["a_rather_long_first_name", "y", "another_rather_long_name"]
    study = study_of({name: [1, 2, 3] for name in names}, [-180_000.0, -90_000.0, 0.0], [0, 0, 0])
    plot = parallel(study)
    heads = {each.data_source.data["text"][0]: each for each in texts_of(plot) if each.glyph.text_font_style == "bold"}
    assert list(heads) == ["a_rather_long…", "y", "another_rathe…", "sharpe"]
    first, last = heads["a_rather_long…"].glyph, heads["sharpe"].glyph
    assert (first.text_align, first.x_offset) == ("left", -12)  # 0.4 of the stretch between two axes is more
    assert last.text_align == "right"
    assert [each.data_source.data["y"][0] for each in heads.values()] == pytest.approx([1.08, 1.15, 1.08, 1.15])
    ticks = next(each for each in texts_of(plot) if "-" in str(each.data_source.data["text"]).replace("−", "-"))
    assert list(ticks.data_source.data["text"])[::4] == ["−180k", "0"]
    beside = plot.x_range.end - 3
    assert beside / (3.4 + beside) * 420 >= 7 + 7 * len("−180k")  # they have room in a figure of 420 pixels


def test_the_names_of_categories_lie_aslant_where_they_would_meet(study_of):
    long = [f"average number {i}" for i in range(6)]
    study = study_of({"kind": long, "few": ["a", "b"] * 3, "n": [1, 2, 3, 4, 5, 6]}, np.arange(6.0), [0] * 6)
    panels = slice_figures(study)
    kind, few = (panels[name].xaxis[0] for name in ("kind", "few"))
    assert (kind.major_label_orientation, few.major_label_orientation) == (0.6, "horizontal")
    assert kind.major_label_overrides[0.0] == "average nu…"
    policies = [type(panel.xaxis[0].major_label_policy).__name__ for panel in panels.values()]
    assert policies == ["AllLabels", "NoOverlap", "NoOverlap"]


def test_a_slice_is_the_trials_where_its_parameter_matters(conditional):
    data = slices_data(conditional, "signal")
    table = conditional.to_pandas()
    wanted = table[(table["kind"] == "macd") & table["value"].notna()]
    assert sorted(data.index) == sorted(wanted.index)
    np.testing.assert_array_equal(data["value"].sort_index(), wanted["value"].sort_index())
    assert list(slice_figures(conditional)) == ["kind", "signal", "rate"]


def test_the_bars_are_the_shares_of_the_search(traded):
    data, shares = importance_data(traded), shares_of(traded)
    assert data["parameter"].tolist() == shares.index.tolist()
    np.testing.assert_array_equal(data["share"], shares)
    assert shares.index[0] in importance(traded).title.text
    assert f"{shares.index[0]} {100 * shares.iloc[0]:.0f} %" in importance_sentence(data)


def test_early_and_late_are_backtests_of_those_bars(traded):
    data = in_and_out_data(traded, share=0.5)
    backtest, trial = traded.backtest, traded.log.best()
    recorded = backtest.trial(traded.space.point(traded.log.codes[trial])).returns.to_series()
    border = backtest.blocks([traded.best.params])["start"].to_numpy()[32]
    for name, part in (("first", recorded[recorded.index < border]), ("last", recorded[recorded.index >= border])):
        sharpe = part.mean() / part.std() * np.sqrt(backtest.periods_per_year)
        assert data.table.loc[trial, name] == pytest.approx(sharpe, rel=1e-9)
    known = data.table.dropna()
    assert data.correlation == pytest.approx(spearmanr(known["first"], known["last"]).statistic)
    assert len(data.table) == len(traded)


def test_without_a_backtest_early_and_late_are_sums_of_blocks(traded):
    kept, evaluator = in_and_out_data, traded.evaluator
    try:
        traded.evaluator = None
        data = kept(traded)
    finally:
        traded.evaluator = evaluator
    sums = traded.log.blocks["sum"].astype(float)
    best = traded.log.best()
    assert data.measure == "Sharpe ratio of block returns"
    assert data.table.loc[best, "first"] == pytest.approx(sums[best, :45].mean() / sums[best, :45].std(ddof=1))
    assert data.table.loc[best, "last"] == pytest.approx(sums[best, 45:].mean() / sums[best, 45:].std(ddof=1))
    assert "first 70 % of 64 blocks" in in_and_out_sentence(data)


def test_an_objective_over_windows_is_compared_by_its_sharpe_ratio():
    study = crossing(objective="sharpe_worst_of_4")
    assert in_and_out_data(study).measure == "sharpe"


def test_without_blocks_early_and_late_are_refused(conditional):
    with pytest.raises(StudyError, match="keeps returns over 0 blocks of time"):
        in_and_out(conditional)
    with pytest.raises(StudyError, match="between 0 and 1"):
        in_and_out_data(conditional, share=1.0)


def test_the_neighbourhood_is_that_of_the_plateau(traded):
    for trial in traded.log.ranking()[[0, 5, 50]]:
        near = neighbours_of(traded.space, traded.log, trial)
        low, n = neighbourhood_scores(traded.space, traded.log, np.array([trial]))
        assert trial in near
        assert n[0] == min(25, near.size)
        if near.size <= 25:
            assert low_quarter(traded.log.value[near], direction="maximize") == pytest.approx(low[0])


def test_a_trial_that_does_not_count_is_as_bad_as_the_worst_neighbour():
    assert low_quarter(np.array([1.0, 2.0, 3.0, np.nan]), direction="maximize") == 1.0
    assert low_quarter(np.array([1.0, 2.0, 3.0, 4.0]), direction="minimize") == 4.0
    assert np.isnan(low_quarter(np.array([np.nan]), direction="minimize"))


def test_best_and_plateau_are_rows_of_the_figure(traded):
    data = plateau_and_peak_data(traded)
    itself = data[data["is_itself"]].set_index("of")["value"]
    assert itself["best"] == traded.best.value
    assert itself["plateau"] == traded.plateau.value
    assert "trials around it" in plateau_sentence(traded)


def test_why_the_plateau_is_recommended_is_what_the_trials_bear_out(study_of):
    x = np.arange(40)
    peak = np.where(x == 30, 9.0, np.where(np.abs(x - 10) <= 4, 5.0, 0.0))
    study = study_of({"x": x}, peak, np.zeros(40))
    assert (study.best.params["x"], abs(study.plateau.params["x"] - 10) <= 4) == (30, True)
    assert neighbours_words(study) == "the trials around it are better than those around the best"
    assert neighbours_words(study) in plateau_sentence(study)
    assert neighbours_words(study) in overfitting_part(study)


def test_a_plateau_that_is_an_estimate_is_called_one(study_of):
    x = np.arange(40)
    study = study_of({"x": x}, -np.abs(x - 20.0), np.zeros(40))
    assert neighbours_words(study) == "no other neighbourhood promises more"
    study._plateau = (len(study), 3)  # what was estimated around it is not what was tried
    assert neighbours_words(study) == "its neighbourhood promises more, with an estimate of what was not tried"


def test_only_of_a_backtest_costs_are_said(traded, study_of):
    plain = study_of({"x": np.arange(20)}, np.arange(20.0), np.zeros(20))
    assert "after costs" in candidates_part(traded)
    assert "costs" not in candidates_part(plain)
    assert "history" not in candidates_part(plain)


def test_neighbours_are_one_label_away_and_satisfy_the_space(traded):
    space, here = traded.space, dict(traded.best.params)
    data = neighbours_data(traded, here)
    wanted = set()
    for name in space:
        labels = space[name].labels
        at = labels.index(here[name])
        for label in labels[max(at - 1, 0) : at + 2]:
            point = here | {name: label}
            if label != here[name] and space.contains(point)[0]:
                wanted.add(tuple(point.values()))
    steps = data[data["steps"].abs() == 1]
    assert {tuple(row) for row in steps[list(space)].itertuples(index=False)} == wanted
    tried = {tuple(space.point(c).values()): i for i, c in enumerate(traded.log.codes)}
    for _, row in data.iterrows():
        assert row["trial"] == tried.get(tuple(row[list(space)]), -1)
        assert row["trial"] < 0 or row["value"] == traded.log.value[row["trial"]]


def test_words_say_which_points_are_beside_a_trial_and_which_are_only_the_nearest_tried(study_of):
    study = study_of({"a": [1, 2, 5, 9, 2], "b": [1, 1, 1, 1, 2]}, [1.0, 2.0, 3.0, 4.0, 9.0], [0] * 5)
    here = {"a": 5, "b": 1}  # a listed value off on either side, and beside it in b one that was not tried
    data = neighbours_data(study, here)
    far = data[data["steps"].abs() > 1]
    texts = neighbour_texts(study, data)
    for text, name, value, step in zip(texts, data["parameter"], data["label"], data["steps"], strict=True):
        assert text == f"{name} {value}" + (f", {abs(step)} steps off" if abs(step) > 1 else "")
    near = len(data) - len(far)
    said = neighbours_sentence(study, data, 3.0)
    assert said.startswith(f"{near} neighbour{'s' * (near != 1)} on the lattice, ")
    assert len(far)
    assert f"{len(far)} nearest tried point" in said
    assert f"{len(far)} farther off" in neighbours_figure(study, here, data).title.text


def test_the_price_lies_above_a_broad_average_and_is_in_the_legend(traded):
    bars = traded.backtest.bars
    plot = price(traded.backtest.trial(traded.best.params), bars, overlays={"ema": bars["close"].to_numpy()})
    lines = [each.glyph for each in plot.renderers if type(each.glyph).__name__ == "Line"]
    assert [line.line_width for line in lines] == [3.5, 1.2]
    assert [item.label.value for item in plot.legend[0].items][:2] == ["ema", "close"]


def test_what_was_not_tried_is_evaluated_when_asked_for_and_not_kept(traded):
    point = {"fast": 20, "slow": 60}
    before = len(traded)
    data = neighbours_data(traded, point, evaluate=True)
    assert len(traded) == before
    assert len(data) >= 2
    run = traded.backtest.run(data[["fast", "slow"]])
    np.testing.assert_allclose(data["value"], run["sharpe"], rtol=1e-9)


def test_what_does_not_matter_has_no_neighbours(conditional):
    point = {"kind": "ema", "rate": float(conditional.trials["rate"][0])}
    data = neighbours_data(conditional, point)
    assert "signal" not in set(data["parameter"])
    assert set(data.loc[data["parameter"] == "kind", "label"]) == {"macd", "none"}
    assert (data.loc[data["label"] != "macd", "signal"] == "-").all()


def test_a_point_off_the_lattice_and_a_trial_that_is_not_there_are_refused(traded):
    with pytest.raises(StudyError, match=r"fast has no label 3\.5"):
        neighbours_data(traded, {"fast": 3.5, "slow": 40})
    with pytest.raises(StudyError, match="where= forbids it"):
        neighbours_data(traded, {"fast": 20, "slow": 15})
    with pytest.raises(StudyError, match=r"trial 1000 was asked for, but the study has trials 0 to 119"):
        neighbours_data(traded, 1_000)


def test_the_front_is_that_of_the_study():
    study = crossing(objective=["sharpe", "max_drawdown"], direction=["maximize", "minimize"])
    data = front_data(study)
    assert data.index[data["is_front"]].tolist() == study.front.index.tolist()
    np.testing.assert_array_equal(data["max_drawdown"], study.log.metrics["max_drawdown"][data.index])
    assert has_front(study)
    assert front(study).renderers
    with pytest.raises(StudyError, match="has one objective, sharpe"):
        front(crossing())


@pytest.mark.parametrize(
    ("points", "values"),
    [
        ({"n": [1, 2]}, [0.1, 0.2]),
        ({"a": [1], "b": [2]}, [0.3]),
        ({"a": [1, 2]}, [np.nan] * 2),
        ({f"p{i}": [1, 2, 3] for i in range(12)}, [1.0, 2.0, 3.0]),
        ({"kind": ["a", "b"], "n": [1, 1]}, [5.0, 5.0]),
    ],
)
def test_small_and_empty_valued_studies_are_pictures(study_of, points, values):
    study = study_of(points, values, np.zeros(len(values)))
    for draw in (parallel, slices, plateau_and_peak, lambda given: neighbours(given, 0)):
        assert draw(study) is not None
    for say in (parallel_sentence, slices_sentence, plateau_sentence):
        assert say(study).endswith(".")
    assert neighbours_sentence(study, neighbours_data(study, 0), values[0]).endswith(".")


def test_titles_fit_a_figure_of_400_pixels(traded):
    def measured(p):
        return {"a_rather_long_name_of_a_metric": p["x"], "another_long_name_of_a_metric": p["y"] - p["x"]}

    measured.metrics = ("a_rather_long_name_of_a_metric", "another_long_name_of_a_metric")
    space = mrt.Space(x=mrt.Integer(1, 9), y=mrt.Integer(1, 9))
    study = mrt.optimize(measured, space, trials=30, objective=list(measured.metrics))
    best = traded.backtest.trial(traded.best.params)
    made = [plateau_and_peak(traded), in_and_out(traded), growth(best, buy_and_hold(traded.backtest)), front(study)]
    assert [plot.title.text.count("\n") for plot in made] == [0, 0, 0, 0]
    made += [importance(study), mrt.views.heatmap(study), parallel(study)]
    assert all(len(line) <= 37 for plot in made for line in plot.title.text.split("\n"))


def test_panels_side_by_side_have_frames_of_one_height(traded):
    panels = slice_figures(traded).values()
    assert len({sum(legend.visible for legend in plot.legend) for plot in panels}) == 1
