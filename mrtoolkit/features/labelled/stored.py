"""The features of one data set as a store's folder has them, without its bars."""

from __future__ import annotations

from collections.abc import Collection

from mrtoolkit.errors import StoreError, nearest
from mrtoolkit.features.disk.commit import Commit
from mrtoolkit.features.disk.disk import Disk
from mrtoolkit.features.family import Axes
from mrtoolkit.features.labelled.datasets import Column
from mrtoolkit.features.labelled.lazy import StoredRow
from mrtoolkit.features.stock.obsolete import obsolete


def data_like(disk: Disk, prefix: str = "") -> str:
    """Return the fingerprint that begins so, of the data sets that the store has features of.

    Raises
    ------
    StoreError
        If there is none, or more than one.
    """
    have = sorted({data for data, _ in disk.commits()})
    found = [data for data in have if data.startswith(prefix)]
    if len(found) == 1:
        return found[0]
    asked = f"bars {prefix!r}" if prefix else "one data set"
    known = ", ".join(data[:8] for data in have) or "none"
    message = (
        f"{asked} {'are' if prefix else 'is'} asked for, but {disk.path} has features of {len(found):,} such: it has "
        f"{known}; give the first letters of one, as `mrtoolkit store info` shows them."
    )
    raise StoreError(message)


def stored_columns(disk: Disk, data: str, names: Collection[str] | None = None) -> tuple[Axes, list[Column]]:
    """Return a data set's bars and a column for each output of its families, values still on disk; no old code.

    Parameters
    ----------
    disk : Disk
    data : str
        Fingerprint.
    names : collection of str, optional
        Of families, "ema".

    Raises
    ------
    StoreError
        If there is no family of one of the names, or the bars cannot be read.
    """
    listed = disk.commits(data)
    gone = obsolete(listed, ())
    commits = [commit for _, commit in listed if commit.path not in gone]
    known = sorted({commit.family.name for commit in commits})
    axes = disk.axes(data)
    if axes is None:
        message = f"the bars {data[:8]} of {disk.path} cannot be read; see `mrtoolkit store verify`."
        raise StoreError(message)
    for name in names or ():
        if name not in known:
            message = (
                f"the store {disk.path} has no features {name!r} of the bars {data[:8]}{nearest(name, known)}; "
                f"it has {', '.join(known) or 'none'}."
            )
            raise StoreError(message)
    chosen = [commit for commit in commits if names is None or commit.family.name in names]
    return axes, [column for commit in chosen for column in _columns(disk, commit)]


def _columns(disk: Disk, commit: Commit) -> list[Column]:
    family = commit.family
    return [
        Column(
            name=f"{family.name}_{output}" if output else family.name,
            expression=f"{family.pattern}.{output}" if output else family.pattern,
            parameters=family.parameters,
            rows={
                labels: StoredRow(disk=disk, commit=commit, output=k, slot=slot)
                for labels, slot in sorted(commit.slots.items())
            },
            family=family,
            output=output,
            units=family.units,
        )
        for k, output in enumerate(family.outputs or ("",))
    ]
