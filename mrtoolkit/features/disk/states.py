"""What each feature needs to go on from when bars are appended: the array `state` of a family.

A chunk has the numbers of 64 features, NaN for those that nobody knows. The values do not change within a generation,
only the number of rows that have some does, so a reader of an older commit never sees another value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mrtoolkit.features.disk.chunks import DamagedChunkError, read_chunk, room, write_chunk
from mrtoolkit.features.disk.commit import STATE, STATE_CHUNK, Commit
from mrtoolkit.features.family import Labels

States = Mapping[Labels, np.ndarray]
"""(asset, state) of the features that have one."""


def write_states(
    folder: str, bars: Sequence[int], state_size: int, labels: Sequence[Labels], states: States, known: Commit | None
) -> None:
    """Write the chunks of states that have other rows than those of the commit `known`.

    Parameters
    ----------
    folder : str
        The family's.
    bars : tuple of int
        Shape of a row, (time,) or (asset, time).
    state_size : int
        Numbers a feature and asset; nothing is written for 0.
    labels : sequence of labels
        Of all rows, old and new.
    states : mapping of labels to (asset, state)
        Of the new rows.
    known : Commit or None
        What is committed.
    """
    if state_size == 0:
        return
    n_old = 0 if known is None else len(known.slots)
    had_states = known is not None and known.state_size > 0
    chunks = (STATE_CHUNK, *bars[:-1], state_size)
    for k in range(n_old // STATE_CHUNK if had_states else 0, -(-len(labels) // STATE_CHUNK)):
        path = _path(folder, len(bars), k)
        values = np.full(chunks, np.nan)
        if had_states and k * STATE_CHUNK < n_old:
            values = _chunk_or_unknown(path, chunks)
            values[n_old - k * STATE_CHUNK :] = np.nan  # a writer that was killed may have left others' there
        for i, row in enumerate(labels[k * STATE_CHUNK : (k + 1) * STATE_CHUNK]):
            if k * STATE_CHUNK + i >= n_old and row in states:
                values[i] = np.asarray(states[row], dtype="f8").reshape(chunks[1:])
        write_chunk(path, values, chunks, "float64", known=k * STATE_CHUNK < n_old)


def read_states(commit: Commit, slots: Sequence[int]) -> np.ndarray | None:
    """Return (len(slots), asset, state); None where the family has none, or a chunk of them is damaged."""
    if commit.state_size == 0:
        return None
    chunks = (STATE_CHUNK, *commit.shape[:-1], commit.state_size)
    wanted = np.asarray(slots, dtype="i8")
    try:
        found = room((len(wanted), commit.grid.n_assets, commit.state_size), "float64")
    except DamagedChunkError:
        return None
    for k in np.unique(wanted // STATE_CHUNK).tolist():
        try:
            values = read_chunk(_path(str(commit.path), len(commit.shape), k), chunks, "float64")
        except DamagedChunkError:
            return None
        here = wanted // STATE_CHUNK == k
        found[here] = values.reshape(STATE_CHUNK, *found.shape[1:])[wanted[here] % STATE_CHUNK]
    return found


def _path(folder: str, n_dims: int, k: int) -> str:
    return f"{folder}/{STATE}/c/{k}" + "/0" * n_dims


def _chunk_or_unknown(path: str, chunks: tuple[int, ...]) -> np.ndarray:
    try:
        return read_chunk(path, chunks, "float64")
    except DamagedChunkError:
        return np.full(chunks, np.nan)
