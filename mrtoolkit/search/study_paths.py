"""Where a study may be: paths checked before anything is evaluated, and read without running anything."""

from __future__ import annotations

import json
import os
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from mrtoolkit.errors import MrtoolkitError, StudyError

FORMAT = "mrtoolkit study"
VERSION = 3
OLDEST_READ = 2
RECORD = "zarr.json"
LARGEST_RECORD = 2**27  # bytes of JSON; a million regions take as much
_NAME = re.compile(r"[\w%-][\w.%-]*")


def as_study_path(path: Any) -> Path:
    """Return a path as a Path, or say that it is none."""
    if not isinstance(path, str | os.PathLike) or not str(path):
        raise StudyError(f"the path of a study is {path!r}; give a text or a Path, as in 'study.zarr'.")
    return Path(path)


def journal_path(path: Path) -> Path:
    """Return where the trials of a study are that are not in its arrays yet: in its folder, or beside its one file."""
    return path.with_name(f"{path.name}.log") if path.suffix == ".zip" else path / "trials.log"


def is_study_there(path: Path) -> bool:
    """Say whether there is something at the path: a file, or a folder that is not empty."""
    return path.is_file() or (path.is_dir() and any(path.iterdir()))


def check_study_path(path: str | Path, *, older: bool = False) -> Path:
    """Return the path of a study that is there or can be written there; refuse any other file or folder.

    A study of a format too old to be read is refused too unless `older`. Whether one may write is tried, by an empty
    folder that is removed.
    """
    found = as_study_path(path)
    _check_writable(found)
    if found.is_dir() and any(found.iterdir()):
        read_record(found, older=older)
    elif found.is_file():
        if found.suffix != ".zip":
            msg = f"{found} is a file, but a study is a folder or a file that ends in .zip; choose another path."
            raise StudyError(msg)
        read_record(found, older=older)
    elif found.is_dir() and found.suffix == ".zip":
        msg = f"{found} is a folder, but its name ends in .zip, so the study would be one file; choose another path."
        raise StudyError(msg)
    return found


def read_record(path: Path, *, older: bool = False) -> dict[str, Any]:
    """Return the commit record of a study, or say that this is none; one that cannot be read only where asked for."""
    holds = "holds other files and no study" if path.is_dir() else "is not a study"
    problem = f"{path} {holds}; give the path of a study, or one where nothing is yet."
    try:
        if path.is_dir():
            text = read_limited(path / RECORD, LARGEST_RECORD)
        else:
            with zipfile.ZipFile(path) as archive:
                text = member(archive, RECORD, LARGEST_RECORD)
        record: dict[str, Any] = json.loads(text)
        attributes = record["attributes"]
        if attributes["format"] != FORMAT or not isinstance(attributes["version"], int):
            raise StudyError(problem)
    except StudyError:
        raise
    except (OSError, KeyError, TypeError, ValueError, RecursionError, RuntimeError, zipfile.BadZipFile):
        raise StudyError(_damaged(path) if _has_arrays(path) else problem) from None
    version = attributes["version"]
    if not OLDEST_READ <= version <= VERSION and not (older and version < VERSION):
        cure = "update mrtoolkit" if version > VERSION else "search again, into another path"
        msg = (
            f"the study at {path} has version {version} of the format, and this mrtoolkit "
            f"reads versions {OLDEST_READ} to {VERSION}; {cure}."
        )
        raise StudyError(msg)
    return record


def _has_arrays(path: Path) -> bool:
    """Whether a folder holds what only a study does, whatever became of its record."""
    return all((path / name / RECORD).is_file() for name in ("value", "feasible", "level", "region"))


def _damaged(path: Path) -> str:
    what = "cannot be read" if (path / RECORD).exists() else "is missing"
    return (
        f"the study at {path} is damaged: its {RECORD} {what}, beside the arrays of its trials; restore it from a "
        "copy, or search again, into another path."
    )


@contextmanager
def naming_damage(path: Path) -> Iterator[None]:
    """Say of whatever is wrong with a file's content that the study is damaged.

    Raises
    ------
    StudyError
        For parts that are missing, of another type or shape, or without meaning.
    """
    try:
        yield
    except StudyError:
        raise
    except (
        KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError, OSError, RuntimeError, MemoryError,
        MrtoolkitError, zipfile.BadZipFile,
    ) as error:  # fmt: skip
        said = str(error) if isinstance(error, ValueError | OSError) else f"{type(error).__name__}: {error}"
        raise StudyError(
            f"the study at {path} is damaged ({said[:200]}); restore it from a copy, or search again."
        ) from error


def is_plain_name(name: Any) -> bool:
    """Say whether a name is one part of a path, inside the folder where it stands."""
    return isinstance(name, str) and _NAME.fullmatch(name) is not None


def read_limited(path: Path, limit: int) -> bytes:
    """Return a file's bytes, or refuse one that is larger than the limit before it is read."""
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size > limit:
            raise ValueError(f"{path.name} has more than {limit:,} bytes")
        return file.read(limit)


def member(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    """Return a file of an archive, or refuse one that is larger than the limit before it is unpacked."""
    if archive.getinfo(name).file_size > limit:
        raise ValueError(f"{name} has more than {limit:,} bytes")
    return archive.read(name)


def _check_writable(path: Path) -> None:
    """Refuse a path at which nothing can be written, and name the folder that forbids it."""
    folder = path if (path / RECORD).is_file() else path.parent
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    tried = folder / f".{path.name}.tried"  # of one name: what a kill leaves is removed by the next
    try:
        with suppress(FileExistsError):  # another process tries, or was killed when it did
            tried.mkdir()
        with suppress(FileNotFoundError):
            tried.rmdir()
    except OSError as error:
        why = "is a file" if folder.is_file() else f"takes no files ({error.strerror})"
        raise StudyError(
            f"no study can be written at {path}: {folder} {why}; give a path in a folder that you may write in."
        ) from error
