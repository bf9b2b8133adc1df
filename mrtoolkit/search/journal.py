"""The trials since a study was last written whole: one file, to which a record a batch is appended.

A record is a head (JSON: which columns of which shape, what else changed) and the columns as they lie in memory, behind
their lengths and a checksum. A search that is killed leaves a record cut off at the end at most: it is recognised, and
its trials are evaluated again. The first record names the commit of the study to which all others belong.
"""

from __future__ import annotations

import json
import math
import os
import struct
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mrtoolkit.features.disk.files import NO_FOLLOW, bytes_of, crc32c, write_parts
from mrtoolkit.search.trial_log import TrialRows

_MAGIC = b"MRTL"
_LENGTHS = struct.Struct("<QQ")
_FRONT = len(_MAGIC) + _LENGTHS.size + 4
_LARGEST_HEAD = 2**27  # bytes
_BINARY: int = getattr(os, "O_BINARY", 0)
_FIXED = {"codes": "int64", "level": "int64", "region": "int64", "value": "float64", "feasible": "bool"}
_KINDS = {"metrics": "float64", "blocks": "float32"}


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalBatch:
    """One batch as it was appended.

    Attributes
    ----------
    rows : TrialRows
    said : mapping
        JSON: what else of the study changed with it.
    """

    rows: TrialRows
    said: Mapping[str, Any] = field(default_factory=dict)


class Journal:
    """The file while a search appends to it.

    Parameters
    ----------
    path : Path
    commit : str
        The commit of the study that the trials come after. Records of another commit are dropped.
    """

    def __init__(self, path: Path, commit: str) -> None:
        self.path = path
        self._commit = commit
        self._file: int | None = None
        self._end = 0

    def append(self, rows: TrialRows, said: Mapping[str, Any]) -> None:
        """Add a batch; where that fails, the file is what it was.

        Raises
        ------
        OSError
            If the disk is full, or the file cannot be written.
        """
        if self._file is None:
            self._open()
        self._add(*_parts(rows, said))

    def close(self) -> None:
        """Write no more."""
        file, self._file = self._file, None
        if file is not None:
            os.close(file)

    def _open(self) -> None:
        """Open the file behind its last whole record; begin anew where its records belong to another commit."""
        end = read_journal(self.path, self._commit)[1]
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | NO_FOLLOW | _BINARY, 0o666)
        os.ftruncate(self._file, end)
        self._end = end
        if end == 0:
            self._add(json.dumps({"commit": self._commit}).encode(), [])

    def _add(self, head: bytes, columns: list[Any]) -> None:
        assert self._file is not None  # noqa: S101 - for the type checker
        lengths = _LENGTHS.pack(len(head), sum(len(part) for part in columns))
        os.lseek(self._file, self._end, os.SEEK_SET)
        try:
            write_parts(self._file, [_MAGIC, lengths, crc32c([lengths, head, *columns]), head, *columns])
        except BaseException:  # also Ctrl-C: no half of it stays
            with suppress(OSError):
                os.ftruncate(self._file, self._end)
            raise
        self._end = os.lseek(self._file, 0, os.SEEK_CUR)


def read_journal(path: Path, commit: str) -> tuple[list[JournalBatch], int]:
    """Return the batches that belong to a commit, and where the last whole record ends; none where there is no file.

    Raises
    ------
    KeyError, TypeError, ValueError
        For a record that nobody wrote who writes such files.
    """
    try:
        data = np.fromfile(path, dtype=np.uint8)
    except FileNotFoundError:
        return [], 0
    batches, end = [], 0
    for stop, head, columns in _records(data):
        if end == 0 and head.get("commit") != commit:
            return [], 0
        if end:
            batches.append(_batch(head, columns))
        end = stop
    return batches, end


def _records(data: np.ndarray) -> Iterator[tuple[int, Any, np.ndarray]]:
    """Yield (end, head, columns) of each whole record, up to the first that is not."""
    start = 0
    while len(data) - start >= _FRONT:
        front = data[start : start + _FRONT]
        lengths = front[len(_MAGIC) : len(_MAGIC) + _LENGTHS.size]
        n_head, n_columns = _LENGTHS.unpack(lengths.tobytes())
        body = start + _FRONT
        stop = body + n_head + n_columns
        if front[: len(_MAGIC)].tobytes() != _MAGIC or n_head > _LARGEST_HEAD or stop > len(data):
            return
        if crc32c([lengths, data[body:stop]]) != front[-4:].tobytes():
            return
        yield stop, json.loads(data[body : body + n_head].tobytes()), data[body + n_head : stop]
        start = stop


def _parts(rows: TrialRows, said: Mapping[str, Any]) -> tuple[bytes, list[Any]]:
    columns, parts = [], []
    named = [(name, "", getattr(rows, name), kind) for name, kind in _FIXED.items()]
    named += [(of, name, values, kind) for of, kind in _KINDS.items() for name, values in getattr(rows, of).items()]
    for of, name, values, kind in named:
        plain = np.ascontiguousarray(values, dtype=np.dtype(kind).newbyteorder("<"))
        columns.append([of, name, list(plain.shape)])
        parts.append(bytes_of(plain))
    return json.dumps({"columns": columns, "said": dict(said)}, allow_nan=False).encode(), parts


def _batch(head: Any, data: np.ndarray) -> JournalBatch:
    found: dict[str, Any] = {"metrics": {}, "blocks": {}}
    start = 0
    for of, name, shape in head["columns"]:
        dtype = np.dtype(_KINDS[of] if name else _FIXED[of]).newbyteorder("<")
        if any(type(size) is not int or size < 0 for size in shape):
            raise ValueError(f"a column of shape {str(shape)[:40]}")
        stop = start + math.prod(shape) * dtype.itemsize
        values = data[start:stop].view(dtype).reshape(shape)
        if name:
            found[of][name] = values
        else:
            found[of] = values
        start = stop
    if start != len(data):
        raise ValueError("columns of another length than they say")
    rows = TrialRows(**found)
    rows.check()
    if not isinstance(head["said"], dict):
        raise TypeError("a record that says no mapping")
    return JournalBatch(rows=rows, said=head["said"])
