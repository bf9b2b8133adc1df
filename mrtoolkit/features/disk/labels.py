"""What the rows of a family are called, on disk: one array a parameter, in order of arrival."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mrtoolkit.features.disk.chunks import LABEL_CHUNK, DamagedChunkError, read_chunk, write_chunk
from mrtoolkit.features.family import Family, Labels


def write_labels(folder: str, family: Family, labels: Sequence[Labels], n_known: int) -> None:
    """Write the chunks of labels that have others than the `n_known` first; a chunk that a commit shows is replaced."""
    for position, name in enumerate(family.parameters):
        for k in range(n_known // LABEL_CHUNK, -(-len(labels) // LABEL_CHUNK)):
            values = np.array([row[position] for row in labels[k * LABEL_CHUNK : (k + 1) * LABEL_CHUNK]], dtype="f8")
            write_chunk(f"{folder}/{name}/c/{k}", values, (LABEL_CHUNK,), "float64", known=k * LABEL_CHUNK < n_known)


def read_labels(folder: str, family: Family, n_rows: int) -> Mapping[Labels, int]:
    """Return the row of each feature.

    Raises
    ------
    DamagedChunkError
        If labels are missing, changed, or there twice.
    """
    if not family.parameters:
        return {(): 0} if n_rows else {}
    columns: list[list[float | int]] = []
    for name in family.parameters:
        n_chunks = -(-n_rows // LABEL_CHUNK)
        chunks = [read_chunk(f"{folder}/{name}/c/{k}", (LABEL_CHUNK,), "float64") for k in range(n_chunks)]
        columns.append(_numbers(np.concatenate(chunks)[:n_rows] if chunks else np.empty(0)))
    slots = dict(zip(zip(*columns, strict=True), range(n_rows), strict=True))
    if len(slots) != n_rows:
        raise DamagedChunkError("labels are not unique")
    return slots


def _numbers(values: np.ndarray) -> list[float | int]:
    """Return whole numbers as int, others as float."""
    if bool(np.all(np.abs(values) < 2**53) and np.all(values == np.floor(values))):
        whole: list[float | int] = values.astype("i8").tolist()
        return whole
    return [int(v) if v.is_integer() else v for v in values.tolist()]
