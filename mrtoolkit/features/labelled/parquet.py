"""Features as a Parquet file, for pandas, polars, DuckDB and other stores: a column a feature.

The first columns are `time` and, where there are assets, `asset`: one asset's bars below the other's.
"""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from mrtoolkit.errors import MrtoolkitError, StoreError
from mrtoolkit.expressions.nodes import Node
from mrtoolkit.features.disk.rows import row_checksums
from mrtoolkit.features.family import Axes, Family, Labels
from mrtoolkit.features.labelled.datasets import Column
from mrtoolkit.features.labelled.lazy import Row, checksums_of
from mrtoolkit.features.labelled.parquet_schema import (
    ASSET,
    CURE,
    TIME,
    Origin,
    bars_of,
    field_of,
    file_metadata,
    origin_of,
)
from mrtoolkit.features.labelled.parquet_slices import index_columns, index_fields, stretches, times_of, value_columns
from mrtoolkit.features.labelled.provenance import row_digest
from mrtoolkit.features.patterns import bind_labels, feature_text
from mrtoolkit.indicators.parsing import parse

if TYPE_CHECKING:
    from pyarrow import parquet as pq  # slow to import: where it is used, then

_A_PART = 2**27  # bytes of a family that are read at once
_MOST_ROWS = 262_144  # of a row group


@dataclass(frozen=True, slots=True, kw_only=True)
class _Exported:
    """One column of the file: row `values` as the field says."""

    field: pa.Field
    row: Row


def write_parquet(path: Path, axes: Axes, columns: Iterable[Column]) -> int:
    """Write features as one Parquet file and return how many columns of features it has.

    Rows on disk are read in slices (about 64 MB of them in memory at a time), so that the file may be larger than
    memory. It is written beside its place and renamed when it is whole.

    Parameters
    ----------
    path : Path
    axes : Axes
        What all rows run along.
    columns : iterable of Column
        A column of the file for each row: "ema(12)", "aroon(25).up".

    Raises
    ------
    StoreError
        If there is nothing to write, a stored feature is damaged, or the disk refuses.
    """
    exported = _exported(axes, columns)
    if not exported:
        raise StoreError(f"there are no features to export to {path}; use compute_batch(bars, [...]) first.")
    if not path.name or path.is_dir():
        message = f"{path} is a folder, but features go to one Parquet file; give {path / 'features.parquet'}."
        raise StoreError(message)
    partial = path.with_name(f"{path.name}.{uuid.uuid4().hex}.partial")
    try:
        _write(partial, axes, exported)
        partial.replace(path)
    except OSError as error:
        raise StoreError(
            f"the features cannot be exported to {path} ({error}); give a path in a folder that is there, where one "
            "may write and there is room."
        ) from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
    return len(exported)


def _exported(axes: Axes, columns: Iterable[Column]) -> list[_Exported]:
    taken = {TIME, ASSET}
    found = []
    for column in columns:
        pattern = _node(column.expression)
        for labels in sorted(column.rows):
            row = column.rows[labels]
            origin = Origin(
                family=column.family,
                output=column.output,
                expression=column.expression,
                labels=labels,
                units=column.units,
                digest=row_digest(axes, column.expression, labels, checksums_of(axes, row)),
            )
            name = _free(_name(pattern, column, labels), taken)
            taken.add(name)
            found.append(_Exported(field=field_of(name, str(row.dtype), origin), row=row))
    return found


def _node(expression: str) -> Node | None:
    try:
        node = parse(expression)
    except MrtoolkitError:  # of an indicator that is not registered today
        return None
    return node if isinstance(node, Node) else None


def _name(pattern: Node | None, column: Column, labels: Sequence[float]) -> str:
    if pattern is not None:
        return bind_labels(pattern, column.parameters, tuple(labels)).key
    return feature_text(column.expression, column.parameters, labels)


def _free(name: str, taken: set[str]) -> str:
    number = 1
    free = name
    while free in taken:
        number += 1
        free = f"{name} #{number}"
    return free


def _write(path: Path, axes: Axes, exported: Sequence[_Exported]) -> None:
    from pyarrow import parquet as pq

    schema = pa.schema([*index_fields(axes), *(one.field for one in exported)], metadata=file_metadata(axes))
    rows = [one.row for one in exported]
    writer = pq.ParquetWriter(
        path,
        schema,
        compression="zstd",
        compression_level=1,
        use_dictionary=[ASSET] if axes.assets is not None else False,
        column_encoding={TIME: "DELTA_BINARY_PACKED", **{one.field.name: "BYTE_STREAM_SPLIT" for one in exported}},
        write_statistics=[TIME],  # of values with NaN they say nothing
    )
    with writer:
        for assets, bars in stretches(axes, rows):
            columns = [*index_columns(axes, assets, bars), *value_columns(path.parent, rows, assets, bars)]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema), row_group_size=_MOST_ROWS)


def read_parquet(path: Path) -> Iterator[tuple[Axes, Family, dict[Labels, np.ndarray]]]:
    """Yield (axes, family, features by their labels, (output, asset, time) each) of a file from `write_parquet`.

    A family of more than 128 MiB comes in several parts. Columns that someone dropped are left out, with the other
    outputs of the same feature; expressions around indicators are no features, and are left out too.

    Raises
    ------
    StoreError
        At once for a file that is not ours or a column without its origin; on the way for a column whose values are
        not as they were exported, before anything of its part is given out.
    """
    from pyarrow import parquet as pq

    try:
        file = pq.ParquetFile(path)
    except FileNotFoundError as error:
        raise StoreError(f"there is no file {path} to import features from; give a file of export_parquet.") from error
    except (OSError, ValueError, pa.ArrowException) as error:
        raise StoreError(f"{path} cannot be read as Parquet ({error}); give a file of export_parquet.") from error
    schema = file.schema_arrow
    bars = bars_of(schema, str(path))
    names = schema.names
    if len(set(names)) < len(names):
        raise StoreError(f"{path} has several columns of one name, so they cannot be told apart; {CURE}.")
    origins = {name: origin_of(schema.field(name), str(path)) for name in names if name not in (TIME, ASSET)}
    return _families(file, path, bars, origins)


def _families(
    file: pq.ParquetFile, path: Path, bars: Mapping[str, Any], origins: Mapping[str, Origin]
) -> Iterator[tuple[Axes, Family, dict[Labels, np.ndarray]]]:
    with file:
        axes = _axes(file, path, bars)
        n_bytes = 8 * max(1, math.prod(axes.shape))
        for family, columns in _by_family(origins):
            features = list(columns.items())
            step = max(1, _A_PART // (n_bytes * max(1, len(family.outputs))))
            for start in range(0, len(features), step):
                part = features[start : start + step]
                yield axes, family, {labels: _feature(file, path, axes, origins, names) for labels, names in part}


def _by_family(origins: Mapping[str, Origin]) -> list[tuple[Family, dict[Labels, list[str]]]]:
    """Return the columns of each feature, in the order of the outputs, of those that have all of theirs."""
    found: dict[str, tuple[Family, dict[Labels, dict[str, str]]]] = {}
    for name, origin in origins.items():
        if origin.family is not None:
            _, features = found.setdefault(json.dumps(origin.family.to_dict()), (origin.family, {}))
            features.setdefault(origin.labels, {})[origin.output] = name
    families = []
    for family, features in found.values():
        outputs = family.outputs or ("",)
        whole = {labels: [of[o] for o in outputs] for labels, of in features.items() if set(of) == set(outputs)}
        if whole:
            families.append((family, whole))
    return families


def _axes(file: pq.ParquetFile, path: Path, bars: Mapping[str, Any]) -> Axes:
    """Return the bars of the file; every digest is over their stamps and assets, so that they are checked with it."""
    assets, n_bars = bars["assets"], bars["n_bars"]
    index = [TIME] if assets is None else [TIME, ASSET]
    n_assets = 1 if assets is None else len(assets)
    missing = [name for name in index if name not in file.schema_arrow.names]
    if missing or file.metadata.num_rows != n_assets * n_bars:
        lacks = f"has no column {missing[0]!r}" if missing else f"has {file.metadata.num_rows:,} rows"
        raise StoreError(f"{path} {lacks}, but it was exported with {n_assets * n_bars:,} of {index}; {CURE}.")
    time = times_of(_read(file, path, index), n_bars, assets)
    if time is None:
        raise StoreError(f"the rows of {path} are not in the order in which they were exported; {CURE}.")
    return Axes(
        fingerprint=bars["fingerprint"],
        time=time,
        assets=assets,
        block_digests=bars["block_digests"],
        attrs=bars["attrs"],
    )


def _feature(
    file: pq.ParquetFile, path: Path, axes: Axes, origins: Mapping[str, Origin], names: Sequence[str]
) -> np.ndarray:
    """Return the outputs of one feature, (output, asset, time), as they were exported."""
    table = _read(file, path, names)
    rows = []
    for name in names:
        origin, column = origins[name], table.column(name)
        dtype = "float64" if origin.family is None else origin.family.dtype
        is_right = str(column.type) == {"float64": "double", "float32": "float"}[dtype] and not column.null_count
        values = column.to_numpy().reshape(axes.shape) if is_right else np.empty(axes.shape, dtype)
        sums = row_checksums(values, axes.assets is not None, dtype)
        if not is_right or row_digest(axes, origin.expression, origin.labels, sums) != origin.digest:
            raise StoreError(
                f"the column {name!r} of {path} (or its times) is not as it was exported, so nothing of it is "
                f"imported; drop the column, or {CURE}."
            )
        rows.append(values)
    return rows[0][None] if len(rows) == 1 else np.stack(rows)


def _read(file: pq.ParquetFile, path: Path, names: Sequence[str]) -> pa.Table:
    try:
        return file.read(columns=list(names))
    except (OSError, ValueError, pa.ArrowException) as error:
        raise StoreError(f"the columns {list(names)} of {path} cannot be read ({error}); {CURE}.") from error
