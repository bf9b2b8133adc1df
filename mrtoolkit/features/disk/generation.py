"""A data set's folder: its record, and the bars that its features run along."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mrtoolkit.features.disk.chunks import DamagedChunkError, read_strings, room, write_json
from mrtoolkit.features.disk.commit import RECORD, Commit
from mrtoolkit.features.disk.files import crc32c
from mrtoolkit.features.disk.rows import Grid, read_row
from mrtoolkit.features.family import ABOUT, Axes

_CHECKSUM = "record_crc32c"
_OWN = frozenset({"fingerprint", "n_bars", "n_assets", "start", "stop", "block_digests"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """One data set that a store has features of.

    Attributes
    ----------
    fingerprint : str
        Of its bars.
    n_bars : int
        Bars of one asset.
    block_digests : tuple of str
        The fingerprint's parts.
    attrs : mapping
        What the bars say of themselves, and "extends": the data set that these bars extend.
    n_assets : int or None
        None for bars without a dimension of assets.
    start, stop : datetime64[ns]
        First and last bar, NaT where the record does not say.
    """

    fingerprint: str
    n_bars: int
    block_digests: tuple[str, ...]
    attrs: Mapping[str, Any] = field(default_factory=dict)
    n_assets: int | None = None
    start: np.datetime64
    stop: np.datetime64


def read_generation(folder: Path) -> Generation | None:
    """Return what a data set's record says; None where there is none, or it is damaged."""
    try:
        attributes = json.loads((folder / RECORD).read_bytes())["attributes"]
        if attributes.pop(_CHECKSUM) != _checksum(attributes) or attributes["fingerprint"] != folder.name:
            return None
        return Generation(
            fingerprint=folder.name,
            n_bars=int(attributes["n_bars"]),
            block_digests=tuple(str(d) for d in attributes["block_digests"]),
            attrs={k: v for k, v in attributes.items() if k not in _OWN},
            n_assets=attributes["n_assets"],
            start=np.datetime64(attributes["start"], "ns"),
            stop=np.datetime64(attributes["stop"], "ns"),
        )
    except (OSError, ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError):
        return None


def generation_of(commit: Commit) -> Generation | None:
    """Return what the record of one of its families says of a data set, for where its own is damaged."""
    try:
        attributes = json.loads((commit.path / RECORD).read_bytes())["attributes"]
        stamps = _times(commit)
        return Generation(
            fingerprint=commit.path.parent.name,
            n_bars=commit.shape[-1],
            block_digests=tuple(str(d) for d in attributes["block_digests"]),
            attrs={name: attributes[name] for name in (*ABOUT, "extends", "but_last") if name in attributes},
            n_assets=commit.shape[0] if len(commit.shape) > 1 else None,
            start=stamps[0],
            stop=stamps[-1],
        )
    except (OSError, ValueError, LookupError, TypeError, DamagedChunkError):
        return None


def generation_attributes(generation: Generation) -> dict[str, Any]:
    """Return the attributes of a data set's group."""
    return {
        **generation.attrs,
        "fingerprint": generation.fingerprint,
        "n_bars": generation.n_bars,
        "n_assets": generation.n_assets,
        "start": str(generation.start),
        "stop": str(generation.stop),
        "block_digests": list(generation.block_digests),
    }


def write_generation(folder: Path, axes: Axes, *, anew: bool = False) -> None:
    """Write a data set's record, unless it is there whole; `anew` where the bars have more to say of themselves now."""
    known = read_generation(folder)
    if known is not None and not (anew and any(known.attrs.get(k) != v for k, v in axes.attrs.items())):
        return
    start, stop = (axes.time[0], axes.time[-1]) if len(axes.time) else (np.datetime64("NaT"),) * 2
    generation = Generation(
        fingerprint=axes.fingerprint,
        n_bars=len(axes.time),
        block_digests=axes.block_digests,
        attrs=axes.attrs if known is None else {**known.attrs, **axes.attrs},
        n_assets=None if axes.assets is None else len(axes.assets),
        start=start,
        stop=stop,
    )
    rewrite(folder, generation)


def rewrite(folder: Path, generation: Generation) -> None:
    """Write a data set's record over what is there."""
    attributes = generation_attributes(generation)
    attributes[_CHECKSUM] = _checksum(attributes)
    write_json(str(folder / RECORD), {"zarr_format": 3, "node_type": "group", "attributes": attributes})


def axes_of(commit: Commit) -> Axes:
    """Return the bars of one family, every byte of them verified.

    Raises
    ------
    DamagedChunkError
        If its times or assets are missing or changed.
    """
    time = _times(commit)
    assets = read_strings(f"{commit.path}/asset/c/0") if len(commit.shape) > 1 else None
    if assets is not None and len(assets) != commit.shape[0]:
        raise DamagedChunkError("its assets are not those of its values")
    generation = read_generation(commit.path.parent) or generation_of(commit)
    if generation is None:
        raise DamagedChunkError("the record of its data set cannot be read")
    return Axes(
        fingerprint=commit.path.parent.name,
        time=time,
        assets=assets,
        block_digests=generation.block_digests,
        attrs=generation.attrs,
    )


def _times(commit: Commit) -> np.ndarray:
    n_bars = commit.shape[-1]
    stamps = room((1, n_bars), "i8")
    read_row(f"{commit.path}/time/c", Grid((n_bars,), "int64"), 0, n_bars, stamps)
    time: np.ndarray = stamps[0].view("datetime64[ns]")
    time.flags.writeable = False
    return time


def _checksum(attributes: Mapping[str, Any]) -> int:
    return int.from_bytes(crc32c([json.dumps(attributes, sort_keys=True).encode()]), "little")
