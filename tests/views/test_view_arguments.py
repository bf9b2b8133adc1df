import re

import pytest

import mrtoolkit as mrt
from mrtoolkit.errors import StudyError
from mrtoolkit.views import convergence, equity, heatmap, overview, price, regions, report

TRIAL = r"one trial was to be drawn, but got .*; give backtest\.trial\(study\.best\.params\)\.$"


@pytest.mark.parametrize("name", ["study", "none"])
def test_a_figure_of_a_trial_says_how_to_come_by_one(name, study, bars):
    wrong = {"study": study, "none": None}[name]
    for draw in (equity, lambda given: price(given, bars), lambda given: mrt.views.trades_data(given, bars)):
        with pytest.raises(StudyError, match=TRIAL):
            draw(wrong)


def test_bars_are_asked_for_by_name(trial, bars):
    for wrong in (None, bars["close"], bars.drop_vars("open")):
        with pytest.raises(
            StudyError, match=r"bars were to be drawn.*give those that the trial ran on, backtest\.bars"
        ):
            price(trial, wrong)


def test_a_benchmark_that_is_none_says_what_could_be_one(trial, study):
    with pytest.raises(StudyError, match=r"but got a Study; give mrt\.views\.buy_and_hold\(backtest\)"):
        equity(trial, study)


@pytest.mark.parametrize("draw", [convergence, heatmap, regions, overview, lambda given: report(given, "x.html")])
def test_a_figure_of_a_study_says_how_to_come_by_one(draw, trial):
    for wrong in (None, trial):
        with pytest.raises(StudyError, match=r"a study was to be shown, but got .*; give what mrt\.optimize"):
            draw(wrong)


@pytest.mark.parametrize("path", [None, 3])
def test_a_report_without_a_path_says_what_to_give(study, path):
    with pytest.raises(StudyError, match=r"which is no path; give a file, such as 'study\.html'"):
        report(study, path)


@pytest.mark.parametrize("wrong", [None, "study.zarr", 3])
def test_what_is_no_study_or_no_backtest_is_named(wrong):
    with pytest.raises(StudyError, match="a study was to be shown, but got"):
        mrt.views.slices(wrong)
    for draw in (mrt.views.buy_and_hold, lambda given: mrt.views.rule_features(given, {})):
        with pytest.raises(StudyError, match="a backtest was to be drawn, but got"):
            draw(wrong)


@pytest.mark.parametrize("name", ["a" * 300 + ".html", "a\0b.html", "ä" * 140 + ".html"])
def test_a_file_name_that_no_disk_takes_is_refused_in_words(study, tmp_path, name):
    for write in (report, mrt.views.replay):
        with pytest.raises(StudyError, match=r"which names no file \(.*\); choose another"):
            write(study, tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_file_name_as_long_as_a_disk_takes_is_written(study, tmp_path):
    name = "a" * 250 + ".html"
    assert report(study, tmp_path / name).stat().st_size > 0


def test_a_home_that_nobody_has_names_no_file(study):
    with pytest.raises(StudyError, match=r"which names no file \(.*\); choose another"):
        report(study, "~nobody-of-this-name/study.html")


WRONG = (float("nan"), float("inf"), 0, -5, "300", True, None, 10**12, 2.5)


@pytest.mark.parametrize("height", WRONG)
def test_a_height_that_no_figure_has_is_named_with_what_one_has(height, study, trial, bars):
    views = mrt.views
    of_study = (
        views.convergence, views.heatmap, views.regions, views.zooms, views.parallel, views.slices,
        views.plateau_and_peak,
    )  # fmt: skip
    words = rf"^height is {re.escape(repr(height))}, but must be a whole number of pixels from 40 to 100,000; change it"
    for draw in of_study:
        with pytest.raises(StudyError, match=words):
            draw(study, height=height)
    for draw in (views.equity, views.growth, views.drawdown, lambda one, **look: price(one, bars, **look)):
        with pytest.raises(StudyError, match=words):
            draw(trial, height=height)
    if height is not None:  # as many bars as there are parameters
        with pytest.raises(StudyError, match=words):
            views.importance(study, height=height)


@pytest.mark.parametrize("wrong", [value for value in WRONG if value != 10**12])
def test_a_count_that_is_none_is_named(wrong, study, trial, bars):
    views = mrt.views
    shown = re.escape(repr(wrong))
    for draw in (views.parallel, views.parallel_data, lambda one, limit: views.slices_data(one, "fast", limit=limit),
                 views.in_and_out_data):  # fmt: skip
        with pytest.raises(StudyError, match=f"limit is {shown}, but must be a whole number of 2 or more"):
            draw(study, limit=wrong)
    with pytest.raises(StudyError, match=f"most is {shown}, but must be a whole number of 1 or more"):
        views.trades_table(trial, bars, most=wrong)
    with pytest.raises(StudyError, match=f"{shown}; change it|is {shown}, but must"):
        views.best_text(study, wrong)


@pytest.mark.parametrize("seed", [float("nan"), -5, "300", True, None, 2.5, 10**12])
def test_a_seed_that_is_none_is_named(seed, study):
    with pytest.raises(StudyError, match="^seed is .*, but must be .*; change it"):
        mrt.views.importance(study, seed=seed)


@pytest.mark.parametrize("share", [float("nan"), float("inf"), 0, 1, -5, "0.7", True, None])
def test_a_share_that_is_none_is_named(share, study):
    with pytest.raises(StudyError, match=rf"the first part was to be {re.escape(repr(share))} of the time; give"):
        mrt.views.in_and_out(study, share=share)
