"""What a batch adds to the memory of a process, beside what its plan said: `python plan_child.py <shape>`, JSON."""

from __future__ import annotations

import ctypes
import json
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "benchmarks")]  # what is tested is this checkout, whatever is installed

from figures import PeakMemory  # noqa: E402

import mrtoolkit as mrt  # noqa: E402
from mrtoolkit import P  # noqa: E402
from mrtoolkit.backtest import room  # noqa: E402

CROSS = dict(entry=mrt.ema(P.fast) > mrt.ema(P.slow), exit=mrt.ema(P.fast) < mrt.ema(P.slow))
STOPS = CROSS | dict(stop_loss=P.k * mrt.atr(14) / mrt.close, size=P.s * 0.01 * mrt.close / mrt.atr(20))
SHORTS = CROSS | dict(short_entry=mrt.ema(P.fast) < mrt.ema(P.slow))
NUMBER_STOPS = CROSS | dict(stop_loss=P.sl, trailing_stop=P.tr)
FEW = {"fast": list(range(5, 15)), "slow": list(range(30, 80, 5))}
SHAPES = {
    "grid": dict(n=50_000, rules=CROSS, points={"fast": list(range(5, 25)), "slow": list(range(30, 130, 5))}),
    "large grid": dict(
        n=50_000, rules=CROSS, points={"fast": list(range(5, 105)), "slow": list(range(110, 210))}
    ),
    "stop grid": dict(
        n=50_000, rules=NUMBER_STOPS, points=FEW | {"sl": [0.01, 0.02, 0.03, 0.05], "tr": [0.02, 0.04, 0.06, 0.1]}
    ),
    "stops": dict(n=50_000, rules=STOPS, points=FEW | {"k": [1.0, 2.0, 3.0], "s": [0.5, 1.0]}),
    "assets": dict(n=10_000, assets=50, rules=CROSS, points=FEW),
    "million": dict(
        n=1_000_000, rules=CROSS, points={"fast": list(range(5, 13)), "slow": list(range(30, 54, 2))}, memory="64 MiB"
    ),
    "shorts": dict(
        n=1_000_000, rules=SHORTS, points={"fast": list(range(5, 9)), "slow": list(range(30, 54, 4))}, memory="128 MiB"
    ),
}


def measure(name: str, engine: str) -> dict[str, float]:
    """MiB that were planned and that were added; what is compiled and loaded is warmed up before, on few bars."""
    shape = SHAPES[name]
    assets = shape.get("assets")
    freq = "1h" if shape["n"] < 200_000 else "1min"

    def backtest(n: int, n_assets: int | None, memory: str) -> mrt.Backtest:
        bars = mrt.data.simulate(bars=n, freq=freq, seed=0, **({} if n_assets is None else {"assets": n_assets}))
        store = mrt.FeatureStore(memory=memory)
        return mrt.Backtest(bars, mrt.Strategy(**shape["rules"]), store=store, engine=engine)

    backtest(3_000, assets and 2, "64 MiB").run(shape["points"])
    whole = backtest(shape["n"], assets, shape.get("memory", "256 MiB"))
    plan = whole.plan(shape["points"])
    room._KEPT_BYTES = 0  # what the plan's own batches worked in would count as there already
    room.release_room()
    peak = PeakMemory()
    whole.run(shape["points"])
    limit = plan.memory_limit / 2**20
    return {"planned": plan.peak_bytes / 2**20, "added": peak.added_mib(), "limit": limit, "spans": plan.spans}


if __name__ == "__main__":
    ctypes.CDLL(None).mallopt(-3, 2**17)  # arrays apart from the heap, which keeps what earlier ones left: it counts
    print(json.dumps(measure(sys.argv[1], sys.argv[2])))
