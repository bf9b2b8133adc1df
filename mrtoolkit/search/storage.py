"""A study on disk: a Zarr folder, or one zip file of the same layout.

Plain arrays and JSON: opening one runs no code.

::

    study.zarr/
        zarr.json            the commit record: what was searched, the tables of levels and regions, and which of the
                             folders below count, with a digest of their content; replaced atomically, last
        trials-000007/       an array a column over (trial): parameters (categories as codes), level, region, value,
                             feasible, metrics, and statistics per block over (trial, block)
        bars-1f0e.../        the prices, up to 20 MB, named by their content
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
import zarr
from zarr.storage import LocalStore, ZipStore

from mrtoolkit.data.fingerprint import fingerprint
from mrtoolkit.errors import StudyError

FORMAT = "mrtoolkit study"
VERSION = 1
LARGEST_BARS = 20_000_000  # bytes; larger prices are not written into a study
_CHUNK = 65_536
_METRIC_VALUE = "metric_value"  # the metric `value` of a callable, beside the objective, which is `value`


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


def check_study_path(path: str | Path) -> Path:
    """Return the path of a study that is there or may be written there; refuse any other file or folder."""
    found = Path(path)
    if found.is_dir() and any(found.iterdir()):
        _read_root(found)
    elif found.is_file():
        if found.suffix != ".zip":
            msg = f"{found} is a file, but a study is a folder or a file that ends in .zip; choose another path."
            raise StudyError(msg)
        _read_root(found)
    elif found.is_dir() and found.suffix == ".zip":
        msg = f"{found} is a folder, but its name ends in .zip, so the study would be one file; choose another path."
        raise StudyError(msg)
    return found


def write_study(file: StudyFile, path: str | Path) -> Path:
    """Write a study whole or not at all; return its path."""
    target = check_study_path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.{os.getpid()}.tmp")
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
    found = Path(path)
    if not found.exists():
        raise StudyError(f"there is no study at {found}; check the path, or save one with study.save(path).")
    attributes = _read_root(found)
    store = ZipStore(found, mode="r") if found.suffix == ".zip" else LocalStore(found, read_only=True)
    try:
        root: Any = zarr.open_group(store, mode="r")
        arrays = {name: np.asarray(array[...]) for name, array in root[attributes["trials"]].arrays()}
        bars = _read_bars(root[attributes["bars"]]) if attributes["bars"] else None
        if _digest(arrays) != attributes["digest"]:
            raise ValueError("its trials are not those that were written")  # a missing chunk reads as zeros
        return _as_file(attributes["study"], arrays, bars)
    except (KeyError, ValueError, OSError, RuntimeError, zipfile.BadZipFile) as error:
        raise StudyError(
            f"the study at {found} is damaged ({error}); restore it from a copy, or search again."
        ) from error
    finally:
        store.close()


def _as_file(described: Mapping[str, Any], arrays: Mapping[str, np.ndarray], bars: xr.Dataset | None) -> StudyFile:
    metrics = {name: arrays[_METRIC_VALUE if name == "value" else name] for name in described["metrics"]}
    blocks = {name.removeprefix("block_"): values for name, values in arrays.items() if name.startswith("block_")}
    columns = {name: arrays[name] for name in ("level", "region", "value", "feasible")}
    params = {name: arrays[name] for name in described["space"]["dimensions"]}
    return StudyFile(described=described, params=params, columns=columns, metrics=metrics, blocks=blocks, bars=bars)


def _read_root(path: Path) -> dict[str, Any]:
    """Return the commit record, or say that this is no study."""
    problem = (
        f"{path} is not a study (it has no commit record of one); give the path of a study, or one where "
        "nothing is yet."
    )
    try:
        if path.is_dir():
            text = (path / "zarr.json").read_text(encoding="utf-8")
        else:
            with zipfile.ZipFile(path) as archive:
                text = archive.read("zarr.json").decode("utf-8")
        attributes: dict[str, Any] = json.loads(text)["attributes"]
        if attributes["format"] != FORMAT:
            raise StudyError(problem)
    except (OSError, KeyError, TypeError, ValueError, zipfile.BadZipFile):
        raise StudyError(problem) from None
    if attributes["version"] > VERSION:
        msg = (
            f"the study at {path} has version {attributes['version']} of the format, and this mrtoolkit "
            f"reads up to {VERSION}; update it."
        )
        raise StudyError(msg)
    return attributes


def _write_folder(file: StudyFile, folder: Path) -> None:
    """Write new trials beside the old ones, then replace the commit record, then remove what no longer counts."""
    folder.mkdir(exist_ok=True)
    taken = [int(old.name[7:]) for old in folder.glob("trials-*") if old.name[7:].isdigit()]
    attributes = _attributes(file, f"trials-{max(taken, default=-1) + 1:06d}")
    _write_arrays(zarr.create_group(LocalStore(folder / attributes["trials"])), _trial_arrays(file))
    if attributes["bars"] and not (folder / attributes["bars"]).exists():
        beside = folder / f"{attributes['bars']}.tmp"
        shutil.rmtree(beside, ignore_errors=True)
        _write_bars(zarr.create_group(LocalStore(beside)), file.bars)
        beside.rename(folder / attributes["bars"])
    record = {"zarr_format": 3, "node_type": "group", "attributes": attributes}
    beside = folder / f"zarr.json.{os.getpid()}.tmp"
    beside.write_text(json.dumps(record, indent=1, allow_nan=False), encoding="utf-8")
    beside.replace(folder / "zarr.json")
    for old in (*folder.glob("trials-*"), *folder.glob("bars-*")):
        if old.name not in (attributes["trials"], attributes["bars"]):
            shutil.rmtree(old, ignore_errors=True)


def _write_zip(file: StudyFile, path: Path) -> None:
    path.unlink(missing_ok=True)
    attributes = _attributes(file, "trials-000000")
    store = ZipStore(path, mode="w")
    try:
        root = zarr.create_group(store, attributes=attributes)
        _write_arrays(root.create_group(attributes["trials"]), _trial_arrays(file))
        if attributes["bars"]:
            held = _bars_attributes(file.bars)
            _write_arrays(root.create_group(attributes["bars"], attributes=held), _bars_arrays(file.bars))
    finally:
        store.close()


def _attributes(file: StudyFile, trials: str) -> dict[str, Any]:
    is_small = file.bars is not None and file.bars.nbytes <= LARGEST_BARS
    bars = f"bars-{fingerprint(file.bars)}" if file.bars is not None and is_small else None
    digest = _digest({name: values for name, (_, values) in _trial_arrays(file).items()})
    described = plain_json(file.described)
    return {"format": FORMAT, "version": VERSION, "trials": trials, "digest": digest, "bars": bars, "study": described}


def _digest(arrays: Mapping[str, np.ndarray]) -> str:
    state = hashlib.blake2b(digest_size=16)
    for name in sorted(arrays):
        values = np.ascontiguousarray(arrays[name])
        state.update(f"{name} {values.dtype.str} {values.shape}".encode())
        state.update(values.tobytes())
    return state.hexdigest()


def _trial_arrays(file: StudyFile) -> dict[str, tuple[tuple[str, ...], np.ndarray]]:
    metrics = {_METRIC_VALUE if name == "value" else name: values for name, values in file.metrics.items()}
    flat = {**file.params, **file.columns, **metrics}
    blocks = {f"block_{name}": values for name, values in file.blocks.items()}
    return {n: (("trial",), v) for n, v in flat.items()} | {n: (("trial", "block"), v) for n, v in blocks.items()}


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
    if isinstance(value, Mapping):
        return {str(key): plain_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_json(item) for item in value]
    if isinstance(value, np.generic):
        return plain_json(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
