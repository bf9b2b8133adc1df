"""A study on disk: a Zarr folder, or one zip file of the same layout.

Plain arrays and JSON: opening one runs no code.

::

    study.zarr/
        zarr.json            the commit record: what was searched, the tables of levels and regions, and which of the
                             folders below count, with a digest of their content; replaced atomically, last
        trials-4c9a.../      a group a kind, in it an array a column
            params/          over (trial): labels; of a category its code
            columns/         over (trial): level, region, value, feasible
            metrics/         over (trial)
            blocks/          over (trial, block): statistics per block of time
        bars-1f0e.../        the prices, up to 20 MB, named by their content
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
import tempfile
import time
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import xarray as xr
import zarr
from zarr.storage import LocalStore, ZipStore

from mrtoolkit.data.fingerprint import fingerprint
from mrtoolkit.errors import StudyError

FORMAT = "mrtoolkit study"
VERSION = 2
LARGEST_BARS = 20_000_000  # bytes; larger prices are not written into a study
_CHUNK = 65_536
_DIMS = {"params": ("trial",), "columns": ("trial",), "metrics": ("trial",), "blocks": ("trial", "block")}
_ABANDONED = 3600.0  # seconds after which a folder that no record names was left by a writer that was killed


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyFile:
    """What is kept of a study: plain JSON, plain arrays, and the bars.

    Attributes
    ----------
    described : mapping
        JSON: space, objective, levels, regions, and so on.
    params : mapping of parameter to (trial,)
        Labels; for a categorical parameter codes into its list of categories.
    columns : mapping of name to (trial,)
        level, region, value, feasible.
    metrics : mapping of name to (trial,)
    blocks : mapping of name to (trial, block)
    bars : Dataset, optional
    """

    described: Mapping[str, Any]
    params: Mapping[str, np.ndarray]
    columns: Mapping[str, np.ndarray]
    metrics: Mapping[str, np.ndarray]
    blocks: Mapping[str, np.ndarray]
    bars: xr.Dataset | None


def as_study_path(path: Any) -> Path:
    """Return a path as a Path, or say that it is none."""
    if not isinstance(path, str | os.PathLike) or not str(path):
        raise StudyError(f"the path of a study is {path!r}; give a text or a Path, as in 'study.zarr'.")
    return Path(path)


def check_study_path(path: str | Path, *, older: bool = False) -> Path:
    """Return the path of a study that is there or can be written there; refuse any other file or folder.

    A study of an older format is refused too unless `older`. Whether one may write is tried, by an empty folder that
    is removed.
    """
    found = as_study_path(path)
    _check_writable(found)
    if found.is_dir() and any(found.iterdir()):
        _read_root(found, older=older)
    elif found.is_file():
        if found.suffix != ".zip":
            msg = f"{found} is a file, but a study is a folder or a file that ends in .zip; choose another path."
            raise StudyError(msg)
        _read_root(found, older=older)
    elif found.is_dir() and found.suffix == ".zip":
        msg = f"{found} is a folder, but its name ends in .zip, so the study would be one file; choose another path."
        raise StudyError(msg)
    return found


def _check_writable(path: Path) -> None:
    """Refuse a path at which nothing can be written, and name the folder that forbids it."""
    folder = path if (path / "zarr.json").is_file() else path.parent
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        with tempfile.TemporaryDirectory(prefix=".mrtoolkit-", dir=folder):
            pass
    except OSError as error:
        why = "is a file" if folder.is_file() else f"takes no files ({error.strerror})"
        raise StudyError(
            f"no study can be written at {path}: {folder} {why}; give a path in a folder that you may write in."
        ) from error


def write_study(file: StudyFile, path: str | Path) -> Path:
    """Write a study whole or not at all; return its path."""
    target = check_study_path(path, older=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = _beside(target)
    try:
        if target.suffix == ".zip":
            _write_zip(file, beside)
            beside.replace(target)
        elif (target / "zarr.json").exists():
            _write_folder(file, target)
        else:
            _write_folder(file, beside)
            if target.is_dir():
                target.rmdir()  # empty, as it was checked
            beside.rename(target)
    finally:
        if beside.is_dir():
            shutil.rmtree(beside, ignore_errors=True)
        else:
            beside.unlink(missing_ok=True)
    return target


def read_study(path: str | Path) -> StudyFile:
    """Read a study from a folder or a zip file.

    Raises
    ------
    StudyError
        If there is none, or it is damaged.
    """
    found = as_study_path(path)
    if not found.exists():
        raise StudyError(f"there is no study at {found}; check the path, or save one with study.save(path).")
    attributes = _read_root(found)
    store = ZipStore(found, mode="r") if found.suffix == ".zip" else LocalStore(found, read_only=True)
    try:
        root: Any = zarr.open_group(store, mode="r")
        trials = root[attributes["trials"]]
        kinds = {kind: {name: np.asarray(array[...]) for name, array in trials[kind].arrays()} for kind in _DIMS}
        bars = _read_bars(root[attributes["bars"]]) if attributes["bars"] else None
        if _digest(kinds) != attributes["digest"]:
            raise ValueError("its trials are not those that were written")  # a missing chunk reads as zeros
        return StudyFile(described=attributes["study"], **kinds, bars=bars)
    except (KeyError, ValueError, OSError, RuntimeError, zipfile.BadZipFile) as error:
        raise StudyError(
            f"the study at {found} is damaged ({error}); restore it from a copy, or search again."
        ) from error
    finally:
        store.close()


def _read_root(path: Path, *, older: bool = False) -> dict[str, Any]:
    """Return the commit record, of an older format only where it is asked for; or say that this is no study."""
    holds = "holds other files and no study" if path.is_dir() else "is not a study"
    problem = f"{path} {holds}; give the path of a study, or one where nothing is yet."
    try:
        if path.is_dir():
            text = (path / "zarr.json").read_text(encoding="utf-8")
        else:
            with zipfile.ZipFile(path) as archive:
                text = archive.read("zarr.json").decode("utf-8")
        attributes: dict[str, Any] = json.loads(text)["attributes"]
        if attributes["format"] != FORMAT or not isinstance(attributes["version"], int):
            raise StudyError(problem)
    except (OSError, KeyError, TypeError, ValueError, zipfile.BadZipFile):
        raise StudyError(problem) from None
    if attributes["version"] != VERSION and not (older and attributes["version"] < VERSION):
        cure = "update mrtoolkit" if attributes["version"] > VERSION else "search again, into another path"
        msg = (
            f"the study at {path} has version {attributes['version']} of the format, and this mrtoolkit "
            f"reads version {VERSION}; {cure}."
        )
        raise StudyError(msg)
    return attributes


def _write_folder(file: StudyFile, folder: Path) -> None:
    """Write new trials beside the old ones, then replace the commit record, then remove what no longer counts."""
    folder.mkdir(exist_ok=True)
    replaced = _read_root(folder, older=True) if (folder / "zarr.json").exists() else {}
    attributes = _attributes(file)
    _write_trials(zarr.create_group(LocalStore(folder / attributes["trials"])), file)
    if attributes["bars"] and not (folder / attributes["bars"]).exists():
        _write_bars_folder(file.bars, folder / attributes["bars"])
    record = {"zarr_format": 3, "node_type": "group", "attributes": attributes}
    beside = _beside(folder / "zarr.json")
    beside.write_text(json.dumps(record, indent=1, allow_nan=False), encoding="utf-8")
    beside.replace(folder / "zarr.json")
    _remove_superseded(folder, attributes, replaced)


def _beside(path: Path) -> Path:
    """Return a name beside `path` that no other writer has, in whatever process or thread."""
    return path.with_name(f".{path.name}.{uuid4().hex}.tmp")


def _write_bars_folder(bars: xr.Dataset | None, folder: Path) -> None:
    beside = _beside(folder)
    try:
        _write_bars(zarr.create_group(LocalStore(beside)), bars)
        beside.rename(folder)
    except OSError:
        if not folder.exists():  # else another writer was first; it is named by its content, so it is the same
            raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _remove_superseded(folder: Path, current: Mapping[str, Any], replaced: Mapping[str, Any]) -> None:
    """Remove what the replaced record named, and what a killed writer left; not what another is writing now."""
    for old in (*folder.glob("trials-*"), *folder.glob("bars-*"), *folder.glob(".*.tmp")):
        if old.name in (current["trials"], current["bars"]):
            continue
        with suppress(OSError):
            if (
                old.name in (replaced.get("trials"), replaced.get("bars"))
                or time.time() - old.stat().st_mtime > _ABANDONED
            ):
                shutil.rmtree(old) if old.is_dir() else old.unlink()


def _write_zip(file: StudyFile, path: Path) -> None:
    path.unlink(missing_ok=True)
    attributes = _attributes(file)
    store = ZipStore(path, mode="w")
    try:
        root = zarr.create_group(store, attributes=attributes)
        _write_trials(root.create_group(attributes["trials"]), file)
        if attributes["bars"]:
            held = _bars_attributes(file.bars)
            _write_arrays(root.create_group(attributes["bars"], attributes=held), _bars_arrays(file.bars))
    finally:
        store.close()


def _attributes(file: StudyFile) -> dict[str, Any]:
    is_small = file.bars is not None and file.bars.nbytes <= LARGEST_BARS
    bars = f"bars-{fingerprint(file.bars)}" if file.bars is not None and is_small else None
    return {
        "format": FORMAT,
        "version": VERSION,
        "trials": f"trials-{uuid4().hex}",
        "digest": _digest(_kinds(file)),
        "bars": bars,
        "study": plain_json(file.described),
    }


def _kinds(file: StudyFile) -> dict[str, Mapping[str, np.ndarray]]:
    """Return the arrays over trials, by kind and name."""
    return {kind: getattr(file, kind) for kind in _DIMS}


def _digest(kinds: Mapping[str, Mapping[str, np.ndarray]]) -> str:
    state = hashlib.blake2b(digest_size=16)
    for kind in _DIMS:
        for name in sorted(kinds[kind]):
            values = np.ascontiguousarray(kinds[kind][name])
            state.update(f"{kind}/{name} {values.dtype.str} {values.shape}".encode())
            state.update(values.tobytes())
    return state.hexdigest()


def _write_trials(group: zarr.Group, file: StudyFile) -> None:
    for kind, arrays in _kinds(file).items():
        _write_arrays(group.create_group(kind), {name: (_DIMS[kind], values) for name, values in arrays.items()})


def _write_arrays(group: zarr.Group, arrays: Mapping[str, tuple[tuple[str, ...], np.ndarray]]) -> None:
    for name, (dims, values) in arrays.items():
        chunks = tuple(max(1, min(_CHUNK, length)) for length in values.shape)
        group.create_array(name, data=np.ascontiguousarray(values), chunks=chunks, dimension_names=dims)


def _write_bars(group: zarr.Group, bars: xr.Dataset | None) -> None:
    group.update_attributes(_bars_attributes(bars))
    _write_arrays(group, _bars_arrays(bars))


def _bars_attributes(bars: xr.Dataset | None) -> dict[str, Any]:
    if bars is None:
        return {}
    asset = [str(label) for label in bars["asset"].values] if "asset" in bars.dims else None
    columns = {str(name): [str(dim) for dim in bars[name].dims] for name in bars.data_vars}
    return {"columns": columns, "asset": asset, "bars": plain_json(dict(bars.attrs))}


def _bars_arrays(bars: xr.Dataset | None) -> dict[str, tuple[tuple[str, ...], np.ndarray]]:
    if bars is None:
        return {}
    arrays = {str(name): (tuple(str(dim) for dim in bars[name].dims), bars[name].to_numpy()) for name in bars.data_vars}
    return arrays | {"time": (("time",), bars["time"].to_numpy().astype("datetime64[ns]").astype(np.int64))}


def _read_bars(group: Any) -> xr.Dataset:
    said = dict(group.attrs)
    coords: dict[str, Any] = {"time": np.asarray(group["time"][...]).astype("datetime64[ns]")}
    if said["asset"] is not None:
        coords["asset"] = np.array(said["asset"], dtype=object)
    variables = {name: (dims, np.asarray(group[name][...])) for name, dims in said["columns"].items()}
    return xr.Dataset(variables, coords=coords, attrs=said["bars"])


def plain_json(value: Any) -> Any:
    """Return value as strict JSON holds it: NumPy scalars as numbers, NaN and infinities as text."""
    kind = type(value)
    if value is None or kind in (str, int, bool):  # most are, and to ask for a Mapping takes longest
        return value
    if kind is float:
        return value if math.isfinite(value) else str(value)
    if kind in (list, tuple):
        return [plain_json(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): plain_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_json(item) for item in value]
    if isinstance(value, np.generic):
        return plain_json(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
