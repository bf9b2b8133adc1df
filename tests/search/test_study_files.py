"""The files of a study: plain arrays and JSON, written whole or not at all, refused where they are damaged."""

import dataclasses
import json
import shutil
import zipfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import xarray as xr
import zarr
from zarr.storage import LocalStore, ZipStore

from mrtoolkit.errors import StudyError
from mrtoolkit.expressions import P
from mrtoolkit.search import older_study, storage, study_paths
from mrtoolkit.search.dimensions import Categorical, Integer, Real
from mrtoolkit.search.loading import load_study
from mrtoolkit.search.optimizer import optimize
from mrtoolkit.search.space import Space

CROSS = Space(fast=Real(5, 50, step=0.5), slow=Integer(20, 200), where=P.fast < P.slow)
KINDS = ("params", "columns", "metrics", "blocks")


@pytest.mark.parametrize("name", ["s.zarr", "s.zarr.zip"])
def test_xarray_and_zarr_read_a_finished_study(cross, tmp_path, name):
    study = optimize(cross, CROSS, trials=60, study=tmp_path / name)
    store = LocalStore(tmp_path / name, read_only=True) if name == "s.zarr" else ZipStore(tmp_path / name, mode="r")
    found = xr.open_zarr(store).load()
    assert dict(found.sizes) == {"trial": len(study)}
    assert sorted(found.coords) == ["fast", "slow"]
    for column in (*found.coords, *found.data_vars):
        np.testing.assert_array_equal(found[column], study.trials[column])
    assert set(found.data_vars) == set(study.trials.data_vars)
    assert (found.attrs["objective"], found.attrs["direction"]) == ("sharpe", "maximize")
    blocks = xr.open_zarr(store, group="block-sums").load()
    np.testing.assert_array_equal(blocks["sum"], study.log.blocks["sum"])
    assert blocks["sum"].dims == ("trial", "block")
    store.close()


def test_every_array_opens_by_itself_after_each_of_several_writes(make_cross, tmp_path):
    path = tmp_path / "s.zarr"
    for trials in (20, 40, 30):
        study = optimize(make_cross(), CROSS, trials=trials)
        study.save(path)
        for name in ("fast", "value", "trades"):
            np.testing.assert_array_equal(zarr.open_array(path / name, mode="r")[...], study.trials[name])
    assert not list(path.glob("*/c")) or not list(path.glob("*/c.*"))


def test_what_is_on_disk_is_plain_arrays_and_json(tmp_path):
    space = Space(x=Integer(0, 3), kind=Categorical(["a", None]))
    optimize(lambda p: p["x"], space).save(tmp_path / "s.zarr")
    record = json.loads((tmp_path / "s.zarr" / "zarr.json").read_text())["attributes"]
    assert record["study"]["space"]["dimensions"]["kind"]["values"] == ["a", None]
    group = zarr.open_group(tmp_path / "s.zarr", mode="r")
    assert group["kind"][...].tolist() == [0, 1] * 4
    assert group["kind"].attrs["categories"] == ["a", None]
    assert group["x"][...].tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert group["value"][...].tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert all(array.dtype.kind in "iufb" for _, array in group.arrays())


def test_names_that_differ_in_case_alone_have_folders_of_their_own(tmp_path):
    study = optimize(lambda p: p["x"] - p["X"], Space(x=Integer(0, 3), X=Integer(0, 3)), study=tmp_path / "s.zarr")
    names = [entry.name.casefold() for entry in (tmp_path / "s.zarr").iterdir()]
    assert len(names) == len(set(names))
    assert load_study(tmp_path / "s.zarr").trials.identical(study.trials)


def write_version_2(study, path):
    """Write a study as the format before did: a group a kind of column, and a digest."""
    file = study.to_file()
    kinds = {kind: dict(getattr(file, kind)) for kind in KINDS}
    bars = None if file.bars is None else "bars-0f"
    attributes = {"format": "mrtoolkit study", "version": 2, "trials": f"trials-{0:032x}", "bars": bars}
    attributes |= {"digest": older_study._digest(kinds), "study": storage.plain_json(file.described)}
    store = ZipStore(path, mode="w") if path.suffix == ".zip" else LocalStore(path)
    root = zarr.create_group(store, attributes=attributes)
    groups = {f"{attributes['trials']}/{kind}": arrays for kind, arrays in kinds.items()}
    for name, arrays in groups.items():
        group = root.create_group(name)
        for column, values in arrays.items():
            group.create_array(column, data=np.ascontiguousarray(values), chunks=values.shape)
    store.close()


@pytest.mark.parametrize("name", ["s.zarr", "s.zarr.zip"])
def test_a_study_of_the_version_before_is_read_and_gone_on_with(make_cross, tmp_path, name):
    whole = optimize(make_cross(), CROSS, trials=60)
    write_version_2(whole, tmp_path / name)
    assert load_study(tmp_path / name).trials.identical(whole.trials)
    evaluator = make_cross()
    study = optimize(evaluator, CROSS, trials=60, study=tmp_path / name)
    assert evaluator.batches == []
    assert study.trials.identical(whole.trials)
    study.save(tmp_path / name)
    assert load_study(tmp_path / name).trials.identical(whole.trials)
    assert [entry.name for entry in tmp_path.iterdir()] == [name]
    if name == "s.zarr":
        assert not list((tmp_path / name).glob("trials*"))


@pytest.mark.parametrize("name", ["s.zarr", "s.zarr.zip"])
def test_a_version_that_is_not_read_is_refused_before_a_search_and_replaced_by_save(
    make_cross, tmp_path, monkeypatch, name
):
    study, second = optimize(make_cross(), CROSS, trials=20), make_cross()
    with monkeypatch.context() as patch:
        patch.setattr(storage, "VERSION", 1)
        study.save(tmp_path / name)
    with pytest.raises(StudyError, match="has version 1 of the format"):
        optimize(second, CROSS, trials=20, study=tmp_path / name)
    assert second.batches == []
    study.save(tmp_path / name)
    assert load_study(tmp_path / name).trials.identical(study.trials)
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


def test_writers_at_the_same_time_leave_a_whole_study(make_cross, tmp_path):
    studies = [optimize(make_cross(), CROSS, trials=trials) for trials in (20, 30, 40, 50)]
    path = tmp_path / "s.zarr"
    studies[0].save(path)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda study: study.save(path), studies * 3))
    assert len(load_study(path)) in {len(study) for study in studies}
    assert [entry.name for entry in tmp_path.iterdir()] == ["s.zarr"]
    assert not list(path.glob(".*"))


def test_saving_again_replaces_the_study_and_leaves_nothing_behind(make_cross, tmp_path):
    path, other = tmp_path / "s.zarr", tmp_path / "other.zarr"
    optimize(lambda p: p["x"], Space(x=Integer(0, 3))).save(path)
    for trials in (20, 40):
        optimize(make_cross(), CROSS, trials=trials).save(path)
    optimize(make_cross(), CROSS, trials=40).save(other)
    assert len(load_study(path)) > 20
    assert sorted(entry.name for entry in path.iterdir()) == sorted(entry.name for entry in other.iterdir())
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["other.zarr", "s.zarr"]


class Stopped(BaseException):
    """A kill, as it were."""


def break_writes(patch, after, error):
    """Let every write of a file after so many of them fail."""
    count, write = [0], storage.write_new

    def breaks(*words):
        count[0] += 1
        if count[0] > after:
            raise error
        write(*words)

    patch.setattr(storage, "write_new", breaks)


@pytest.mark.parametrize("after", [0, 1, 3, 9])
def test_a_write_that_breaks_off_leaves_the_old_study(make_cross, tmp_path, monkeypatch, after):
    path = tmp_path / "s.zarr"
    first = optimize(make_cross(), CROSS, trials=20)
    first.save(path)
    with monkeypatch.context() as patch:
        break_writes(patch, after, Stopped())
        with pytest.raises(Stopped):
            optimize(make_cross(), CROSS, trials=40).save(path)
    assert load_study(path).trials.identical(first.trials)
    second = optimize(make_cross(), CROSS, trials=40)
    second.save(path)
    assert load_study(path).trials.identical(second.trials)
    assert [entry.name for entry in tmp_path.iterdir()] == ["s.zarr"]


@pytest.mark.parametrize("name", ["s.zarr", "s.zarr.zip"])
def test_a_first_write_that_breaks_off_leaves_nothing(cross, tmp_path, monkeypatch, name):
    if name == "s.zarr":
        break_writes(monkeypatch, 5, OSError("disk full"))
    else:
        monkeypatch.setattr(zipfile.ZipFile, "writestr", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(StudyError, match="could not be written at .*disk full"):
        optimize(cross, CROSS, trials=20).save(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_an_empty_folder_may_become_a_study(cross, tmp_path):
    (tmp_path / "s.zarr").mkdir()
    study = optimize(cross, CROSS, trials=20, study=tmp_path / "s.zarr")
    assert len(load_study(tmp_path / "s.zarr")) == len(study)


def test_a_damaged_study_is_named(cross, tmp_path):
    path = tmp_path / "s.zarr"
    optimize(cross, CROSS, trials=20).save(path)
    lost = tmp_path / "lost.zarr"
    shutil.copytree(path, lost)
    (lost / "value" / "c" / "0").unlink()
    with pytest.raises(StudyError, match=r"lost.zarr is damaged .*value/c/0"):
        load_study(lost)
    changed = tmp_path / "changed.zarr"
    shutil.copytree(path, changed)
    chunk = changed / "fast" / "c" / "0"
    chunk.write_bytes(b"\1" + chunk.read_bytes()[1:])
    with pytest.raises(StudyError, match=r"changed.zarr is damaged .chunk c/0 is not what was written"):
        load_study(changed)
    torn = tmp_path / "torn.zip"
    optimize(cross, CROSS, trials=20).save(torn)
    torn.write_bytes(torn.read_bytes()[:500])
    with pytest.raises(StudyError, match="not a study"):
        load_study(torn)


def test_a_file_or_folder_that_is_no_study_is_left_alone(cross, tmp_path):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("mine")
    (tmp_path / "prices.csv").write_text("time,close")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("a.txt", "mine")
    (tmp_path / "other.zarr").mkdir()
    (tmp_path / "other.zarr" / "zarr.json").write_text('{"zarr_format": 3, "node_type": "group", "attributes": {}}')
    for name in ("notes", "prices.csv", "other.zip", "other.zarr"):
        with pytest.raises(StudyError, match="choose another path|not a study|holds other files and no study"):
            optimize(cross, CROSS, trials=20, study=tmp_path / name)
        with pytest.raises(StudyError, match="choose another path|not a study|holds other files and no study"):
            optimize(cross, CROSS, trials=20).save(tmp_path / name)
        with pytest.raises(StudyError):
            load_study(tmp_path / name)
    with pytest.raises(StudyError, match="there is no study at"):
        load_study(tmp_path / "nowhere.zarr")
    assert (tmp_path / "notes" / "a.txt").read_text() == "mine"
    assert not (tmp_path / "nowhere.zarr").exists()


HOSTILE = {
    "a shape that nobody has": ("shape", [10**15]),
    "a negative shape": ("shape", [-1]),
    "a shape of text": ("shape", "many"),
    "a shape of too few": ("shape", [3]),
    "no shape": ("shape", []),
    "objects": ("data_type", "object"),
    "a type of another length": ("data_type", "float32"),
    "another codec": ("codecs", [{"name": "bytes"}, {"name": "numcodecs.pickle"}]),
    "absurd chunks": ("chunk_grid", {"name": "regular", "configuration": {"chunk_shape": [10**15]}}),
    "keys that leave": ("chunk_key_encoding", {"name": "default", "configuration": {"separator": "/../"}}),
    "no dict": ("chunk_key_encoding", 7),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_arrays_that_nobody_wrote_are_refused(cross, tmp_path, case):
    path = tmp_path / "s.zarr"
    optimize(cross, CROSS, trials=20).save(path)
    record = json.loads((path / "zarr.json").read_text())
    part, value = HOSTILE[case]
    record["consolidated_metadata"]["metadata"]["value"][part] = value
    (path / "zarr.json").write_text(json.dumps(record))
    with pytest.raises(StudyError, match="s.zarr is damaged"):
        load_study(path)


def change(record, *names, to):
    for name in names[:-1]:
        record = record[name]
    record[names[-1]] = to


@pytest.mark.parametrize(
    ("names", "to"),
    [
        (("attributes", "arrays", "columns", "value"), "../../secret"),
        (("attributes", "arrays", "columns", "value"), "/etc/passwd"),
        (("attributes", "arrays", "columns", "value"), 7),
        (("attributes", "arrays"), []),
        (("attributes", "trials"), 10**12),
        (("attributes", "bars"), "../elsewhere"),
        (("attributes", "commit"), None),
        (("attributes", "study"), []),
        (("attributes", "study", "rows"), [{"level": "a"}]),
        (("attributes", "study", "rows"), 7),
        (("attributes", "study", "regions"), ["x"]),
        (("attributes", "study", "spent"), {"x": 1}),
        (("attributes", "study", "space"), {"dimensions": {}}),
        (("attributes", "study", "space", "dimensions", "fast"), {"kind": "os.system"}),
        (("attributes", "study", "space", "where"), ["__import__('os').system('true')"]),
        (("attributes", "study", "metrics"), [["x"]]),
        (("attributes", "study", "keys"), None),
        (("consolidated_metadata",), {}),
    ],
)
def test_records_that_nobody_wrote_are_refused(cross, tmp_path, names, to):
    path = tmp_path / "s.zarr"
    optimize(cross, CROSS, trials=20).save(path)
    (tmp_path / "secret").mkdir()
    record = json.loads((path / "zarr.json").read_text())
    change(record, *names, to=to)
    (path / "zarr.json").write_text(json.dumps(record))
    with pytest.raises(StudyError, match="damaged"):
        load_study(path)
    with pytest.raises(StudyError, match="damaged|of another search"):
        optimize(cross, CROSS, trials=20, study=path)


def test_huge_and_deep_json_and_archives_that_swell_are_refused(cross, tmp_path, monkeypatch):
    path, deep = tmp_path / "s.zarr", tmp_path / "deep.zarr"
    optimize(cross, CROSS, trials=20).save(path)
    deep.mkdir()
    (deep / "zarr.json").write_text("[" * 1_000_000 + "]" * 1_000_000)
    with pytest.raises(StudyError, match="no study"):
        load_study(deep)
    optimize(cross, CROSS, trials=20).save(tmp_path / "s.zip")
    monkeypatch.setattr(study_paths, "LARGEST_RECORD", 1_000)
    for name in ("s.zarr", "s.zip"):
        with pytest.raises(StudyError, match="no study|not a study|is damaged"):
            load_study(tmp_path / name)
    monkeypatch.undo()
    swollen = tmp_path / "swollen.zip"
    with zipfile.ZipFile(tmp_path / "s.zip") as old, zipfile.ZipFile(swollen, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, bytes(10**8) if name == "value/c/0" else old.read(name))
    with pytest.raises(StudyError, match="swollen.zip is damaged .value/c/0 has more than"):
        load_study(swollen)


def test_a_saved_array_of_another_length_is_refused(cross, tmp_path):
    file = optimize(cross, CROSS, trials=20).to_file()
    columns = {**file.columns, "value": file.columns["value"][:-1]}
    storage.write_study(dataclasses.replace(file, columns=columns), tmp_path / "s.zarr")
    with pytest.raises(StudyError, match="value has shape"):
        load_study(tmp_path / "s.zarr")
