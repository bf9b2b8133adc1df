"""One family on disk as a lazy Dataset, the way any Zarr reader sees it."""

from __future__ import annotations

import xarray as xr

from mrtoolkit.errors import StoreError, nearest
from mrtoolkit.features.commit import Commit
from mrtoolkit.features.disk import Disk


def open_family(disk: Disk, name: str, data: str | None) -> xr.Dataset:
    """Return the family `name` of the data set `data` (None: of the only one) with plain names and sorted labels.

    With several parameters, `point` has an index of them: `.sel(lookback=20, width=2)`.

    Raises
    ------
    StoreError
        If there is none of that name, or several between which nothing decides.
    """
    commits = disk.commits()
    found = [(generation, commit) for generation, commit in commits if commit.family.name == name]
    of_data = [pair for pair in found if pair[0] == data]
    chosen = of_data or found
    if not chosen:
        have = sorted({commit.family.name for _, commit in commits})
        message = (
            f"the store {disk.path} has no family {name!r}{nearest(name, have)}; it has {', '.join(have) or 'none'}; "
            "write features by compute_batch and cache_to_disk first."
        )
        raise StoreError(message)
    if len({generation for generation, _ in chosen}) > 1:
        message = (
            f"the store {disk.path} has {name!r} of {len(chosen)} data sets, and store[{name!r}] does not say of "
            f"which; use load_features(bars, [{name!r}])."
        )
        raise StoreError(message)
    return _open(max((commit for _, commit in chosen), key=lambda commit: commit.signature[1]))


def _open(commit: Commit) -> xr.Dataset:
    family: xr.Dataset = xr.open_zarr(commit.path, consolidated=True, chunks=None)
    parameters = commit.family.parameters
    if len(parameters) > 1:
        return family.set_xindex(parameters)
    return family.sortby(parameters[0]) if parameters else family
