"""What the memory row does in a process of its own: `python event_child.py <whose> <json>`, a JSON answer.

The peak counts from after the import and after one small sweep: kernels are loaded (or compiled) then, on both sides.
"""

from __future__ import annotations

import json
import sys

from event_rules import CROSSES, METRICS, pairs_of
from figures import PeakMemory

import mrtoolkit as mrt


def ours(bars, lookbacks: list[int]) -> int:
    """Run all pairs, everything computed anew; how many."""
    result = CROSSES.backtest(bars, mrt.FeatureStore()).run(pairs_of(lookbacks), metrics=METRICS)
    return int(result.sizes["trial"])


def vectorbt(bars, lookbacks: list[int]) -> int:
    """The same by vectorbt."""
    from event_peers import vectorbt_as_used

    return len(vectorbt_as_used(bars, lookbacks))


def main(whose: str, *, n_bars: int, lookbacks: list[int]) -> dict[str, float]:
    """MiB that the peak of a sweep adds, and of how many trials."""
    sweep = {"ours": ours, "vectorbt": vectorbt}[whose]
    sweep(mrt.data.simulate(bars=500, freq="1h", seed=1), lookbacks[:3])
    bars = mrt.data.simulate(bars=n_bars, freq="1h", seed=0)
    peak = PeakMemory()
    trials = sweep(bars, lookbacks)
    return {"mib": peak.added_mib(), "trials": trials}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], **json.loads(sys.argv[2]))))
