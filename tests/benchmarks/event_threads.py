"""How many threads our trials run on, for the time of a measurement."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

_NAME = "MRTOOLKIT_THREADS"


@contextmanager
def with_threads(n: int) -> Iterator[None]:
    """Run trials on `n` threads within."""
    usual = os.environ.get(_NAME)
    os.environ[_NAME] = str(n)
    try:
        yield
    finally:
        del os.environ[_NAME]
        if usual is not None:
            os.environ[_NAME] = usual
