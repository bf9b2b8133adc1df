"""How long `mrtoolkit demo` takes after an install (kernels not yet compiled), and the second time.

Long: `MRTOOLKIT_LONG=1`, or `python -m tests.benchmarks.test_demo_time` to print the seconds.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

FIRST, SECOND = 60.0, 15.0


def run_demo(folder: Path) -> float:
    """Seconds of one demo whose caches, store and report lie in a folder of its own."""
    environment = {
        **os.environ,
        "MRTOOLKIT_CACHE_DIR": str(folder / "cache"),
        "NUMBA_CACHE_DIR": str(folder / "numba"),
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]),
    }
    work = folder / "work"
    work.mkdir(exist_ok=True)
    start = time.perf_counter()
    command = [sys.executable, "-c", "from mrtoolkit.cli.app import main; main()", "demo"]
    done = subprocess.run(command, cwd=work, env=environment, capture_output=True, text=True, check=False, timeout=300)
    seconds = time.perf_counter() - start
    assert done.returncode == 0, done.stderr[-2_000:]
    return seconds


@pytest.mark.long
@pytest.mark.benchmark
def test_first_demo_ends_within_60_seconds_and_the_second_within_15(tmp_path):
    first, second = run_demo(tmp_path), run_demo(tmp_path)
    assert first < FIRST
    assert second < SECOND


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        print(f"first demo  {run_demo(Path(name)):6.1f} s (at most {FIRST:.0f})")
        print(f"second demo {run_demo(Path(name)):6.1f} s (at most {SECOND:.0f})")
