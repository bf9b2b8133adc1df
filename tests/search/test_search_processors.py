"""The same trials on another processor: a search compiled for the plainest x86-64 takes the way of this machine's own.

The one is made in a process whose numba compiles for `generic` (two numbers at a time, no fused products, no packed
bits) and whose NumPy and BLAS have their newer instructions taken away; each target has a folder of compiled kernels
to itself. The form for every run is one problem, `MRTOOLKIT_LONG=1` takes several, and the Gaussian process too.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest
from oracles.long_form import IS_LONG

CHILD = Path(__file__).with_name("processor_child.py")
GENERIC = {"NUMBA_CPU_NAME": "generic"}
OLD = {
    **GENERIC, "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR", "OPENBLAS_CORETYPE": "Nehalem",
}  # fmt: skip
SHORT = ["ema_cross_rsi-AAPL-total_return"]
LONG = [
    *SHORT, "kind_cross-IBM-sharpe", "breakout_short-FB-total_return", "rsi_bands-MSFT-sharpe", "macd_stop-AAPL-sharpe",
    "breakout_trail-long-sharpe", "cross_stops-rising-total_return", "ema_cross_rsi-phases-sharpe",
]  # fmt: skip


def searches(names: list[str], transitions: list[str | None], trials: int, **environment: str) -> dict:
    """What a process of its own finds, compiled for the processor that its environment names."""
    settings = json.dumps({"names": names, "transitions": transitions, "trials": trials})
    done = subprocess.run(
        [sys.executable, str(CHILD), settings],
        capture_output=True, text=True, check=False,
        env=os.environ | environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3_000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="names processors of x86-64")
@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT", "0") != "0", reason="nothing is compiled")
def test_another_processor_makes_the_same_trials():
    names, trials = (LONG, 300) if IS_LONG else (SHORT, 120)
    transitions = ["moving", "peak", "gp"] if IS_LONG else ["moving", "peak"]
    native = searches(names, transitions, trials)
    others = {"generic": GENERIC, "old": OLD} if IS_LONG else {"old": OLD}
    assert native["cpu"] is None
    assert len(native["logs"]) == len(names) * len(transitions)
    for where, environment in others.items():
        found = searches(names, transitions, trials, **environment)
        assert found["cpu"] == "generic"
        assert not found["features"]
        for what, log in native["logs"].items():
            assert len(log["codes"]) >= min(trials, 100)
            for column, values in log.items():
                assert found["logs"][what][column] == values, f"{column} of {what} on {where}"
