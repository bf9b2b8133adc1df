"""`mrtoolkit run` searches what a file describes, refuses what does not fit in one line, survives Ctrl-C."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time

import pytest
from typer.testing import CliRunner

import mrtoolkit as mrt
from mrtoolkit.cli.app import app

CONFIG = """
[bars]
path = "prices.csv"
[strategy]
entry = "ema(P.fast) > ema(P.slow)"
stop_loss = "P.stop"
[costs]
fee = 0.001
[space]
where = "P.fast < P.slow"
fast = {integer = [5, 15]}
slow = {integer = [10, 40], step = 5}
stop = {categories = [0.1, "none"]}
[search]
objective = "M.sharpe - 0.01 * M.turnover"
constraints = ["M.trades >= 2"]
trials = 40
seed = 3
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    bars = mrt.data.simulate(bars=400, seed=5)
    bars.to_dataframe().to_csv(tmp_path / "prices.csv")
    (tmp_path / "my.toml").write_text(CONFIG, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*words, path="my.toml"):
    return CliRunner().invoke(app, ["run", path, "--out", "results", *words], catch_exceptions=False)


def test_any_prices_strategy_and_space_are_searched(folder):
    done = run()
    assert done.exit_code == 0, done.output
    study = mrt.load_study(folder / "results" / "study.zarr.zip")
    assert 0 < len(study.trials["trial"]) <= 40
    assert study.best.metrics["trades"] >= 2
    assert bool((study.trials["fast"] < study.trials["slow"]).all())
    assert set(study.to_pandas()["stop"].map(str)) <= {"0.1", "None"}
    assert study.backtest.costs.fee == 0.001
    assert "report:" in done.stdout
    assert (folder / "results" / "report.html").exists()


def test_the_result_is_that_of_the_same_search_in_python(folder):
    run()
    backtest = mrt.Backtest(
        mrt.read_bars(folder / "prices.csv"),
        mrt.Strategy(entry=mrt.ema(mrt.P.fast) > mrt.ema(mrt.P.slow), stop_loss=mrt.P.stop),
        costs=mrt.Costs(fee=0.001),
    )
    space = mrt.Space(
        fast=mrt.Integer(5, 15),
        slow=mrt.Integer(10, 40, step=5),
        stop=mrt.Categorical([0.1, None]),
        where=mrt.P.fast < mrt.P.slow,
    )
    objective = mrt.M.sharpe - 0.01 * mrt.M.turnover
    study = mrt.optimize(backtest, space, objective=objective, constraints=[mrt.M.trades >= 2], trials=40, seed=3)
    assert mrt.load_study(folder / "results" / "study.zarr.zip").trials.equals(study.trials)


def test_a_study_that_is_there_is_gone_on_with(folder):
    assert run().exit_code == 0
    whole = mrt.load_study(folder / "results" / "study.zarr.zip").trials
    for _ in range(2):
        assert run("--resume").exit_code == 0
        assert mrt.load_study(folder / "results" / "study.zarr.zip").trials.equals(whole)


def test_a_plan_says_what_the_space_would_take_and_runs_nothing(folder):
    done = run("--plan")
    assert done.exit_code == 0
    assert re.match(r"plan of \d+ trials over 400 bars\n", done.stdout)
    assert re.search(r"^features +16 ", done.stdout, re.MULTILINE)
    assert not (folder / "results").exists()


def test_a_search_with_hardly_any_time_makes_its_first_batch_and_says_why_it_ended(folder):
    text = CONFIG.replace("trials = 40", "trials = 40\nseconds = 0.000001")
    (folder / "my.toml").write_text(text, encoding="utf-8")
    done = run()
    assert done.exit_code == 0, done.stderr
    study = mrt.load_study(folder / "results" / "study.zarr.zip")
    assert len(study) > 0
    assert study.stopped == f"the 1e-06 seconds are over after {len(study)} trials."


def test_a_study_of_another_search_is_not_gone_on_with(folder):
    assert run("--resume").exit_code == 0
    (folder / "my.toml").write_text(CONFIG.replace("fee = 0.001", "fee = 0.002"), encoding="utf-8")
    done = run("--resume")
    assert done.exit_code == 1
    assert "study.zarr" in done.stderr
    assert "fee" in done.stderr


def test_the_example_runs(folder):
    example = CliRunner().invoke(app, ["run", "--example"])
    assert example.exit_code == 0
    (folder / "example.toml").write_text(example.stdout, encoding="utf-8")
    assert run(path="example.toml").exit_code == 0


# what is put in place of what, and what the one line must hold
REFUSED = [
    ('path = "prices.csv"', 'path = "price.csv"', ["[bars]", "price.csv"]),
    ("ema(P.fast) >", "emma(P.fast) >", ["[strategy] entry", "did you mean 'ema'"]),
    ("ema(P.fast) >", "__import__('os').system('x') >", ["[strategy] entry"]),
    ("ema(P.fast) > ema(P.slow)", "ema(P.fast) > and", ["[strategy] entry"]),
    ("fee = 0.001", "fee = 1.0", ["[costs]", "fee"]),
    ("fee = 0.001", "fe = 0.001", ["[costs]", "did you mean 'fee'"]),
    ("[0.1, ", "[1.5, ", ["stop"]),
    ("[5, 15]", "[15, 5]", ["[space] fast"]),
    ('P.fast < P.slow"\nfast', 'P.fast > 100"\nfast', ["P.fast > 100"]),
    ('P.fast < P.slow"\nfast', 'P.fats < P.slow"\nfast', ["fats", "did you mean 'fast'"]),
    ("slow = {", "sloe = {", ["slow"]),
    ("M.sharpe -", "M.sharp -", ["sharp", "did you mean 'sharpe'"]),
    ("trials = 40", "trials = 0", ["trials"]),
    ("seed = 3", "seed = -1", ["seed"]),
    ("stop = {", "spare = {integer = [1, 2]}\nstop = {", ["spare"]),
    ("slow = {integer = [10, 40]", "slow = {integer = [10, 4000]", ["lookback"]),
]


@pytest.mark.parametrize(("old", "new", "words"), REFUSED, ids=[str(i) for i in range(len(REFUSED))])
def test_what_does_not_fit_is_one_line_and_writes_nothing(folder, old, new, words):
    assert old in CONFIG
    (folder / "my.toml").write_text(CONFIG.replace(old, new, 1), encoding="utf-8")
    done = run()
    assert done.exit_code == 1, done.output
    assert done.stderr.startswith("mrtoolkit: ")
    assert done.stderr.count("\n") == 1
    for word in words:
        assert word in done.stderr
    assert done.stdout == ""
    assert sorted(path.name for path in folder.iterdir()) == ["my.toml", "prices.csv"]


def test_what_is_refused_with_a_store_and_a_growing_study_writes_nothing(folder):
    text = CONFIG.replace("[10, 40]", "[10, 4000]") + '[store]\npath = "features.zarr"\n'
    (folder / "my.toml").write_text(text, encoding="utf-8")
    assert run("--resume").exit_code == 1
    assert sorted(path.name for path in folder.iterdir()) == ["my.toml", "prices.csv"]


def test_a_search_that_finds_nothing_ends_with_1_says_why_and_leaves_its_report(folder):
    (folder / "my.toml").write_text(CONFIG.replace("M.trades >= 2", "M.trades >= 1000"), encoding="utf-8")
    done = run()
    assert done.exit_code == 1, done.output
    assert re.search(r"none of the \d+ trials satisfies M.trades >= 1000", done.stderr)
    assert done.stderr.count("\n") == 1
    assert f"report: {folder / 'results' / 'report.html'}" in done.stdout
    assert (folder / "results" / "report.html").exists()
    assert not mrt.load_study(folder / "results" / "study.zarr.zip").has_best


def test_ctrl_c_ends_with_130_and_saves_what_was_finished(folder):
    slow = CONFIG.replace("trials = 40", "trials = 1000000").replace(
        "integer = [5, 15]", "real = [2, 200], step = 0.01"
    )
    (folder / "my.toml").write_text(slow.replace("[10, 40], step = 5", "[10, 390]"), encoding="utf-8")
    code = "from mrtoolkit.cli.app import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, "run", "my.toml", "--out", "results", "--resume"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
    )
    end = time.monotonic() + 120
    while not (folder / "results" / "study.zarr" / "zarr.json").exists() and time.monotonic() < end:
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    last = stderr.strip().splitlines()[-1]
    assert last.startswith("mrtoolkit: interrupted; the ")
    assert "study.zarr.zip" in last
    assert "Traceback" not in stderr
    study = mrt.load_study(folder / "results" / "study.zarr.zip")
    assert len(study.trials["trial"]) > 0
    counted = study.trials["value"].where(study.trials["feasible"])
    assert study.best.value == pytest.approx(float(counted.max()), rel=1e-9)  # ties go to the lower labels


def test_a_report_is_written_of_a_saved_study(folder):
    run()
    done = CliRunner().invoke(
        app, ["report", "results/study.zarr.zip", "--out", "sub/again.html"], catch_exceptions=False
    )
    assert done.exit_code == 0
    assert done.stdout == f"report: {folder / 'sub' / 'again.html'}\n"
    assert (folder / "sub" / "again.html").exists()


def test_a_report_of_something_else_is_one_line(folder):
    done = CliRunner().invoke(app, ["report", "prices.csv"])
    assert done.exit_code == 1
    assert "prices.csv" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_store_says_what_it_holds(folder):
    text = CONFIG + '[store]\npath = "features.zarr"\n'
    (folder / "my.toml").write_text(text, encoding="utf-8")
    assert run().exit_code == 0
    done = CliRunner().invoke(app, ["store", "info", "results/../features.zarr"], catch_exceptions=False)
    assert done.exit_code == 0
    assert done.stdout.startswith(f"feature store {folder / 'features.zarr'}: ")
    assert "ema(P.lookback)" in done.stdout
    for word in ("memory", "computed", "evicted"):  # of this process, which has done nothing
        assert word not in done.stdout


def test_a_store_without_features_is_one_line(folder):
    (folder / "features.zarr").mkdir()
    done = CliRunner().invoke(app, ["store", "info", "features.zarr"], catch_exceptions=False)
    assert done.stdout == f"feature store {folder / 'features.zarr'}: 0 features, 0 B on disk\n"


def test_a_store_that_is_not_there_is_one_line_and_is_not_made(folder):
    for name in ("nothing", "prices.csv"):
        done = CliRunner().invoke(app, ["store", "info", name])
        assert done.exit_code == 1, name
        assert name in done.stderr
        assert done.stderr.count("\n") == 1
    assert not (folder / "nothing").exists()
