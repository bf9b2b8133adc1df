"""`mrtoolkit demo` does the main job on real prices and says what it did."""

from __future__ import annotations

import re

import pytest
from typer.testing import CliRunner

from mrtoolkit.cli.app import app
from mrtoolkit.search.storage import read_study

HEADER = ["level", "points", "reused", "run", "features used", "reused", "computed", "best value", "seconds"]


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    out = tmp_path_factory.mktemp("demo") / "new" / "folder"
    done = CliRunner().invoke(app, ["demo", "--out", str(out)], env={"COLUMNS": "80"}, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return out, done.stdout


def row(text: str, name: str) -> list[str]:
    (line,) = [line for line in text.splitlines() if re.match(rf" +{name} +\d", line)]
    return line.split()


def test_the_textbook_s_three_levels_make_110_trials_and_27_features(demo):
    _, text = demo
    # 4 x 4, 10 x 9 and 3 x 3 points; 4 of the 90 and 1 of the 9 were run before; features in all and new
    assert row(text, "coarse")[1:7] == ["16", "0", "16", "8", "0", "8"]
    assert row(text, "medium")[1:7] == ["90", "4", "86", "19", "4", "15"]
    assert row(text, "fine")[1:7] == ["9", "1", "8", "6", "2", "4"]
    assert row(text, "all")[1:7] == ["115", "5", "110", "33", "6", "27"]


def test_best_plateau_and_buy_and_hold_stand_beside_each_other(demo):
    _, text = demo
    assert re.search(r"best +plateau +.*hold", text)
    assert len(row(text, "sharpe")) == 4
    assert len(row(text, "trades")) == 4


def test_it_says_what_the_plain_ways_would_have_cost(demo):
    _, text = demo
    assert re.search(r"this search: 110 trials in \d", text)
    assert re.search(r"computing its indicators anew: \d", text)
    assert re.search(r"exhaustive grid of 961 points.*: \d", text)


def test_it_verifies_itself_and_warns_of_over_fitting(demo):
    _, text = demo
    assert "21 of 21 equal" in text
    assert "best of 110 trials" in text


def test_the_other_shares_are_a_line_each(demo):
    _, text = demo
    for name in ("FB", "GOOG", "IBM", "MSFT"):
        assert re.search(rf"^ +{name} +-?\d", text, flags=re.MULTILINE), name


def test_study_and_report_are_where_it_says(demo):
    out, text = demo
    assert f"study:  {out / 'study.zarr.zip'}" in text
    assert f"report: {out / 'report.html'}" in text
    assert len(read_study(out / "study.zarr.zip").columns["level"]) == 110
    assert (out / "report.html").stat().st_size > 10_000


def test_no_line_is_wider_than_the_terminal(demo):
    _, text = demo
    assert [line for line in text.splitlines() if len(line) > 80 and ": " not in line] == []


def test_no_colour_is_written_where_there_is_no_terminal(demo):
    assert "\x1b" not in demo[1]


def test_an_unknown_share_is_one_line(tmp_path):
    done = CliRunner().invoke(app, ["demo", "--asset", "APPL", "--out", str(tmp_path / "x")])
    assert done.exit_code == 1
    assert "did you mean 'AAPL'" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "x").exists()


def test_a_file_in_the_way_of_the_results_is_one_line(tmp_path):
    (tmp_path / "x").write_text("")
    done = CliRunner().invoke(app, ["demo", "--out", str(tmp_path / "x")])
    assert done.exit_code == 1
    assert "is a file, but results need a folder" in done.stderr
