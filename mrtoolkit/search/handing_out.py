"""Which thread was given which points, so that workers that ask at once do not evaluate the same ones."""

from __future__ import annotations

import threading

import numpy as np


class HandedOut:
    """Points that were asked for and not told yet, by their keys and the thread that asked."""

    def __init__(self) -> None:
        self._asked: dict[int, int] = {}

    def choose(self, keys: np.ndarray, n: int | None) -> np.ndarray:
        """Return which of the waiting points the calling thread is given, up to `n`, as places in `keys`.

        A thread that asks again is given its own points again, then points that nobody has. Only where other threads
        have all that are left it is given theirs: whoever is first counts, and nobody waits for a worker that died.
        """
        me = threading.get_ident()
        others = np.array([self._asked.get(key, me) != me for key in keys.tolist()], dtype=bool)
        places = np.flatnonzero(~others)
        if len(places) == 0:
            places = np.arange(len(keys))
        chosen = places if n is None else places[:n]
        self._asked.update(dict.fromkeys(keys[chosen].tolist(), me))
        return chosen

    def told(self, keys: np.ndarray) -> None:
        """Forget points that are in the study now."""
        for key in keys.tolist() if self._asked else ():
            self._asked.pop(key, None)
