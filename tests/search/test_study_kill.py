"""A search killed at any moment goes on to the identical trials, whatever it was writing and with how many workers."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import killing
import pytest
from oracles.long_form import IS_LONG

from mrtoolkit.search.loading import load_study

PROGRAM = Path(killing.__file__)
ENVIRONMENT = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
@pytest.mark.parametrize(("name", "step"), [("s.zarr", 13), ("s.zarr.zip", 5)])
def test_killed_between_any_two_operations_on_files(tmp_path, name, step):
    words = [sys.executable, PROGRAM, str(tmp_path), name, "0", "1" if IS_LONG else str(step)]
    done = subprocess.run(words, env=ENVIRONMENT, capture_output=True, text=True, timeout=600)
    assert done.stderr == ""
    *wrong, kills = done.stdout.strip().split("\n")
    assert wrong == []
    assert int(kills.split()[1]) > 3


def _processes_of(path):
    """Return which processes have `path` in their environment, once they had the time to end."""
    for _ in range(200):
        found = []
        for entry in Path("/proc").glob("[0-9]*/environ"):
            try:
                found += [entry.parent.name] if f"KILLED={path}".encode() in entry.read_bytes() else []
            except OSError:
                continue
        if not found:
            return []
        time.sleep(0.05)
    return found


@pytest.mark.parametrize("workers", [1, 2])
def test_killed_at_random_moments(tmp_path, workers):
    wanted = killing.text_of(killing.search())
    path, log, seed = tmp_path / "s.zarr", tmp_path / "log.txt", 7
    rng = random.Random(seed)
    n_kills = 0
    for _ in range(60 if IS_LONG else 2):
        words = ["--search", str(path), str(workers), str(log)]
        running = subprocess.Popen([sys.executable, PROGRAM, *words], env=ENVIRONMENT | {"KILLED": str(path)})
        while not path.exists() and running.poll() is None:  # its first batch is written
            time.sleep(0.002)
        time.sleep(rng.uniform(0, 0.3))
        n_kills += running.poll() is None
        running.send_signal(signal.SIGKILL)
        running.wait(60)
        if path.exists():
            left = load_study(path).to_pandas().to_csv().split("\n")
            assert left[:-1] == wanted.split("\n")[: len(left) - 1]
        if log.exists():  # it was quicker: begin anew
            assert log.read_text() == wanted
            log.unlink()
            for entry in sorted(path.rglob("*"), reverse=True):
                entry.rmdir() if entry.is_dir() else entry.unlink()
            path.rmdir()
    assert workers == 1 or not _processes_of(path)
    subprocess.run([sys.executable, PROGRAM, *words], env=ENVIRONMENT, check=True, timeout=300)
    assert log.read_text() == wanted
    assert n_kills > 0


@pytest.mark.parametrize("name", ["s.zarr", "s.zarr.zip"])
def test_killed_after_each_batch_and_gone_on_with(tmp_path, name):
    """Each run makes one batch more than was left: eleven kills on the way to one study."""
    wanted = killing.text_of(killing.search())
    program = (
        "import os, sys, killing\n"
        "from mrtoolkit.search.events import BatchDone\n"
        "from mrtoolkit.search import resume\n"
        "add = resume.SavedTrials.add\n"
        "def then_die(self):\n"
        "    add(self); self._writer.wait(); os.kill(os.getpid(), 9)\n"
        "killing.search()\n"  # loads what each child would load anew, for a second
        "resume.SavedTrials.add = then_die\n"
        "for _ in range(30):\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        killing.search(sys.argv[1]); os._exit(0)\n"
        "    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != -9: break\n"
        "    print('killed')\n"
    )
    words = [sys.executable, "-c", program, str(tmp_path / name)]
    done = subprocess.run(words, env=ENVIRONMENT, capture_output=True, text=True, timeout=300)
    assert done.stderr == ""
    assert done.stdout.count("killed") >= 8
    assert killing.text_of(load_study(tmp_path / name)) == wanted
