"""Memory to work in, kept by each thread from one slice to the next, as fresh memory is slow."""

from __future__ import annotations

import math
import threading
from weakref import WeakSet

import numpy as np

_KEPT_BYTES = 2**20  # of a name and thread: as much as the small batches of a search need, one after the other
_LINE = 64


class _Kept:
    """One thread's arrays, by name."""

    def __init__(self) -> None:
        self.arrays: dict[str, np.ndarray] = {}


_LOCAL = threading.local()
_ALL: WeakSet[_Kept] = WeakSet()  # of the threads that live
_LOCK = threading.Lock()


def room(name: str, shape: tuple[int, ...], dtype: type) -> np.ndarray:
    """Memory of this thread that the next call of that name overwrites."""
    n_bytes = math.prod(shape) * np.dtype(dtype).itemsize
    arrays = _kept().arrays
    kept = arrays.get(name)
    if kept is None or kept.nbytes < n_bytes:
        kept = arrays[name] = _aligned(n_bytes)
    return kept[:n_bytes].view(dtype).reshape(shape)


def _aligned(n_bytes: int) -> np.ndarray:
    """Memory that begins at a line of the caches: of eight numbers read at once none then lie in two."""
    found = np.empty(n_bytes + _LINE, dtype=np.uint8)
    start = -found.ctypes.data % _LINE
    return found[start : start + n_bytes]


def release_room() -> None:
    """Let go of what is large, in all threads; who works in it still holds it until he is done."""
    with _LOCK:
        threads = list(_ALL)
    for kept in threads:
        for name, array in list(kept.arrays.items()):
            if array.nbytes > _KEPT_BYTES:
                kept.arrays.pop(name, None)


def kept_bytes() -> int:
    """Bytes that all threads keep now."""
    with _LOCK:
        threads = list(_ALL)
    return sum(array.nbytes for kept in threads for array in list(kept.arrays.values()))


def _kept() -> _Kept:
    found: _Kept | None = getattr(_LOCAL, "kept", None)
    if found is None:
        found = _LOCAL.kept = _Kept()
        with _LOCK:
            _ALL.add(found)
    return found
