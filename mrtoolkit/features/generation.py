"""A data set's folder: its record, and the bars that its features run along."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mrtoolkit.features.chunks import DamagedChunkError, read_chunk, read_strings, row_chunks, write_json
from mrtoolkit.features.commit import RECORD, Commit
from mrtoolkit.features.family import Axes

_OWN = frozenset({"fingerprint", "n_bars", "n_assets", "start", "stop", "block_digests"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """One data set that a store has features of.

    Attributes
    ----------
    fingerprint : str
        Of its bars.
    n_bars : int
    block_digests : tuple of str
        The fingerprint's parts.
    attrs : mapping
        What the bars say of themselves, and "extends": the data set that these bars prolong.
    n_assets : int or None
        None for bars without a dimension of assets.
    start, stop : datetime64[ns]
        First and last bar, NaT where there is none.
    """

    fingerprint: str
    n_bars: int
    block_digests: tuple[str, ...]
    attrs: Mapping[str, Any] = field(default_factory=dict)
    n_assets: int | None = None
    start: np.datetime64
    stop: np.datetime64


def read_generation(folder: Path) -> Generation | None:
    """Return what a data set's record says; None where there is none, or it cannot be read."""
    try:
        attributes = json.loads((folder / RECORD).read_bytes())["attributes"]
        return Generation(
            fingerprint=str(attributes["fingerprint"]),
            n_bars=int(attributes["n_bars"]),
            block_digests=tuple(str(d) for d in attributes.get("block_digests", ())),
            attrs={k: v for k, v in attributes.items() if k not in _OWN},
            n_assets=attributes.get("n_assets"),
            start=np.datetime64(attributes.get("start", "NaT"), "ns"),
            stop=np.datetime64(attributes.get("stop", "NaT"), "ns"),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_generation(folder: Path, axes: Axes) -> None:
    """Write a data set's record, unless it is there."""
    if (folder / RECORD).exists():
        return
    ends = [str(t) for t in (axes.time[0], axes.time[-1])] if len(axes.time) else ["NaT", "NaT"]
    attributes = {
        **axes.attrs,
        "fingerprint": axes.fingerprint,
        "n_bars": len(axes.time),
        "n_assets": None if axes.assets is None else len(axes.assets),
        "start": ends[0],
        "stop": ends[1],
        "block_digests": list(axes.block_digests),
    }
    write_json(folder / RECORD, {"zarr_format": 3, "node_type": "group", "attributes": attributes})


def axes_of(commit: Commit) -> Axes:
    """Return the bars of one family, every byte of them verified.

    Raises
    ------
    DamagedChunkError
        If its times or assets are missing or changed.
    """
    n_bars = commit.shape[-1]
    (chunk,) = row_chunks(n_bars, None)
    time = np.concatenate(
        [read_chunk(commit.path / "time" / "c" / str(k), (chunk,), "int64") for k in range(-(-n_bars // chunk))]
    )[:n_bars].view("datetime64[ns]")
    time.flags.writeable = False
    assets = read_strings(commit.path / "asset" / "c" / "0") if len(commit.shape) > 1 else None
    if assets is not None and len(assets) != commit.shape[0]:
        raise DamagedChunkError("its assets are not those of its values")
    generation = read_generation(commit.path.parent)
    if generation is None:
        raise DamagedChunkError("the record of its data set cannot be read")
    return Axes(
        fingerprint=commit.path.parent.name,
        time=time,
        assets=assets,
        block_digests=generation.block_digests,
        attrs=generation.attrs,
    )
