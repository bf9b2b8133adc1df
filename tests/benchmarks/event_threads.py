"""How many threads our trials run on, for the time of a measurement."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from mrtoolkit.backtest import running


@contextmanager
def with_threads(n: int) -> Iterator[None]:
    """Run trials on `n` threads within."""
    usual, variable = running._CORES, os.environ.get("MRTOOLKIT_THREADS")
    os.environ["MRTOOLKIT_THREADS"] = str(n)
    running._CORES = n
    running._pool.cache_clear()
    try:
        yield
    finally:
        running._CORES = usual
        running._pool.cache_clear()
        os.environ.pop("MRTOOLKIT_THREADS")
        if variable is not None:
            os.environ["MRTOOLKIT_THREADS"] = variable
