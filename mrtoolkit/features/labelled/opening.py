"""One family on disk as a lazy Dataset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import xarray as xr

from mrtoolkit.errors import StoreError, nearest
from mrtoolkit.features.disk.chunks import DamagedChunkError, row_chunks
from mrtoolkit.features.disk.commit import Commit
from mrtoolkit.features.disk.disk import Disk
from mrtoolkit.features.disk.generation import axes_of
from mrtoolkit.features.family import Axes
from mrtoolkit.features.labelled.datasets import bar_coordinates, label_values
from mrtoolkit.features.labelled.lazy import StoredRow, rows_variable
from mrtoolkit.features.labelled.provenance import axes_attrs
from mrtoolkit.features.stock.todays import standing


def open_family(
    disk: Disk,
    name: str,
    data: str | None,
    chunks: Mapping[Any, Any] | str | int | None = None,
    *,
    dtype: str | None = None,
    axes: Axes | None = None,
) -> xr.Dataset:
    """Return the family `name` of the data set `data` (None: of the only one) with plain names and sorted labels.

    Values are read when they are looked at, the rows and chunks alone that a selection needs, and verified.

    Parameters
    ----------
    disk : Disk
    name : str
        "ema".
    data : str or None
        Fingerprint of the bars.
    chunks : optional
        For dask: {} for chunks as they are on disk, or what `Dataset.chunk` takes. None, without dask.
    dtype : str, optional
        "float64" or "float32": of values kept so alone.
    axes : Axes, optional
        Of the bars, where they are at hand; else they are read.

    Returns
    -------
    xr.Dataset
        (its parameter, time[, asset]); with several parameters, `point` has an index of them:
        `.sel(lookback=20, width=2)`.

    Raises
    ------
    StoreError
        If there is none of that name and today's code, several between which nothing decides, or its times are
        damaged.
    """
    commit = _chosen(disk, name, data, dtype)
    try:
        axes = axes_of(commit) if axes is None else axes
    except DamagedChunkError as error:
        message = (
            f"the family {name!r} in {commit.path} cannot be opened ({error}); remove that folder and compute its "
            "features again by compute_batch(bars, [...])."
        )
        raise StoreError(message) from error
    opened = _opened(disk, commit, axes)
    if chunks is None:
        return opened
    return opened.chunk(_stored_chunks(commit, axes) if isinstance(chunks, Mapping) and not chunks else chunks)


def _chosen(disk: Disk, name: str, data: str | None, dtype: str | None) -> Commit:
    commits = [
        (generation, commit)
        for generation, commit in disk.commits()
        if dtype in (None, commit.family.dtype) and standing(commit.family.code) != "old"
    ]
    chosen = [
        (generation, commit)
        for generation, commit in commits
        if commit.family.name == name and data in (None, generation)
    ]
    if not chosen:
        have = sorted({commit.family.name for generation, commit in commits if data in (None, generation)})
        which = "" if data is None else f" of the bars {data[:8]}"
        message = (
            f"the store {disk.path} has no family {name!r}{which}{nearest(name, have)}; it has "
            f"{', '.join(have) or 'none'}; write features by compute_batch and cache_to_disk first."
        )
        raise StoreError(message)
    if len({generation for generation, _ in chosen}) > 1:
        message = (
            f"the store {disk.path} has {name!r} of {len(chosen)} data sets, and store[{name!r}] does not say of "
            f"which; write store.open({name!r}, bars)."
        )
        raise StoreError(message)
    return max((commit for _, commit in chosen), key=lambda commit: commit.signature[1])


def _opened(disk: Disk, commit: Commit, axes: Axes) -> xr.Dataset:
    family = commit.family
    labels = sorted(commit.slots)
    dims = (family.dim,) if family.parameters else ()
    variables: dict[str, xr.Variable] = {}
    for output, variable in enumerate(family.variables):
        rows = [StoredRow(disk, commit, output, commit.slots[row]) for row in labels]
        named = f".{family.outputs[output]}" if family.outputs else ""
        attrs = {"long_name": f"{family.pattern}{named}", "units": family.units}
        variables[variable] = rows_variable(axes, rows, dims, (len(rows),) if dims else (), attrs)
    of_labels = {
        parameter: (family.dim, label_values([row[k] for row in labels]))
        for k, parameter in enumerate(family.parameters)
    }
    about = {**family.to_dict(), "n_bars": len(axes.time), "ns_per_bar": commit.ns_per_bar, **axes_attrs(axes)}
    opened = xr.Dataset(variables, coords={**bar_coordinates(axes), **of_labels}, attrs=about)
    return opened.set_xindex(family.parameters) if len(family.parameters) > 1 else opened


def _stored_chunks(commit: Commit, axes: Axes) -> dict[str, int]:
    """Return the chunks that the family has on disk, a feature each."""
    *assets, bars = row_chunks(len(axes.time), None if axes.assets is None else len(axes.assets))
    of_labels = {commit.family.dim: 1} if commit.family.parameters else {}
    return {**of_labels, "time": bars, **({"asset": assets[0]} if assets else {})}
