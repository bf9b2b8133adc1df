"""Which thread computes features before anybody asks for them, so that they are counted apart."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class _Mark(threading.local):
    is_set = False


_MARK = _Mark()
_LOCK = threading.Lock()
_n_active = 0  # of threads that are at it: nearly always none, and then nobody looks at the mark


@contextmanager
def computing_ahead() -> Iterator[None]:
    """Count what this thread makes and finds within the `with` as made ahead, and found by nobody."""
    global _n_active
    before, _MARK.is_set = _MARK.is_set, True
    with _LOCK:
        _n_active += 1
    try:
        yield
    finally:
        with _LOCK:
            _n_active -= 1
        _MARK.is_set = before


def is_ahead() -> bool:
    """Whether this thread computes ahead."""
    return _n_active > 0 and _MARK.is_set
