"""A study on disk: a Zarr folder, or one zip file of the same layout.

Plain arrays and JSON: opening one runs no code, and ``xr.open_zarr(path)`` shows a finished study's trials.

::

    study.zarr/
        zarr.json            the commit record: what was searched, the tables of levels and regions, and the metadata of
                             all arrays; replaced atomically, last
        fast/, slow/, ...    over (trial): a parameter's labels; of a category its code
        level/, value/, ...  over (trial): level, region, value, feasible, and a metric each
        block-sums/          over (trial, block): statistics per block of time
        prices-1f0e.../      the prices, up to 20 MB, named by their content
        trials.log           while a search runs or was killed: the trials since the arrays were written (`journal`);
                             for study.zarr.zip it lies beside, as study.zarr.zip.log

The chunks of an array are named c/0 and c.0 in turn, so that new ones are written beside those that still count.
"""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import numpy as np
import xarray as xr

from mrtoolkit.data.fingerprint import fingerprint
from mrtoolkit.errors import StudyError
from mrtoolkit.features.disk.files import write_new, write_whole
from mrtoolkit.search.array_files import array_metadata, chunk_files, group_metadata, is_plain, read_array
from mrtoolkit.search.journal import JournalBatch, read_journal
from mrtoolkit.search.older_study import read_version_2, remove_version_2
from mrtoolkit.search.plain_json import plain_json
from mrtoolkit.search.study_lock import StudyLock
from mrtoolkit.search.study_paths import (
    FORMAT,
    RECORD,
    VERSION,
    as_study_path,
    check_study_path,
    is_plain_name,
    journal_path,
    member,
    naming_damage,
    read_limited,
    read_record,
)

LARGEST_BARS = 20_000_000  # bytes; larger prices are not written into a study
BLOCKS, PRICES = "block-sums", "prices-"
_DIMS = {"params": ("trial",), "columns": ("trial",), "metrics": ("trial",), "blocks": ("trial", "block")}
_ATTEMPTS = 5  # to read what is being replaced
_Part = tuple[str, tuple[str, ...], np.ndarray, dict[str, Any]]


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
    batches : tuple of JournalBatch
        Trials that came after those, of a search that was killed or is running.
    commit : str
        What names this state of the arrays; empty where it was not read from a file.
    """

    described: Mapping[str, Any]
    params: Mapping[str, np.ndarray]
    columns: Mapping[str, np.ndarray]
    metrics: Mapping[str, np.ndarray]
    blocks: Mapping[str, np.ndarray]
    bars: xr.Dataset | None
    batches: tuple[JournalBatch, ...] = ()
    commit: str = ""


def write_study(file: StudyFile, path: str | Path) -> Path:
    """Write a study whole or not at all, while no search and no other save writes there; return its path.

    Raises
    ------
    StudyError
        If something else is there, a search is writing there, or nothing can be written.
    """
    target = check_study_path(path, older=True)
    lock = StudyLock(target, is_search=False)
    lock.acquire()
    try:
        commit_study(file, target)
    except OSError as error:
        raise StudyError(f"the study could not be written at {target} ({error}); save it elsewhere.") from error
    finally:
        lock.release()
    return target


def commit_study(file: StudyFile, target: Path) -> str:
    """Write a study whole or not at all, where the lock is held; return the name of this state.

    Raises
    ------
    OSError
        If it cannot be written; what was there is as it was.
    """
    commit = uuid4().hex
    beside = target.with_name(f".{target.name}.partial")
    _remove(beside)  # of a writer that was killed
    try:
        if target.suffix == ".zip":
            _write_zip(file, commit, beside)
            beside.replace(target)
        elif (target / RECORD).exists():
            _write_over(file, commit, target)
        else:
            _write_folder(file, commit, beside)
            if target.is_dir():
                target.rmdir()  # empty, as it was checked
            beside.rename(target)
    except BaseException:  # also Ctrl-C: no half of it stays
        _remove(beside)
        raise
    with suppress(OSError):
        journal_path(target).unlink(missing_ok=True)  # of the state before; its records no longer count anyhow
    return commit


def read_study(path: str | Path) -> StudyFile:
    """Read a study from a folder or a zip file, with the trials that a running or killed search has added.

    Raises
    ------
    StudyError
        If there is none, or it is damaged.
    """
    found = as_study_path(path)
    if not found.exists():
        raise StudyError(f"there is no study at {found}; check the path, or save one with study.save(path).")
    for attempt in range(_ATTEMPTS):
        record = read_record(found)
        try:
            with naming_damage(found):
                return _read(found, record)
        except StudyError:
            if attempt + 1 == _ATTEMPTS or read_record(found) == record:
                raise  # else it was replaced meanwhile
    raise AssertionError


def _read(path: Path, record: Mapping[str, Any]) -> StudyFile:
    if record["attributes"]["version"] == 2:
        return StudyFile(**read_version_2(path, record["attributes"], _bars_of))
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            return _read_arrays(path, record, lambda name, size: member(archive, name, size))
    return _read_arrays(path, record, lambda name, size: read_limited(path / name, size))


def _read_arrays(path: Path, record: Mapping[str, Any], fetch: Callable[[str, int], bytes]) -> StudyFile:
    attributes, metadata = record["attributes"], record["consolidated_metadata"]["metadata"]

    def array(name: str) -> np.ndarray:
        if not all(is_plain_name(part) for part in name.split("/")):
            raise ValueError(f"an array named {name[:40]!r}")
        return read_array(metadata[name], lambda chunk, size: fetch(f"{name}/{chunk}", size))

    kinds = {
        kind: {str(name): array(place) for name, place in attributes["arrays"][kind].items()} for kind in _DIMS
    }
    n_trials = attributes["trials"]
    for kind, arrays in kinds.items():
        for name, values in arrays.items():
            if values.ndim != len(_DIMS[kind]) or len(values) != n_trials:
                raise ValueError(f"{name} has shape {values.shape} for {n_trials} trials")
    bars, held, commit = None, attributes["bars"], attributes["commit"]
    if held is not None:
        said = metadata[held]["attributes"]
        bars = _bars_of(said, {name: array(f"{held}/{name}") for name in (*said["columns"], "time")})
    if not isinstance(commit, str):
        raise ValueError(f"a commit named {str(commit)[:40]!r}")
    batches, _ = read_journal(journal_path(path), commit)
    return StudyFile(described=attributes["study"], **kinds, bars=bars, batches=tuple(batches), commit=commit)


def _write_folder(file: StudyFile, commit: str, folder: Path) -> None:
    """Write a study into a folder that is not there yet."""
    record, arrays = _layout(file, commit, "/")
    for name, parts in _array_files(record, arrays, "/"):
        write_new(str(folder / name), *parts)
    write_new(str(folder / RECORD), _json(record))


def _write_over(file: StudyFile, commit: str, folder: Path) -> None:
    """Write chunks beside those that count, then replace the commit record, then remove what no longer counts."""
    old = read_record(folder, older=True)
    before = old.get("consolidated_metadata", {}).get("metadata", {})
    separator = "." if old["attributes"].get("separator") == "/" else "/"
    record, arrays = _layout(file, commit, separator)
    after = record["consolidated_metadata"]["metadata"]
    kept = {name for name in after if name.startswith(PRICES) and name in before}
    for name in after:
        if name not in kept:
            _remove_chunks(folder / name, separator)  # of a writer that was killed
    for name, parts in _array_files(record, [one for one in arrays if one[0] not in kept], separator):
        if not name.endswith(RECORD):
            write_new(str(folder / name), *parts)
    write_whole(str(folder / RECORD), _json(record))
    with suppress(OSError):  # the study is written; what is left over is in nobody's way
        for name, metadata in after.items():
            write_whole(str(folder / name / RECORD), _json(metadata))
        for name in before:
            if all(is_plain_name(part) for part in name.split("/")):
                if name not in after:
                    _remove(folder / name)
                elif name not in kept:
                    _remove_chunks(folder / name, "/" if separator == "." else ".")
        remove_version_2(folder, old["attributes"])


def _remove_chunks(folder: Path, separator: str) -> None:
    if separator == "/":
        _remove(folder / "c")
    else:
        for chunk in folder.glob("c.*"):
            chunk.unlink()


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _write_zip(file: StudyFile, commit: str, path: Path) -> None:
    record, arrays = _layout(file, commit, "/")
    with zipfile.ZipFile(path, mode="x") as archive:
        archive.writestr(RECORD, _json(record))
        for name, parts in _array_files(record, arrays, "/"):
            archive.writestr(name, b"".join(bytes(part) for part in parts))


def _array_files(record: Mapping[str, Any], arrays: list[_Part], separator: str) -> Iterator[tuple[str, list[Any]]]:
    """Yield the path and the parts of every file but the commit record."""
    for name, metadata in record["consolidated_metadata"]["metadata"].items():
        yield f"{name}/{RECORD}", [_json(metadata)]
    for name, _, values, _ in arrays:
        for chunk, parts in chunk_files(values, _separator(name, separator)):
            yield f"{name}/{chunk}", parts


def _layout(file: StudyFile, commit: str, separator: str) -> tuple[dict[str, Any], list[_Part]]:
    """Return the commit record and all arrays with their paths, dimensions and attributes."""
    arrays, places = _trial_arrays(file)
    groups = {BLOCKS: group_metadata({})} if file.blocks else {}
    bars = None if file.bars is None else _bars_arrays(file.bars)
    held = f"{PRICES}{fingerprint(file.bars)}" if file.bars is not None and bars is not None else None
    if bars is not None and held is not None:
        groups[held] = group_metadata(_bars_attributes(file.bars))
        arrays += [(f"{held}/{name}", *rest) for name, *rest in bars]  # type: ignore[misc]
    metadata = groups | {
        name: array_metadata(values, dims, _separator(name, separator), said) for name, dims, values, said in arrays
    }
    attributes = {
        "format": FORMAT,
        "version": VERSION,
        "commit": commit,
        "trials": len(file.columns["level"]),
        "separator": separator,
        "arrays": places,
        "bars": held,
        "coordinates": " ".join(places["params"].values()),
        "objective": file.described.get("objective"),
        "direction": file.described.get("direction"),
        "study": plain_json(file.described),
    }
    return group_metadata(attributes, metadata), arrays


def _separator(name: str, separator: str) -> str:
    """Return how the chunks of an array are named: those of prices, which never change, always alike."""
    return "/" if name.startswith(PRICES) else separator


def _trial_arrays(file: StudyFile) -> tuple[list[_Part], dict[str, dict[str, str]]]:
    """Return the arrays over trials, and under which path each column of each kind is."""
    arrays: list[_Part] = []
    places: dict[str, dict[str, str]] = {kind: {} for kind in _DIMS}
    taken = {RECORD, BLOCKS, "trials.log"}
    dimensions = file.described.get("space", {}).get("dimensions", {})
    for kind, dims in _DIMS.items():
        for name, values in getattr(file, kind).items():
            place = quote(name, safe="") if name.isascii() or not name.isidentifier() else name
            place = f"{BLOCKS}/{place}" if kind == "blocks" else place
            while place.casefold() in taken:  # a metric called value, and file systems that take A for a
                place += f"-{kind}"
            taken.add(place.casefold())
            places[kind][name] = place
            categories = dimensions.get(name, {}).get("values") if kind == "params" else None
            said = {} if categories is None else {"categories": plain_json(categories)}
            arrays.append((place, dims, np.asarray(values), said))
    return arrays, places


def _bars_attributes(bars: xr.Dataset | None) -> dict[str, Any]:
    if bars is None:
        return {}
    asset = [str(label) for label in bars["asset"].values] if "asset" in bars.dims else None
    columns = {str(name): [str(dim) for dim in bars[name].dims] for name in bars.data_vars}
    return {"columns": columns, "asset": asset, "bars": plain_json(dict(bars.attrs))}


def _bars_arrays(bars: xr.Dataset) -> list[_Part] | None:
    """Return the arrays of bars, None where they are too large or no plain numbers."""
    arrays: list[_Part] = [
        (str(name), tuple(str(dim) for dim in bars[name].dims), bars[name].to_numpy(), {}) for name in bars.data_vars
    ]
    if bars.nbytes > LARGEST_BARS or not all(is_plain(one[2]) and is_plain_name(one[0]) for one in arrays):
        return None
    return [*arrays, ("time", ("time",), bars["time"].to_numpy().astype("datetime64[ns]").astype(np.int64), {})]


def _bars_of(said: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> xr.Dataset:
    coords: dict[str, Any] = {"time": arrays["time"].astype("datetime64[ns]")}
    if said["asset"] is not None:
        coords["asset"] = np.array(said["asset"], dtype=object)
    variables = {name: (dims, arrays[name]) for name, dims in said["columns"].items()}
    return xr.Dataset(variables, coords=coords, attrs=said["bars"])


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=1, allow_nan=False).encode()
