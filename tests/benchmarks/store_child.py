"""What the benchmarks of the store do in a process of its own: `python store_child.py <what> <json>`, a JSON answer."""

from __future__ import annotations

import json
import sys
import time

from figures import PeakMemory

import mrtoolkit as mrt
from mrtoolkit import P


def features(
    *, path: str | None, n_bars: int, names: list[str], lookbacks: list[int], is_warm: bool
) -> dict[str, object]:
    """Seconds of the first look at some features, one indicator after the other, each by a store opened for it.

    Without a path the bars' fingerprint is known before, and where `is_warm` the kernels are loaded: computing alone.
    """
    bars = mrt.data.simulate(bars=n_bars, freq="1h", seed=0)
    if path is None:
        mrt.data.fingerprint(bars)
    few = mrt.data.simulate(bars=max(lookbacks) + 10, freq="1h", seed=1)
    seconds: dict[str, float] = {}
    recomputed = computed = 0
    for name in names:
        nodes = [getattr(mrt, name)(k) for k in lookbacks]
        if is_warm:
            mrt.FeatureStore().fetch(few, nodes)
        start = time.perf_counter()
        store = mrt.FeatureStore(path)
        found = store.fetch(bars if path is None else bars.copy(), nodes)  # a copy: its fingerprint is not known
        seconds[name] = time.perf_counter() - start
        recomputed += store.counters.recomputed
        computed += store.counters.computed
        del found
    return {"seconds": seconds, "recomputed": recomputed, "computed": computed}


def sweep(*, memory: str, n_bars: int, n_features: int, path: str | None) -> dict[str, object]:
    """Peak of resident memory that a sweep adds."""
    bars = mrt.data.simulate(bars=n_bars, freq="1min", seed=0)
    strategy = mrt.Strategy(entry=mrt.ema(P.fast) > mrt.ema(P.slow), exit=mrt.ema(P.fast) < mrt.ema(P.slow))
    warming = mrt.Backtest(bars, strategy, store=mrt.FeatureStore(memory=memory))
    warming.run({"fast": list(range(2, 6)), "slow": list(range(20, 20 + n_features // 4))[:4]})
    del warming
    memory_peak = PeakMemory()
    start = time.perf_counter()
    store = mrt.FeatureStore(path, memory=memory)
    backtest = mrt.Backtest(bars, strategy, store=store)
    result = backtest.run({"fast": [2], "slow": [3 + k / 2 for k in range(n_features)]})
    seconds = time.perf_counter() - start
    total = float(result["sharpe"].sum())
    return {"grown": memory_peak.added_mib(), "seconds": seconds, "sum": total}


if __name__ == "__main__":
    print(json.dumps({"features": features, "sweep": sweep}[sys.argv[1]](**json.loads(sys.argv[2]))))
