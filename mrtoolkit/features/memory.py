"""Arrays kept in memory within a byte budget; what was used least recently goes first."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from operator import itemgetter
from threading import Lock
from typing import Generic, TypeVar

import numpy as np

from mrtoolkit.features.ahead import is_ahead

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


@dataclass(slots=True)
class Entry(Generic[T]):
    """One array in memory and what it is (`tag`: whatever the owner needs to write or label it).

    `used` is the number of the look or put that used it last.
    """

    values: np.ndarray
    tag: T
    used: int


class ByteLRU(Generic[K, T]):
    """A dictionary of read-only arrays whose bytes never exceed `budget_bytes`.

    An array larger than the whole budget is not kept (it would throw out everything else for nothing). The arrays
    must own their memory: a view would be counted by its own size and keep its whole base alive. Thread-safe.

    A hit writes a number into the entry that it has in hand anyway; the order is made out of these when something has
    to go. An OrderedDict costs 0.5 us more a hit among 10,000 arrays: neighbours in the order lie anywhere in memory.
    """

    def __init__(self, budget_bytes: int) -> None:
        self.budget_bytes = budget_bytes
        self._entries: dict[K, Entry[T]] = {}
        self._oldest: list[tuple[int, K]] = []  # as they were last used at some time, oldest last
        self._n_used = 0
        self._n_bytes = 0
        self._n_evicted = 0
        self._n_hits = 0
        self._n_lent = 0
        self._ahead: set[K] = set()  # put before anybody asked for them, and not asked for yet
        self._n_ahead_used = 0
        self._lock = Lock()

    @property
    def n_bytes(self) -> int:
        """Bytes held now."""
        return self._n_bytes

    @property
    def n_evicted(self) -> int:
        """Arrays that had to go, so far."""
        return self._n_evicted

    @property
    def n_hits(self) -> int:
        """How often `get` found what it was asked for, so far."""
        return self._n_hits

    @property
    def n_ahead_used(self) -> int:
        """Arrays that were put ahead of being asked for, and were asked for later."""
        return self._n_ahead_used

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: K) -> np.ndarray | None:
        """Return the array and mark it as used, or None."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return None
            self._hit(key, 1)
            self._n_used = entry.used = self._n_used + 1
            return entry.values

    def find(self, key: K, *, is_hit: bool = True) -> Entry[T] | None:
        """Return the array with its tag, and mark it as used, or None; not every find is a hit to be counted."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None:
                self._hit(key, int(is_hit))
                self._n_used = entry.used = self._n_used + 1
            return entry

    def _hit(self, key: K, n: int) -> None:
        if is_ahead():
            return
        if self._ahead and key in self._ahead:
            self._ahead.remove(key)
            self._n_ahead_used += 1
        self._n_hits += n

    def peek(self, key: K) -> Entry[T] | None:
        """Return the entry and leave the order of use as it is, or None."""
        return self._entries.get(key)

    def put(self, key: K, values: np.ndarray, tag: T, *, ahead: bool = False) -> None:
        """Keep an array, made read-only, and evict until the budget holds.

        What nobody has asked for yet (`ahead`) is kept only while a quarter of the room is left: nothing goes for it.
        """
        values.setflags(write=False)
        n_bytes = values.nbytes
        with self._lock:
            room = self._room
            if ahead and (key in self._entries or self._n_bytes + n_bytes > room // 4 * 3):
                return
            self._drop(key)
            if n_bytes > room:
                self._n_evicted += 1
                return
            self._n_used += 1
            self._entries[key] = Entry(values, tag, self._n_used)
            self._n_bytes += n_bytes
            if ahead:
                self._ahead.add(key)
            while self._n_bytes > room:
                self._evict()

    @contextmanager
    def lend(self, n_bytes: int) -> Iterator[None]:
        """Hold so many bytes less than the budget for a while, as somebody else holds them; several may at once."""
        with self._lock:
            self._n_lent += n_bytes
            while self._n_bytes > self._room:
                self._evict()
        try:
            yield
        finally:
            with self._lock:
                self._n_lent -= n_bytes

    @property
    def _room(self) -> int:
        return max(0, self.budget_bytes - self._n_lent)

    def items(self) -> Iterator[tuple[K, Entry[T]]]:
        """Iterate over a snapshot, least recently used first."""
        with self._lock:
            return iter(sorted(self._entries.items(), key=lambda item: item[1].used))

    def discard(self, is_unwanted: Callable[[K], bool]) -> None:
        """Forget every array whose key is unwanted; these do not count as evicted."""
        with self._lock:
            for key in [key for key in self._entries if is_unwanted(key)]:
                self._drop(key)

    def _evict(self) -> None:
        """Let go of what was used least recently.

        What was not used since the order was made is older than all that was.
        """
        while True:
            if not self._oldest:
                order = ((entry.used, key) for key, entry in self._entries.items())
                self._oldest = sorted(order, key=itemgetter(0), reverse=True)
            used, key = self._oldest.pop()
            entry = self._entries.get(key)
            if entry is not None and entry.used == used:
                self._drop(key)
                self._n_evicted += 1
                return

    def _drop(self, key: K) -> None:
        old = self._entries.pop(key, None)
        if old is not None:
            self._n_bytes -= old.values.nbytes
            self._ahead.discard(key)
