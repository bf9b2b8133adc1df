"""The `store` commands look, check, clean up and carry over, and end as they say."""

from __future__ import annotations

import json
import shutil

import google_crc32c
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from typer.testing import CliRunner

from mrtoolkit.cli.app import app
from mrtoolkit.data.samples import sample
from mrtoolkit.features.family import Family
from mrtoolkit.features.store import FeatureStore
from mrtoolkit.indicators.momentum import rsi
from mrtoolkit.indicators.registry import get
from mrtoolkit.indicators.trend import ema
from mrtoolkit.indicators.volatility import bollinger

COMMANDS = ("info", "verify", "prune", "export", "import")


def invoke(*words, answer=None):
    return CliRunner().invoke(app, ["store", *map(str, words)], input=answer, catch_exceptions=False)


@pytest.fixture
def bars():
    return sample("IBM").isel(time=slice(0, 300))


@pytest.fixture
def folder(tmp_path, monkeypatch, bars):
    monkeypatch.chdir(tmp_path)
    FeatureStore("s.zarr").compute_batch(bars, [ema([5, 12]), rsi(14)])
    return tmp_path / "s.zarr"


def old_code(folder):
    """A family as it is on disk after its indicator has got a new version."""
    (today,) = folder.glob("*/ema@*")
    number = get("ema").version
    about = json.loads((today / "zarr.json").read_text().replace(f'["ema", {number},', '["ema", 99,'))["attributes"]
    old = today.with_name(Family.from_dict(about).folder)
    shutil.copytree(today, old)
    _edit(old, f'["ema", {number},', '["ema", 99,')
    return old


def _edit(family, old, new):
    """Other words in a commit record, with a right checksum."""
    record = family / "zarr.json"
    document = json.loads(json.dumps(json.loads(record.read_text())).replace(old, new))
    checksum = document["attributes"].pop("record_crc32c")
    text = json.dumps(document, sort_keys=True).encode()
    assert google_crc32c.value(text) != checksum
    document["attributes"]["record_crc32c"] = google_crc32c.value(text)
    record.write_text(json.dumps(document))


def damaged(folder):
    (chunk,) = folder.glob("*/ema@*/ema/c/1/0")
    data = bytearray(chunk.read_bytes())
    data[100] ^= 1
    chunk.write_bytes(data)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help_that_says_how_it_ends(command):
    done = invoke(command, "--help")
    assert done.exit_code == 0
    assert "Exit codes" in done.output
    assert "PATH" in done.output


@pytest.mark.parametrize("command", ["info", "verify", "prune", "export"])
def test_a_folder_that_is_not_there_is_one_line_and_is_not_made(tmp_path, command):
    done = invoke(command, tmp_path / "nothing")
    assert done.exit_code == 1
    assert done.stderr.count("\n") == 1
    assert "nothing" in done.stderr
    assert not (tmp_path / "nothing").exists()


@pytest.mark.parametrize("command", ["info", "verify", "prune", "export"])
def test_a_folder_of_something_else_is_left_alone(tmp_path, command):
    (tmp_path / "notes.txt").write_text("mine")
    done = invoke(command, tmp_path)
    assert done.exit_code == 1
    assert "something else" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_info_says_what_a_look_up_does(folder, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    done = invoke("info", folder)
    assert done.exit_code == 0
    first, head, data, *families = done.stdout.splitlines()
    assert first.startswith(f"feature store {folder}: 3 features, ")
    assert "look-up on disk" in head
    assert "300 1D bars, 2000-03-01 to " in data
    assert [line.split()[0] for line in families] == ["ema(P.lookback)", "rsi(P.lookback)"]
    assert "5, 12" in families[0]
    assert max(map(len, [head, data, *families])) <= 100


def test_verify_of_a_whole_store_ends_with_0(folder):
    done = invoke("verify", folder)
    assert done.exit_code == 0
    assert "2 families with 3 features" in done.stdout
    assert "all whole" in done.stdout


def test_verify_names_what_is_damaged_and_ends_with_1(folder):
    damaged(folder)
    done = invoke("verify", folder)
    assert done.exit_code == 1
    assert "1 DAMAGED" in done.stdout
    assert "ema(P.lookback) at lookback=12" in done.stdout
    assert "ema/c/1/0" in done.stdout


def test_the_advice_of_verify_is_a_command(folder):
    (array,) = folder.glob("*/ema@*/time")
    (array / "zarr.json").write_text("no")
    done = invoke("verify", folder)
    assert done.exit_code == 1
    assert f"mrtoolkit store prune {folder} --names ema --everything;" in done.stdout
    assert "store.prune(" not in done.stdout
    assert invoke("prune", folder, "--names", "ema", "--everything", "--yes").exit_code == 0
    assert invoke("verify", folder).exit_code == 0


def test_prune_shows_what_would_go_and_asks(folder):
    old = old_code(folder)
    done = invoke("prune", folder, answer="n\n")
    assert done.exit_code == 0
    assert "old code (ema@99)" in done.stdout
    assert "nothing was removed" in done.stdout
    assert old.exists()
    done = invoke("prune", folder, answer="y\n")
    assert done.exit_code == 0
    assert "freed" in done.stdout
    assert not old.exists()
    assert invoke("prune", folder).stdout == f"feature store {folder}: nothing to remove\n"


def test_prune_may_look_only_or_not_ask(folder):
    old = old_code(folder)
    done = invoke("prune", folder, "--dry-run")
    assert done.exit_code == 0
    assert "1 family with 2 features can go" in done.stdout
    assert old.exists()
    assert invoke("prune", folder, "--yes").exit_code == 0
    assert not old.exists()


def test_prune_without_an_answer_removes_nothing_and_ends_with_1(folder):
    old = old_code(folder)
    done = invoke("prune", folder, answer="")
    assert done.exit_code == 1
    assert "--yes" in done.stderr
    assert old.exists()


def test_prune_by_name(folder):
    assert invoke("prune", folder, "--names", "rsi", "--everything", "--yes").exit_code == 0
    assert "2 features" in invoke("info", folder).stdout
    done = invoke("prune", folder, "--names", "emma", "--everything")
    assert done.exit_code == 1
    assert "did you mean 'ema'" in done.stderr


def test_features_go_to_a_file_and_into_another_store_unchanged(folder, tmp_path, bars):
    done = invoke("export", folder, "--out", "features.parquet")
    assert done.exit_code == 0
    assert "3 columns of 300 bars" in done.stdout
    done = invoke("import", "other.zarr", "features.parquet")
    assert done.exit_code == 0
    assert "3 features" in done.stdout
    assert "0 features" in invoke("import", "other.zarr", "features.parquet").stdout
    mine, theirs = (FeatureStore(tmp_path / name) for name in ("s.zarr", "other.zarr"))
    names = ["ema", "rsi"]
    xr.testing.assert_identical(theirs.load_features(bars, names), mine.load_features(bars, names))


def test_an_export_takes_the_bars_and_the_names_that_it_is_told(folder, bars):
    other = bars.isel(time=slice(0, 200))
    store = FeatureStore(folder)
    store.compute_batch(other, [bollinger(20, 2.0), ema(5)])
    done = invoke("export", folder)
    assert done.exit_code == 1
    assert "store info" in done.stderr
    (data,) = {p.parent.name for p in folder.glob("*/ema@*") if not list(p.parent.glob("rsi@*"))}
    assert invoke("export", folder, "--data", data[:6], "--names", "ema").exit_code == 0
    frame = pd.read_parquet("features.parquet")
    assert list(frame.columns) == ["time", "ema(5)"]
    np.testing.assert_array_equal(frame["ema(5)"], store.array(other, ema(5)))
    assert invoke("export", folder, "--data", data, "--names", "macd").exit_code == 1
    done = invoke("export", folder, "--data", "zzz")
    assert done.exit_code == 1
    assert "has features of no such data as 'zzz'" in done.stderr


def test_an_export_takes_single_features_as_python_does(folder, bars):
    store = FeatureStore(folder)
    names = "ema(12), ema(5, of=close),rsi"
    assert invoke("export", folder, "--names", names).exit_code == 0
    frame = pd.read_parquet("features.parquet")
    assert sorted(frame.columns) == ["ema(12)", "ema(5)", "rsi(14)", "time"]
    np.testing.assert_array_equal(frame["ema(12)"], store.array(bars, ema(12)))
    assert store.export_parquet("python.parquet", bars, ["ema(12)", "ema(5, of=close)", "rsi"]) == 3
    done = invoke("export", folder, "--names", "ema(13)")
    assert done.exit_code == 1
    assert "no features 'ema(13)'" in done.stderr


def test_an_export_refuses_a_folder_as_its_file(folder, tmp_path):
    done = invoke("export", folder, "--out", tmp_path)
    assert done.exit_code == 1
    assert "features.parquet" in done.stderr


def test_an_import_of_something_else_is_one_line(folder, tmp_path):
    (tmp_path / "x.parquet").write_text("no")
    done = invoke("import", folder, "x.parquet")
    assert done.exit_code == 1
    assert "x.parquet" in done.stderr
    assert done.stderr.count("\n") == 1
