"""Who computes what, between processes that share a folder: each feature is computed by one of them.

The labels of a family fall into stripes, and a stripe is computed under a kernel lock of its own: who comes second
finds the features committed. What is dear is claimed stripe by stripe, so that several processes work on one family
side by side; what is cheap all at once, as a commit costs more than computing it. A lock vanishes with its process.
"""

from __future__ import annotations

import hashlib
import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from operator import itemgetter
from pathlib import Path
from typing import Generic, TypeVar

from mrtoolkit.features.disk.lock import exclusive, try_exclusive

_FILES = 64
_STRIPES = 16
T = TypeVar("T")


class Claims:
    """Lock files below a folder, a fixed number of them; a family's stripes are sixteen in a row."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def share(
        self, family: str, items: Sequence[T], work: Callable[[Sequence[T]], None], is_cheap: Callable[[T], bool]
    ) -> None:
        """Call `work` with all items, in parts, no part at the same time as another process does.

        Parameters
        ----------
        family : str
            Names what the items are of; other families are worked on side by side.
        items : sequence
            Told apart by their `repr`.
        work : callable of some of the items
            Looks what is there, and computes and commits what is not.
        is_cheap : callable of an item
            Whether all the rest is better done at once; may try it with an item, which no other process does now.
        """
        if self._folder.is_symlink():  # the locks of a store lie in it
            self._folder.unlink()
        self._folder.mkdir(parents=True, exist_ok=True)
        first = _digest(family) % _FILES
        stripes = {item: (first + _digest(repr(item)) % _STRIPES) % _FILES for item in map(_Item, items)}
        waiting = sorted(set(stripes.values()))
        random.shuffle(waiting)  # so that processes that start together do not wait for each other
        while waiting:
            with self._any_of(waiting) as stripe:
                part = [item.value for item, place in stripes.items() if place == stripe]
                if not is_cheap(part[0]):
                    work(part)
                    waiting.remove(stripe)
                    continue
            tried = stripe
            with ExitStack() as stack:
                for stripe in sorted(waiting):  # in order, so that two processes never wait for each other
                    stack.enter_context(exclusive(self._file(stripe)))
                rest = [(place != tried, item.value) for item, place in stripes.items() if place in waiting]
                work([item for _, item in sorted(rest, key=itemgetter(0))])  # what was tried first, while it is at hand
            return

    def withdraw(self) -> None:
        """Remove the lock files; whoever waits for one of them may do work that is done elsewhere, and no more."""
        shutil.rmtree(self._folder, ignore_errors=True)

    @contextmanager
    def _any_of(self, stripes: Sequence[int]) -> Iterator[int]:
        """Hold one of the stripes that nobody holds, or wait for the first."""
        for stripe in stripes:
            with try_exclusive(self._file(stripe)) as is_held:
                if is_held:
                    yield stripe
                    return
        with exclusive(self._file(stripes[0])):
            yield stripes[0]

    def _file(self, stripe: int) -> Path:
        return self._folder / f"{stripe:02d}"


class _Item(Generic[T]):
    """An item known by its identity, as what it is may not be comparable."""

    def __init__(self, value: T) -> None:
        self.value = value

    def __repr__(self) -> str:
        return repr(self.value)


def _digest(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "little")
