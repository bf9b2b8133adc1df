"""What the next points need, computed while a batch runs: by one thread, on a core that has nothing else to do.

A slow evaluator on one core (somebody else's backtester with features of a store) leaves the other cores idle. A thread
goes through the points that are already known to come, and then the neighbours of the best trials so far, dimension by
dimension, and hands each to the evaluator's `compute_ahead`. It chooses no point and changes no trial. A `Backtest`
keeps all cores busy itself, and was not quicker with it on one thread either: its trials leave no time to compute in.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from typing import Any

import numpy as np

from mrtoolkit._threads import n_cores
from mrtoolkit.evaluation import Evaluator
from mrtoolkit.features.ahead import computing_ahead
from mrtoolkit.search.points import points_for
from mrtoolkit.search.space import Space
from mrtoolkit.search.study import Study

KNOWN = 64
"""Points beyond the running batch that are looked for."""
_BEST = 4  # trials whose neighbours are likely to come next
_STEPS = np.array([1, -1, 2, -2])
_LIKELY = 16  # points that nobody may ever ask for, a batch
_PATIENCE = 3  # errors in a row, after which it is left alone
_WAIT_SECONDS = 5.0  # for what is being computed when a search ends


class Prefetch:
    """Hands the points that come next to an evaluator's `compute_ahead`, in a thread that begins with the first.

    Parameters
    ----------
    evaluator : Evaluator
        One without that method is left alone, and so is any in a process of one core.
    space : Space
    """

    def __init__(self, evaluator: Evaluator, space: Space) -> None:
        self._call: Any = getattr(evaluator, "compute_ahead", None)
        if n_cores() < 2:
            self._call = None
        self._evaluator, self._space = evaluator, space
        self._waiting: deque[np.ndarray] = deque()
        self._seen: set[int] = set()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._is_over = False

    @property
    def is_on(self) -> bool:
        """Whether there is anything to be told."""
        return self._call is not None and not self._is_over and not is_busy()

    def look(self, codes: np.ndarray, n_batch: int, study: Study) -> None:
        """Say which points are to be run, `n_batch` of them in the batch that begins; what was said is forgotten.

        The batch is gone through from its end, as the evaluator begins at its front: they meet in the middle.
        """
        codes = np.concatenate([codes[:n_batch][::-1], codes[n_batch:], likely(study)])
        fresh = [row for row, key in zip(codes, self._space.keys(codes).tolist(), strict=True) if key not in self._seen]
        with self._changed:
            self._waiting = deque(fresh)
            self._changed.notify()
        if self._thread is None and fresh:
            self._thread = threading.Thread(target=self._run, name="mrtoolkit-prefetch", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """End with the search; what is being computed is waited for, a few seconds at most."""
        with self._changed:
            self._is_over = True
            self._waiting.clear()
            self._changed.notify()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(_WAIT_SECONDS)

    def _run(self) -> None:
        n_failed = 0
        with computing_ahead():
            while (codes := self._next()) is not None:
                self._seen.update(self._space.keys(codes).tolist())
                try:
                    self._call(points_for(self._evaluator, self._space, codes))
                    n_failed = 0
                except Exception:  # it will be raised, and said, when the point is evaluated
                    n_failed += 1
                    self._is_over = self._is_over or n_failed == _PATIENCE

    def _next(self) -> np.ndarray | None:
        """Return the next point, (1, dimension), or None at the end; waits for one."""
        with self._changed:
            while not self._waiting and not self._is_over:
                self._changed.wait()
            return None if self._is_over else self._waiting.popleft()[np.newaxis]


def is_busy() -> bool:
    """Whether all cores have had something to do in the last minute: then a search was 1.2 times slower with this."""
    if not hasattr(os, "getloadavg"):
        return False
    return os.getloadavg()[0] > (os.cpu_count() or 1) + 0.5  # the two threads of a search alone make 2.0


def likely(study: Study) -> np.ndarray:
    """Return neighbours of the best trials that were not run, (point, dimension), the likeliest first."""
    scores, codes = study.scoring.scores(), study.log.codes
    n_dimensions = len(study.space)
    found = [np.empty((0, n_dimensions), dtype=np.int64)]
    for trial in np.argsort(-scores, kind="stable")[:_BEST]:
        if scores[trial] > -np.inf:
            near = np.repeat(codes[trial][np.newaxis], len(_STEPS) * n_dimensions, axis=0)
            near[np.arange(len(near)), np.tile(np.arange(n_dimensions), len(_STEPS))] += np.repeat(_STEPS, n_dimensions)
            found.append(near)
    joined = np.concatenate(found)
    on_lattice = ((joined >= 0) & (joined < np.array(study.space.sizes))).all(axis=1)
    joined = study.space.distinct(joined[on_lattice])
    return np.asarray(joined[study.log.find(study.space.keys(joined)) < 0][:_LIKELY])
