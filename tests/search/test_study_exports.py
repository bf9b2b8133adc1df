"""A study as CSV and Parquet: every trial, every type, as other programs read it."""

import json

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from mrtoolkit.errors import StudyError
from mrtoolkit.search.dimensions import Categorical, Integer, Real
from mrtoolkit.search.optimizer import optimize
from mrtoolkit.search.space import Space

SPACE = Space(
    x=Real(0, 1, step=0.1),
    n=Integer(1, 3),
    kind=Categorical(["a", None, "b"]),
    flag=Categorical([True, False]),
    k=Categorical([1.5, 3.0, None]),
    odd=Categorical([1, "auto", None]),
)


def value(p):
    return float("nan") if p["kind"] == "b" else p["x"] / 3 + p["n"] + (p["k"] or 0) + p["flag"]


@pytest.fixture
def study():
    return optimize(value, SPACE, trials=60)


def test_parquet_holds_every_trial_in_columns_of_one_type(study, tmp_path):
    (tmp_path / "out").mkdir()
    assert study.to_parquet(tmp_path / "out" / "t.parquet") == tmp_path / "out" / "t.parquet"
    table, wanted = pq.read_table(tmp_path / "out" / "t.parquet"), study.to_pandas()
    assert table.column_names == ["trial", *wanted.columns]
    types = {field.name: str(field.type) for field in table.schema}
    assert {name: types[name] for name in SPACE} == {
        "x": "double", "n": "int64", "kind": "string", "flag": "bool", "k": "double", "odd": "string",
    }  # fmt: skip
    for name in ("x", "n", "level", "region", "feasible"):
        np.testing.assert_array_equal(table[name].to_numpy(), wanted[name])
    assert table["kind"].to_pylist() == wanted["kind"].to_list()
    assert table["odd"].to_pylist() == [None if v is None else str(v) for v in wanted["odd"]]
    assert table["value"].to_pylist() == [None if np.isnan(v) else v for v in wanted["value"]]
    said = json.loads(table.schema.metadata[b"mrtoolkit"])
    assert (said["objective"], said["direction"], said["seed"], said["trials"]) == ("value", "maximize", 0, len(study))
    assert Space.from_dict(said["space"]) == SPACE
    assert [entry.name for entry in (tmp_path / "out").iterdir()] == ["t.parquet"]


def test_csv_holds_every_trial_with_all_digits(study, tmp_path):
    study.to_csv(tmp_path / "t.csv")
    found, wanted = pd.read_csv(tmp_path / "t.csv", index_col="trial"), study.to_pandas()
    assert list(found.columns) == list(wanted.columns)
    for name in ("x", "n", "value", "level", "region", "feasible"):
        np.testing.assert_array_equal(found[name], wanted[name])
    assert found["kind"].isna().sum() == sum(v is None for v in wanted["kind"])


def test_a_table_says_what_it_is_of(study):
    table = study.to_pandas()
    assert table.attrs["objective"] == "value"
    assert study.top(3).attrs["seed"] == 0
    json.dumps(table.attrs)


@pytest.mark.parametrize("name", ["to_csv", "to_parquet"])
def test_what_cannot_be_written_is_said(study, tmp_path, name):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(StudyError, match="were to be written to .*, but there is no folder"):
        getattr(study, name)(tmp_path / "file" / "t")
    (tmp_path / "folder").mkdir()
    with pytest.raises(StudyError, match="could not be written to"):
        getattr(study, name)(tmp_path / "folder")
    with pytest.raises(StudyError, match="give a text or a Path"):
        getattr(study, name)(3)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file", "folder"]
