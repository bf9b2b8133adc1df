"""The only loop: ask, evaluate, tell; in whole numbers, as tables would take longer than fast trials."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from mrtoolkit.search.failures import evaluate_all, refuse_broken

if TYPE_CHECKING:
    from mrtoolkit.search.optimizer import MultiResOptimizer

_FIRST_BATCH = 32
_SMALLEST_BATCH = 8
_BATCH_SECONDS = 0.2  # short enough for a progress bar and for Ctrl-C, long enough to share features
_LARGEST_CHANGE = 16.0  # what a batch has in common costs as much as hundreds of fast trials


def run_search(optimizer: MultiResOptimizer) -> None:
    """Run a search until it stops; Ctrl-C ends it with what is done, an error too, and is then raised again."""
    size = _FIRST_BATCH
    try:
        while True:
            codes = optimizer.next_codes(size)
            if len(codes) == 0:
                return
            started = time.perf_counter()
            evaluation = evaluate_all(optimizer.evaluator, optimizer.space, codes)
            study = optimizer.study
            refuse_broken(study, evaluation, len(codes))
            # the least: the first batch may have been compiled for
            study.trial_seconds = min(study.trial_seconds, (time.perf_counter() - started) / len(codes))
            optimizer.record(codes, evaluation)
            size = max(next_size(size, len(codes), time.perf_counter() - started), optimizer.settings.workers)
    except KeyboardInterrupt:
        optimizer.stop(f"interrupted by the user after {len(optimizer.study):,} trials.", is_interrupted=True)
    except Exception as error:
        if len(optimizer.study):
            optimizer.stop(f"ended by {type(error).__name__} after {len(optimizer.study):,} trials: {error}")
        else:
            optimizer.let_go()
        raise


def next_size(size: int, done: int, seconds: float) -> int:
    """Return how many points the next batch has, so that it takes about 0.2 s; which points are run does not change."""
    wanted = done * _BATCH_SECONDS / max(seconds, 1e-9)
    change = min(max(wanted / size, 1 / _LARGEST_CHANGE), _LARGEST_CHANGE)
    return max(_SMALLEST_BATCH, int(size * change))
