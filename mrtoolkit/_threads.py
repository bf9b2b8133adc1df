"""The process's threads, for trials and for features: kernels and NumPy hold no GIL."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import cache

from mrtoolkit.errors import StrategyError


def n_threads() -> int:
    """Threads that run trials and compute features: MRTOOLKIT_THREADS, or as many as this process may use cores.

    Raises
    ------
    StrategyError
        If MRTOOLKIT_THREADS is set to what is no whole number above 0.
    """
    wanted = os.environ.get("MRTOOLKIT_THREADS", "")
    if not wanted:
        return n_cores()
    if not (wanted.isascii() and wanted.isdigit() and int(wanted) > 0):
        raise StrategyError(
            f"MRTOOLKIT_THREADS is {wanted!r} in the environment, but it is a whole number of threads, 1 or more; "
            "unset it for as many as there are cores."
        )
    return int(wanted)


def n_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def on_all_cores(work: Sequence[Callable[[], None]], threads: int) -> None:
    """Call functions side by side, so many at once, one of them in the thread that asks.

    Where one raises, or Ctrl-C comes, those that have begun are waited for and no other begins.
    """
    if len(work) == 1 or threads == 1:
        for each in work:
            each()
        return
    left = deque(work)

    def take_turns() -> None:
        while left:
            try:
                each = left.popleft()
            except IndexError:  # another thread took the last
                return
            try:
                each()
            except BaseException:  # also Ctrl-C: nobody is to begin another piece
                left.clear()
                raise

    others = min(threads, len(work)) - 1  # to hand work over takes 0.2 ms
    running = [_pool(n_threads()).submit(take_turns) for _ in range(others)]
    try:
        take_turns()
        for one in running:
            one.result()
    finally:
        left.clear()
        wait(running)


@contextmanager
def meanwhile(work: Callable[[], None] | None) -> Iterator[None]:
    """Call a function in another thread, where there is another, while the `with` lasts; it is waited for at the end.

    Where there is none it is not called: it may only make what its user would make when it is needed.
    """
    threads = n_threads()
    if work is None or threads == 1:
        yield
        return
    running = _pool(threads).submit(work)
    try:
        yield
    finally:
        wait([running])
    running.result()


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    """Kept, as each thread keeps memory to work in."""
    return ThreadPoolExecutor(threads, thread_name_prefix="mrtoolkit")


if hasattr(os, "register_at_fork"):  # a forked child has the pool but not its threads, and would wait for ever
    os.register_at_fork(after_in_child=_pool.cache_clear)
