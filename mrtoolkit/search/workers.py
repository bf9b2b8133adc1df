"""Several processes that call one function for the points of a batch: somebody else's slow backtester, twice as fast.

A batch is cut into runs of points, and the results are put together in the order of the points: how many workers there
are changes no trial. The function is handed to a process once, by the means of `multiprocessing`: it must be one that
another process can import. Where it cannot be, threads call it instead, and a warning says so.
"""

from __future__ import annotations

import builtins
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from multiprocessing.reduction import ForkingPickler
from typing import Any

import numpy as np
import pandas as pd

from mrtoolkit.errors import StudyError, warn_caller

_RUNS = 4  # of points that each worker gets of a batch: some take longer than others
_function: Any = None  # in a process of the pool, what it calls


class WorkersWarning(UserWarning):
    """Threads stand in for the processes that were asked for."""


Outcome = tuple[Any, Exception | None]
"""What a function gave, or what it raised."""


class Workers:
    """So many processes for one function, started when they are first needed.

    Parameters
    ----------
    function : callable
        Of a dict of parameters; where it has a method `batch`, of a DataFrame of points.
    count : int
    """

    def __init__(self, function: Any, count: int) -> None:
        self.count = count
        self._function = function
        self._pool: Executor | None = None
        self._is_alone = count < 2  # then the function is called in this process

    def each(self, points: Sequence[dict[str, Any]]) -> list[Outcome]:
        """Call the function for each point and return what it gave or raised, in the order of the points."""
        if self._is_alone or len(points) == 0:
            return [outcome(self._function, point) for point in points]
        n_runs = min(len(points), self.count * _RUNS)
        runs = [list(run) for run in np.array_split(np.array(points, dtype=object), n_runs)]
        found = self._call(_plain_outcomes, runs)
        return [(value, None if said is None else _as_error(*said)) for run in found for value, said in run]

    def batch(self, points: pd.DataFrame) -> Any:
        """Call the function's `batch` for runs of points and join what it gave: arrays, or mappings of arrays.

        Raises
        ------
        Exception
            What the function raised for the first run at which it did.
        """
        if self._is_alone or len(points) == 0:
            return self._function.batch(points)
        places = np.array_split(np.arange(len(points)), min(len(points), self.count))
        runs = [points.iloc[place].reset_index(drop=True) for place in places]
        found = []
        for value, said in self._call(_plain_batch, runs):
            if said is not None:
                raise _as_error(*said)
            found.append(value)
        if all(isinstance(one, dict) for one in found):
            return {name: np.concatenate([np.asarray(one[name]) for one in found]) for name in found[0]}
        return np.concatenate([np.atleast_1d(one) for one in found])

    def close(self) -> None:
        """Let the processes go; what is still asked is answered in this one."""
        pool, self._pool, self._is_alone = self._pool, None, True
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)

    def reopen(self) -> None:
        """Start processes again when they are next needed."""
        self._is_alone = self.count < 2

    def _call(self, call: Callable[[Any, Any], Any], runs: Sequence[Any]) -> list[Any]:
        if self._pool is None:
            self._pool = self._started()
        if isinstance(self._pool, ThreadPoolExecutor):
            return list(self._pool.map(lambda run: call(self._function, run), runs))
        try:
            return list(self._pool.map(_in_process, [call] * len(runs), runs))
        except BrokenProcessPool as error:
            self.close()
            raise StudyError(
                "a worker process ended in the middle of a point (out of memory, or a crash of what it called); the "
                "trials so far are kept: go on with fewer workers."
            ) from error

    def _started(self) -> Executor:
        """Return processes that have the function, or threads, with a warning that says why."""
        why = _why_no_process(self._function)
        if not why:
            pool = ProcessPoolExecutor(
                self.count,
                mp_context=multiprocessing.get_context("spawn"),
                initializer=_start,
                initargs=(self._function,),
            )
            try:
                pool.submit(_is_started).result()
            except (BrokenProcessPool, RuntimeError):
                if multiprocessing.parent_process() is not None:
                    raise  # a program without a main guard, begun once more: it must not search too
                why = "no process could be started with it; a program that starts processes has its main guard"
                pool.shutdown(wait=False, cancel_futures=True)
            else:
                return pool
        warn_caller(
            f"workers={self.count} are threads, not processes, as {why}; put the function into a module of its own "
            "for processes.",
            WorkersWarning,
        )
        return ThreadPoolExecutor(self.count, thread_name_prefix="mrtoolkit-worker")


def outcome(function: Callable[[dict[str, Any]], Any], point: dict[str, Any]) -> Outcome:
    """Return what a function gives for a point, or NaN and what it raises."""
    try:
        return function(point), None
    except Exception as error:  # a user's function may raise anything
        return np.nan, error


def _why_no_process(function: Any) -> str:
    """Return why another process cannot have the function; nothing where it can be tried."""
    main = sys.modules.get("__main__")
    home = getattr(function, "__module__", None) or type(function).__module__
    if "__main__" in (home, type(function).__module__) and not hasattr(main, "__file__"):
        return "the function is written in a notebook or at a prompt, where no other process finds it"
    try:
        ForkingPickler.dumps(function)
    except Exception as error:  # whatever its parts raise
        return f"the function cannot be handed to another process ({error})"
    return ""


def _start(function: Any) -> None:
    """Keep the function of this process; Ctrl-C ends it without a word, as it goes to all processes of a terminal."""
    global _function
    _function = function
    with suppress(ValueError):
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this process when the search is killed; it would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _is_started() -> bool:
    return True


def _in_process(call: Callable[[Any, Any], Any], run: Any) -> Any:
    return call(_function, run)


def _plain_outcomes(function: Any, points: list[dict[str, Any]]) -> list[tuple[Any, tuple[str, str] | None]]:
    """Return outcomes with errors as texts: not every error can be handed to another process."""
    found = [outcome(function, point) for point in points]
    return [(value, None if error is None else (type(error).__name__, str(error))) for value, error in found]


def _plain_batch(function: Any, points: pd.DataFrame) -> tuple[Any, tuple[str, str] | None]:
    try:
        return function.batch(points), None
    except Exception as error:  # a user's function may raise anything
        return None, (type(error).__name__, str(error))


def _as_error(name: str, text: str) -> Exception:
    """Return an error of this name that says this; of the builtin kind where there is one."""
    kind = getattr(builtins, name, Exception)
    kind = kind if isinstance(kind, type) and issubclass(kind, Exception) else Exception
    said: Exception = type(name, (kind,), {"__str__": lambda _: text})()
    return said
