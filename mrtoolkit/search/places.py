"""A number for each of many keys: which trial a point is, which region asked for it."""

from __future__ import annotations

import numpy as np

from mrtoolkit.search.slots import Slots
from mrtoolkit.search.space import Space

_LARGEST_TABLE = 2**16  # points of a lattice: 256 kB; in a larger one every key would take a fresh page of memory


class Places:
    """Numbers from 0 on, by the keys of points of a space; -1 for a key that has none."""

    def __init__(self, space: Space) -> None:
        self._table = np.zeros(space.size, dtype=np.int32) if space.size <= _LARGEST_TABLE else None
        self._slots = Slots()
        self._found: dict[int, int] = {}  # for keys beyond int64

    def put(self, keys: np.ndarray, numbers: np.ndarray) -> None:
        """Give keys, each once, their numbers."""
        if self._table is not None:
            self._table[keys] = numbers + 1
        elif keys.dtype == object:
            self._found.update(zip(keys.tolist(), numbers.tolist(), strict=True))
        else:
            self._slots = self._slots.with_room(len(keys))
            self._slots.put(keys, numbers)

    def find(self, keys: np.ndarray) -> np.ndarray:
        """Return the number of each key, (key,) int64."""
        if self._table is not None:
            return np.asarray(self._table[keys].astype(np.int64) - 1)
        if keys.dtype == object:
            get = self._found.get
            return np.array([get(key, -1) for key in keys.tolist()], dtype=np.int64)
        return self._slots.find(keys)
