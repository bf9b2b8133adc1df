"""How a search is cut into batches: by time and by memory, and without any effect on its trials."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mrtoolkit as mrt
from mrtoolkit import P
from mrtoolkit.search import loop

SPACE = mrt.Space(fast=mrt.Integer(2, 30), slow=mrt.Integer(10, 80), n=mrt.Integer(2, 20), where=P.fast < P.slow)
RULE = mrt.Strategy(entry=(mrt.ema(P.fast) > mrt.ema(P.slow)) & (mrt.rsi(P.n) < 70))
BARS = mrt.data.simulate(bars=500, freq="1h", seed=8)


def search(transition: str, memory: str = "64 MiB", trials: int = 70):
    backtest = mrt.Backtest(BARS, RULE, store=mrt.FeatureStore(memory=memory))
    return mrt.optimize(backtest, SPACE, trials=trials, transition=transition, seed=5)


def log_of(study) -> dict:
    return study.to_pandas().to_dict("list") | {"stopped": study.stopped, "regions": study.regions}


@pytest.fixture(scope="module", params=["moving", "peak"])
def whole(request):
    return request.param, log_of(search(request.param))


@settings(max_examples=12)
@given(
    sizes=st.lists(st.integers(1, 200), min_size=1, max_size=6),
    memory=st.sampled_from(["4 KiB", "20 KiB", "64 KiB", "300 KiB", "64 MiB"]),
)
def test_batch_sizes_and_the_stores_limit_change_no_trial(whole, sizes, memory):
    transition, expected = whole
    turns = iter(range(10**6))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "_FIRST_BATCH", sizes[0])
        patch.setattr(loop, "next_size", lambda *_: sizes[next(turns) % len(sizes)])
        assert log_of(search(transition, memory)) == expected


@given(size=st.integers(1, 10**6), seconds=st.floats(1e-7, 1e3), share=st.floats(0.01, 1.0))
def test_the_next_batch_is_to_take_a_fifth_of_a_second(size, seconds, share):
    done = max(1, int(size * share))
    found = loop.next_size(size, done, seconds)
    wanted = done * 0.2 / seconds
    assert found >= 1
    assert size // 16 - 1 <= found <= max(16 * size, 8)
    if size / 16 <= wanted <= 16 * size and wanted >= 8:
        assert found == pytest.approx(wanted, abs=1)


def test_a_hundred_searches_leave_memory_as_it_was():
    def resident() -> float:
        gc.collect()
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024

    if not Path("/proc/self/status").exists():
        pytest.skip("resident memory is read from /proc")
    for _ in range(25):
        search("moving", trials=40)
    before = resident()
    for _ in range(75):
        search("moving", trials=40)
    assert resident() - before < 4.0  # MiB; a study with its features is 0.5
