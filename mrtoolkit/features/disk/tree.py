"""The store's own record: the mark that tells a feature store, and the metadata of everything in it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mrtoolkit.errors import StoreError, warn_caller
from mrtoolkit.features.disk.commit import RECORD, Commit, Signature, signature_of
from mrtoolkit.features.disk.files import crc32c, write_whole
from mrtoolkit.features.disk.generation import Generation, generation_attributes
from mrtoolkit.features.faults import DamagedFeatureWarning

MAX_FAMILIES = 500
_MARK = {"mrtoolkit": "feature store", "schema": 1}
_METADATA = ', "consolidated_metadata": {"kind": "inline", "must_understand": false, "metadata": '


class Tree:
    """Writes the root's `zarr.json` so that `xr.open_datatree(path, engine="zarr")` finds every family in one read.

    Beyond 500 families the record has the mark alone (it would take more than a megabyte to write after each commit);
    families are then opened one by one.
    """

    def __init__(self, path: Path) -> None:
        self._path = path / RECORD
        self._texts: dict[Path, tuple[Signature, str]] = {}
        self._written: str | None = None

    def mark(self) -> None:
        """Say that the folder is a feature store, unless it says so."""
        if not self._path.exists():
            self._write("{}")

    def refresh(self, generations: Iterable[Generation], commits: Iterable[tuple[str, Commit]]) -> None:
        """Write the metadata of everything that is committed."""
        found = list(commits)
        parts: list[str] = []
        if len(found) <= MAX_FAMILIES:
            for generation in generations:
                group = _group(generation_attributes(generation))
                parts.append(f"{json.dumps(generation.fingerprint)}: {group}")
            parts += [text for data, commit in found if (text := self._text(data, commit))]
        self._texts = {commit.path: self._texts[commit.path] for _, commit in found if commit.path in self._texts}
        self._write("{" + ", ".join(parts) + "}")

    def _text(self, data: str, commit: Commit) -> str:
        known = self._texts.get(commit.path)
        if known is not None and known[0] == commit.signature:
            return known[1]
        try:
            document = json.loads((commit.path / RECORD).read_bytes())
        except (OSError, ValueError):
            return ""  # removed meanwhile
        place = f"{data}/{commit.path.name}"
        parts = [f"{json.dumps(place)}: {_group(document['attributes'])}"]
        for name, metadata in document["consolidated_metadata"]["metadata"].items():
            parts.append(f"{json.dumps(f'{place}/{name}')}: {json.dumps(metadata)}")
        text = ", ".join(parts)
        self._texts[commit.path] = (commit.signature, text)
        return text

    def _write(self, metadata: str) -> None:
        text = _record(metadata)
        if text != self._written or not self._path.exists():
            write_whole(str(self._path), text.encode())
            self._written = text


def is_whole(path: Path) -> bool:
    """Whether the record of the store at `path` is as it was written, every byte of it."""
    try:
        text = (path / RECORD).read_text()
    except (OSError, ValueError):
        return False
    _, found, metadata = text.partition(_METADATA)
    return text == _record(metadata[:-2] if found else "{}")


def _record(metadata: str) -> str:
    mark = {**_MARK, "metadata_crc32c": int.from_bytes(crc32c([metadata.encode()]), "little")}
    head = f'{{"zarr_format": 3, "node_type": "group", "attributes": {json.dumps(mark)}'
    return f"{head}}}" if metadata == "{}" else f"{head}{_METADATA}{metadata}}}}}"


def check_is_store(path: Path) -> None:
    """Raise StoreError unless `path` is a feature store, or could become one."""
    cure = "give the folder of a store, or a new path such as 'features.zarr'"
    try:
        if path.exists() and not path.is_dir():
            raise StoreError(f"{path} is a file, but a feature store is a folder; {cure}.")
        if not path.is_dir() or not any(path.iterdir()):
            return
        attributes = _attributes(path / RECORD)
        is_store = attributes["mrtoolkit"] == _MARK["mrtoolkit"]
        schema = int(attributes["schema"])
    except StoreError:
        raise
    except FileNotFoundError:
        is_store, schema = _holds_only_a_lock(path) or _looks_like_a_store(path), 1
    except PermissionError as error:
        raise StoreError(
            f"{path} cannot be opened as a feature store ({error}); ask for the right to read it."
        ) from error
    except (OSError, ValueError, LookupError, TypeError, OverflowError, RecursionError):
        is_store, schema = _looks_like_a_store(path), 1
    if not is_store:
        raise StoreError(f"{path} holds something else than a feature store, and nothing was written to it; {cure}.")
    if schema > 1:
        raise StoreError(f"{path} is a feature store of schema {schema}, and this version reads 1; update mrtoolkit.")


def _looks_like_a_store(path: Path) -> bool:
    """Whether a folder without a record that can be read is nevertheless a store; a warning names the record.

    That is so where it holds data sets' folders and nothing else, one of them with a family.
    """
    if (path / RECORD).exists() and _is_marked(path):
        return True  # another process has made the store meanwhile
    own = (".lock", ".claims", RECORD)
    folders = [p for p in path.iterdir() if p.name not in own and not p.name.endswith(".partial")]
    is_store = all(re.fullmatch("[0-9a-f]{32}", p.name) for p in folders)
    if not is_store or not any(signature_of(family) for folder in folders for family in folder.glob("*@*")):
        return False
    message = f"the record {path / RECORD} is missing or damaged; the next write to the store makes it anew."
    warn_caller(message, DamagedFeatureWarning)
    return True


def _is_marked(path: Path) -> bool:
    try:
        return bool(_attributes(path / RECORD)["mrtoolkit"] == _MARK["mrtoolkit"])
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _attributes(record: Path) -> dict[str, Any]:
    """Return the attributes of the root without a look at the rest, which may be a megabyte."""
    with record.open("rb") as file:
        start = file.read(4096)
    key = b'"attributes": '
    try:
        attributes: dict[str, Any] = json.JSONDecoder().raw_decode(start[start.index(key) + len(key) :].decode())[0]
        if start.startswith(b'{"zarr_format": 3, "node_type": "group", "attributes"'):
            return attributes
    except ValueError:
        pass
    whole: dict[str, Any] = json.loads(record.read_bytes())["attributes"]
    return whole


def _group(attributes: object) -> str:
    group = {
        "zarr_format": 3,
        "node_type": "group",
        "attributes": attributes,
        "consolidated_metadata": {"kind": "inline", "must_understand": False, "metadata": {}},
    }
    return json.dumps(group)


def _holds_only_a_lock(path: Path) -> bool:
    """Whether a first write ended (killed, disk full) before the folder was marked as a store."""
    return all(p.name in (".lock", ".claims") or p.name.endswith(".partial") for p in path.iterdir())
