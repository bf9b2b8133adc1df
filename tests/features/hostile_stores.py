"""Feature stores that somebody else made: every record passes its checksum, and nothing in it can be trusted."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from mrtoolkit.features.disk import generation as generation_module
from mrtoolkit.features.disk.chunks import write_chunk, write_strings
from mrtoolkit.features.disk.commit import _checksum
from mrtoolkit.features.disk.files import crc32c

EVIL = "__import__('os').system('touch {outside}/pwned')"
LONG = "x" * 10_000


def edited(change: Callable[[dict[str, Any]], None]) -> Callable[[Path, Path], None]:
    """A family's record after `change`, its checksum right."""

    def make(family: Path, outside: Path) -> None:
        document = json.loads((family / "zarr.json").read_text())
        change(document)
        text = json.dumps(document)
        if isinstance(document.get("attributes"), dict):
            document = json.loads(text)  # as a reader sees it: 1e400 is infinite
            document["attributes"]["record_crc32c"] = _checksum(document)
            text = json.dumps(document)
        (family / "zarr.json").write_text(text.replace("{outside}", str(outside)))

    return make


def attribute(name: str, value: Any) -> Callable[[Path, Path], None]:
    return edited(lambda document: document["attributes"].__setitem__(name, value))


def shape(*value: Any) -> Callable[[Path, Path], None]:
    def change(document: dict[str, Any]) -> None:
        document["consolidated_metadata"]["metadata"]["ema"]["shape"] = list(value)

    return edited(change)


def renamed(name: str) -> Callable[[Path, Path], None]:
    """A family of another name, with arrays of that name as its record would have them."""

    def change(document: dict[str, Any]) -> None:
        document["attributes"]["family"] = name
        arrays = document["consolidated_metadata"]["metadata"]
        arrays[name] = arrays["ema"]

    return edited(change)


def parameter(name: str) -> Callable[[Path, Path], None]:
    def change(document: dict[str, Any]) -> None:
        document["attributes"]["parameters"] = [name]
        document["attributes"]["pattern"] = f"ema(P.{name})"

    return edited(change)


def labels(*values: float) -> Callable[[Path, Path], None]:
    def make(family: Path, _: Path) -> None:
        (family / "lookback/c/0").unlink()
        write_chunk(str(family / "lookback/c/0"), np.array(values), (4096,), "float64", known=False)

    return make


def record(text: str | bytes) -> Callable[[Path, Path], None]:
    def make(family: Path, _: Path) -> None:
        (family / "zarr.json").write_bytes(text if isinstance(text, bytes) else text.encode())

    return make


def generation(**changes: Any) -> Callable[[Path, Path], None]:
    def make(family: Path, _: Path) -> None:
        path = family.parent / "zarr.json"
        document = json.loads(path.read_text())
        document["attributes"].update(changes)
        about = {k: v for k, v in document["attributes"].items() if k != "record_crc32c"}
        document["attributes"]["record_crc32c"] = generation_module._checksum(about)
        path.write_text(json.dumps(document))

    return make


def generation_record(text: str) -> Callable[[Path, Path], None]:
    return lambda family, _: (family.parent / "zarr.json").write_text(text) and None


def assets_file(payload: bytes) -> Callable[[Path, Path], None]:
    def make(family: Path, _: Path) -> None:
        (family / "asset/c/0").write_bytes(payload + crc32c([payload]))

    return make


def asset_names(*names: str) -> Callable[[Path, Path], None]:
    def make(family: Path, _: Path) -> None:
        (family / "asset/c/0").unlink()
        write_strings(str(family / "asset/c/0"), names)

    return make


def linked(*parts: str) -> Callable[[Path, Path], None]:
    """A part of the family lies outside, and a symbolic link leads there."""

    def make(family: Path, outside: Path) -> None:
        inside = family.joinpath(*parts)
        inside.rename(outside / "moved")
        inside.symlink_to(outside / "moved")

    return make


def link_to(target: str, *parts: str) -> Callable[[Path, Path], None]:
    def make(family: Path, outside: Path) -> None:
        place = family.joinpath(*parts)
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place)
        place.unlink(missing_ok=True)
        place.symlink_to(target.format(outside=outside))

    return make


def linked_data(family: Path, outside: Path) -> None:
    family.parent.rename(outside / "moved")
    family.parent.symlink_to(outside / "moved")


def copied_data(family: Path, _: Path) -> None:
    """The features under the name of other bars."""
    shutil.copytree(family.parent, family.parent.with_name("f" * 32))


def other_folder(family: Path, _: Path) -> None:
    shutil.copytree(family, family.with_name("ema@1-000000000000"))


def odd_folders(family: Path, _: Path) -> None:
    for name in ("ema@..", "@", "a@b\nc", "\u202eame@1", "ema@" + "x" * 240, "-rf@1"):
        (family.parent / name).mkdir()
        (family.parent / name / "zarr.json").write_text("{}")
        (family.parent.parent / name).mkdir()


def record_is_a_folder(family: Path, _: Path) -> None:
    (family / "zarr.json").unlink()
    (family / "zarr.json").mkdir()


def record_is_a_pipe(family: Path, _: Path) -> None:
    (family / "zarr.json").unlink()
    os.mkfifo(family / "zarr.json")


def sized_record(family: Path, outside: Path) -> None:
    """The record of an array is a link to a file of the same size, which in-place writing would change."""
    file = family / "ema" / "zarr.json"
    (outside / "precious").write_bytes(b"p" * file.stat().st_size)
    file.unlink()
    file.symlink_to(outside / "precious")


def _set(*path: str | int, value: Any) -> Callable[[Path, Path], None]:
    def change(document: Any) -> None:
        for part in path[:-1]:
            document = document[part]
        document[path[-1]] = value

    return edited(change)


CASES: dict[str, Callable[[Path, Path], None]] = {
    "a pattern that is a call of the system": attribute("pattern", EVIL),
    "a pattern of attributes": attribute("pattern", "ema(P.lookback).__class__.__mro__"),
    "a pattern of 100,000 parentheses": attribute("pattern", "(" * 100_000),
    "a pattern of 100,000 calls": attribute("pattern", "ema(3, of=" * 100_000),
    "a pattern of 100,000 signs": attribute("pattern", "-" * 100_000 + "1"),
    "a pattern of another indicator": attribute("pattern", "sma(P.lookback)"),
    "a pattern without parameters": attribute("pattern", "close"),
    "a pattern that is a number": attribute("pattern", 5),
    "a name that climbs": renamed("../../../outside/secret"),
    "a name with a slash": renamed("a/b"),
    "a name with NUL": renamed("a\0b"),
    "a name of lines": renamed("a\nb\r\n"),
    "a name of one surrogate": renamed("\ud800"),
    "a name of 10,000 letters": renamed(LONG),
    "an empty name": renamed(""),
    "a parameter that climbs": parameter("../../../outside/secret"),
    "a parameter called time": parameter("time"),
    "a parameter of 10,000 letters": parameter(LONG),
    "parameters twice": attribute("parameters", ["lookback", "lookback"]),
    "parameters as a text": attribute("parameters", "lookback"),
    "no parameters": attribute("parameters", []),
    "outputs that climb": attribute("outputs", ["../../../outside/secret"]),
    "outputs twice": attribute("outputs", ["ema", "ema"]),
    "code of nobody": attribute("code", [[EVIL, 1, "x"]]),
    "code without end": attribute("code", [["ema", 1e400, "x"]]),
    "no code": attribute("code", []),
    "code that is a number": attribute("code", 3),
    "values that are objects": attribute("dtype", "object"),
    "values that are texts": attribute("dtype", "<U1000000000"),
    "values that are half": attribute("dtype", "float16"),
    "other bars": attribute("fingerprint", "0" * 32),
    "a cost without end": attribute("ns_per_bar", 1e400),
    "a cost that is a text": attribute("ns_per_bar", "NaN"),
    "a negative cost": attribute("ns_per_bar", -5.0),
    "states of terabytes": attribute("state_size", 10**12),
    "states beyond count": attribute("state_size", 10**30),
    "negative states": attribute("state_size", -1),
    "infinite states": attribute("state_size", 1e400),
    "units of 10,000 letters": attribute("units", LONG),
    "attributes that are a list": _set("attributes", value=[1]),
    "no metadata": _set("consolidated_metadata", value=None),
    "shape of petabytes": shape(2, 10**15),
    "shape beyond count": shape(2, 10**30),
    "negative shape": shape(2, -40),
    "shape of nothing": shape(2, 0),
    "fewer bars": shape(2, 30),
    "a fraction of a bar": shape(2, 40.5),
    "a shape of texts": shape("2", "40"),
    "a shape of truth": shape(2, True),
    "more assets than there are": shape(2, 1000, 40),
    "many assets of many bars": shape(2, 10**9, 10**9),
    "a shape of three": shape(2, 1, 1, 40),
    "rows without end": shape(10**15, 40),
    "negative rows": shape(-2, 40),
    "no shape": shape(),
    "a shape that is a dictionary": _set("consolidated_metadata", "metadata", "ema", "shape", value={"a": 1}),
    "labels NaN": labels(np.nan, np.nan),
    "labels infinite": labels(np.inf, -np.inf),
    "labels out of bounds": labels(-5.0, 1e308),
    "labels of fractions": labels(3.0, 5.0000000001),
    "labels twice": labels(3.0, 3.0),
    "a record of 50 MB of brackets": record("[" * 50_000_000),
    "a record of 5 MB of objects": record('{"a":' * 1_000_000),
    "a record of numbers": record('{"attributes": ' + "9" * 5_000 + "}"),
    "a record of bytes": record(b"\xff\xfe\0\0"),
    "an empty record": record(""),
    "a record that is null": record("null"),
    "a record that is a folder": record_is_a_folder,
    "a record that is a pipe": record_is_a_pipe,
    "a record without end": link_to("/dev/zero", "zarr.json"),
    "data that says it is elsewhere": generation(fingerprint="../../outside"),
    "data of no number of bars": generation(n_bars=1e400, n_assets=["x"], start="never", stop=[1]),
    "data with odd words": generation(source={"a": [LONG]}, timeframe=EVIL, timezone="\0", extends=["x"]),
    "data that goes on from itself": generation(extends="self"),
    "data of a list": generation_record('{"attributes": [1]}'),
    "data of brackets": generation_record("[" * 1_000_000),
    "a family that lies outside": linked(),
    "values that lie outside": linked("ema"),
    "chunks that lie outside": linked("ema", "c"),
    "a row that lies outside": linked("ema", "c", "0"),
    "labels that lie outside": linked("lookback"),
    "states that lie outside": linked("state", "c"),
    "the next row leads outside": link_to("{outside}", "ema", "c", "2"),
    "the times lead to a device": link_to("/dev/zero", "time", "c", "0"),
    "values lead to a device": link_to("/dev/zero", "ema", "c", "0", "0"),
    "a leftover leads outside": link_to("{outside}", "..", "x.partial"),
    "the lock leads outside": link_to("{outside}/lock", "..", "..", ".lock"),
    "the claims lead outside": link_to("{outside}", "..", "..", ".claims"),
    "an array's record leads outside": sized_record,
    "data that lies outside": linked_data,
    "features under other bars": copied_data,
    "a family in another folder": other_folder,
    "folders of odd names": odd_folders,
}

OF_ASSETS: dict[str, Callable[[Path, Path], None]] = {
    "assets without end": assets_file(b"\xff\xff\xff\xff"),
    "a name longer than the file": assets_file((2).to_bytes(4, "little") + b"\xff\xff\xff\x7fab"),
    "assets that are no text": assets_file((2).to_bytes(4, "little") + b"\x01\0\0\0\xff\x01\0\0\0\xfe"),
    "assets of odd names": asset_names("../..", "a\0b\n" + LONG),
    "one asset twice": asset_names("A", "A"),
    "an asset too few": asset_names("A"),
}
