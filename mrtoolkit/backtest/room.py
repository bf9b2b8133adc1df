"""Memory to work in."""

from __future__ import annotations

import threading

import numpy as np

_LOCAL = threading.local()


def room(name: str, shape: tuple[int, ...], dtype: type) -> np.ndarray:
    """Memory of this thread that the next call of that name overwrites; kept, as fresh memory is slow."""
    n_bytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
    kept: np.ndarray | None = getattr(_LOCAL, name, None)
    if kept is None or kept.nbytes < n_bytes:
        kept = np.empty(n_bytes, dtype=np.uint8)
        setattr(_LOCAL, name, kept)
    return kept[:n_bytes].view(dtype).reshape(shape)
