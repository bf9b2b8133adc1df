"""The features of one data set as a store's folder has them, without its bars."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping
from dataclasses import replace

from mrtoolkit.errors import StoreError, nearest
from mrtoolkit.expressions.outputs import Outputs
from mrtoolkit.features.disk.commit import Commit
from mrtoolkit.features.disk.disk import Disk
from mrtoolkit.features.family import Axes, Labels
from mrtoolkit.features.key import check_concrete, request_of
from mrtoolkit.features.labelled.datasets import Column
from mrtoolkit.features.labelled.lazy import Row, StoredRow
from mrtoolkit.features.stock.obsolete import obsolete
from mrtoolkit.indicators.parsing import parse


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
    known = ", ".join(data[:8] for data in have) or "none"
    if not found:
        message = f"{disk.path} has features of no such data{f' as {prefix!r}' if prefix else ''}: it has {known}"
    else:
        asked = f"the bars {prefix!r}..." if prefix else "one data set"
        message = f"{disk.path} has features of {len(found):,} data sets where {asked} is asked for: {known}"
    raise StoreError(f"{message}; give the first letters of one, as `mrtoolkit store info` shows them.")


def stored_columns(disk: Disk, data: str, names: Collection[str] | None = None) -> tuple[Axes, list[Column]]:
    """Return a data set's bars and a column for each output of its families, values still on disk; no old code.

    Parameters
    ----------
    disk : Disk
    data : str
        Fingerprint.
    names : collection of str, optional
        Of families, "ema", of their outputs, "bollinger_upper", and of features, "ema(26)".

    Raises
    ------
    StoreError
        If there is nothing of one of the names, or the bars cannot be read.
    """
    listed = disk.commits(data)
    gone = obsolete(listed, ())
    commits = [commit for _, commit in listed if commit.path not in gone]
    axes = disk.axes(data)
    if axes is None:
        message = f"the bars {data[:8]} of {disk.path} cannot be read; see `mrtoolkit store verify`."
        raise StoreError(message)
    columns = [column for commit in commits for column in _columns(disk, commit)]
    if names is None:
        return axes, columns
    rows: list[dict[Labels, Row]] = [{} for _ in columns]
    for name in names:
        parts = [_part(column, name) for column in columns]
        if not any(parts):
            known = sorted({commit.family.name for commit in commits})
            message = (
                f"the store {disk.path} has no features {name!r} of the bars {data[:8]}{nearest(name, known)}; "
                f"it has {', '.join(known) or 'none'}."
            )
            raise StoreError(message)
        for into, part in zip(rows, parts, strict=True):
            into.update(part)
    return axes, [replace(column, rows=part) for column, part in zip(columns, rows, strict=True) if part]


def _part(column: Column, name: str) -> Mapping[Labels, Row]:
    """Return the rows of a column that a name means: all of them for "ema", one for "ema(26)"."""
    if "(" not in name:
        is_it = name == column.name or (column.family is not None and name == column.family.name)
        return column.rows if is_it else {}
    node: object = parse(name)
    nodes = [node[output] for output in node.names] if isinstance(node, Outputs) else [node]
    requests = [request_of(check_concrete(one)) for one in nodes]
    products = [itertools.product(*one.values) for one in requests if one.pattern.key == column.expression]
    asked: set[object] = set(itertools.chain(*products))
    return {labels: row for labels, row in column.rows.items() if labels in asked}


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
