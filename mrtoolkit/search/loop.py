"""The only loop: ask, evaluate, tell; in whole numbers, as tables would take longer than fast trials."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mrtoolkit.evaluation import Evaluation
from mrtoolkit.search.ahead import Ahead
from mrtoolkit.search.failures import evaluate_all, refuse_broken
from mrtoolkit.search.gate import Gate
from mrtoolkit.search.prefetch import KNOWN, Prefetch
from mrtoolkit.words import counted

if TYPE_CHECKING:
    from mrtoolkit.search.optimizer import MultiResOptimizer

_FIRST_BATCH = 32
_FIRST_LIVE = 4
_LARGEST_CHANGE = 16.0  # what a batch has in common costs as much as hundreds of fast trials


class _Aim(NamedTuple):
    """How large batches are to be."""

    seconds: float
    smallest: int


_ALONE = _Aim(seconds=0.2, smallest=8)  # short enough for a progress bar and for Ctrl-C, long enough to share features
_LIVE = _Aim(seconds=0.05, smallest=1)  # from a button's press to its effect, where somebody watches


def run_search(optimizer: MultiResOptimizer, gate: Gate | None = None) -> None:
    """Run a search until it stops; Ctrl-C ends it with what is done, an error too, and is then raised again.

    A gate makes the search wait between batches and ends it, for who watches; the trials are the same.
    """
    aim = _ALONE if gate is None else _LIVE
    size = _FIRST_BATCH if gate is None else max(_FIRST_LIVE, optimizer.settings.workers)
    ahead, prefetch = Ahead(), Prefetch(optimizer.evaluator, optimizer.space)
    try:
        while True:
            wanted = size if gate is None else gate.wait(size)
            if gate is not None and wanted == 0:
                made = counted(len(optimizer.study), "trial")
                optimizer.stop(gate.stop_reason.format(n=made), is_interrupted=True)
                return
            codes = optimizer.next_codes(wanted)
            if len(codes) == 0:
                return
            if gate is not None and not gate.lets(optimizer.walk.level_index):
                continue
            evaluation = None if gate is None else ahead.take(optimizer.space.keys(codes))
            if gate is not None and evaluation is not None:
                optimizer.record(codes[: evaluation.n_points], evaluation)
                gate.made(evaluation.n_points)
                continue
            started = time.perf_counter()
            batch = codes if wanted == size else optimizer.peek(codes, size)
            if prefetch.is_on:
                prefetch.look(optimizer.peek(batch, len(batch) + KNOWN), len(batch), optimizer.study)
            evaluation = _evaluated(optimizer, batch)
            if len(batch) > len(codes):
                evaluation = ahead.first(optimizer.space.keys(batch), evaluation, len(codes))
            optimizer.record(codes, evaluation)
            if gate is not None:
                gate.made(len(codes))
            seconds = time.perf_counter() - started
            size = max(next_size(size, len(batch), seconds, aim), optimizer.settings.workers)
    except KeyboardInterrupt:
        optimizer.stop(f"interrupted by the user after {counted(len(optimizer.study), 'trial')}.", is_interrupted=True)
    except Exception as error:
        if len(optimizer.study):
            optimizer.stop(f"ended by {type(error).__name__} after {counted(len(optimizer.study), 'trial')}: {error}")
        else:
            optimizer.let_go()
        raise
    finally:
        prefetch.close()


def _evaluated(optimizer: MultiResOptimizer, codes: np.ndarray) -> Evaluation:
    started = time.perf_counter()
    evaluation = evaluate_all(optimizer.evaluator, optimizer.space, codes)
    study = optimizer.study
    refuse_broken(study, evaluation, codes)
    # the least: the first batch may have been compiled for
    study.trial_seconds = min(study.trial_seconds, (time.perf_counter() - started) / len(codes))
    return evaluation


def next_size(size: int, done: int, seconds: float, aim: _Aim = _ALONE) -> int:
    """Return how many points the next batch has, to take as long as is aimed at; which are run does not change."""
    wanted = done * aim.seconds / max(seconds, 1e-9)
    change = min(max(wanted / size, 1 / _LARGEST_CHANGE), _LARGEST_CHANGE)
    return max(aim.smallest, int(size * change))
