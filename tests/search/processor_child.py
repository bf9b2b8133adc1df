"""Searches as they are made on this processor: `python processor_child.py <json>`, their trial logs as JSON.

Whoever starts it says in the environment what processor it is to be compiled for.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS.parent), str(TESTS / "benchmarks" / "search")]

import numba  # noqa: E402 (found by the line above)
from search_problems import PROBLEMS  # noqa: E402

import mrtoolkit as mrt  # noqa: E402
from mrtoolkit import M  # noqa: E402


def main(names: list[str], transitions: list[str | None], *, trials: int) -> dict[str, object]:
    """The trial log of each problem and transition: points, level, region in order, objectives to 10 digits."""
    logs = {}
    for problem in PROBLEMS:
        if problem.name not in names:
            continue
        for transition in transitions:
            constraints = [M.trades >= problem.min_trades] if problem.min_trades else []
            study = mrt.optimize(
                problem.backtest(), problem.space, objective=problem.objective, constraints=constraints, trials=trials,
                seed=3, transition=transition,
            )  # fmt: skip
            log = study.log
            logs[f"{problem.name} {transition or 'default'}"] = {
                "codes": log.codes.tolist(),
                "level": log.level.tolist(),
                "region": log.region.tolist(),
                "value": [f"{value:.9e}" for value in log.value.tolist()],
                "feasible": log.feasible.tolist(),
                "plateau": study.plateau.params,
            }
    return {"cpu": numba.config.CPU_NAME, "features": numba.config.CPU_FEATURES, "logs": logs}


if __name__ == "__main__":
    settings = json.loads(sys.argv[1])
    print(json.dumps(main(settings["names"], settings["transitions"], trials=settings["trials"])))
