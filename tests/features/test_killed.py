"""`kill -9` at any moment: what was committed stays, nothing half written is seen, and every value is right."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator

import pytest
from crash_workers import FIRST, LENGTHS, Server, acknowledged, nodes_of, steps
from oracles.long_form import IS_LONG
from store_checker import bars_of, by_families, problems

from mrtoolkit.features import FeatureStore

N_KILLS = 1_000 if IS_LONG else 20
ROUNDS_PER_STORE = 5 if IS_LONG else 2  # so that the short form comes to a store that is pruned, too


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


pytestmark = pytest.mark.usefixtures("small_chunks_and_channel")


def test_killed_writers_leave_a_store_that_is_whole_and_has_all_they_committed(tmp_path, server):
    n_killed = 0
    for k in itertools.count():
        path, log = tmp_path / f"{k}.zarr", tmp_path / f"{k}.log"
        log.mkdir()
        jobs = ["add", "add", "append", *(["prune"] if k % 2 else [])]
        for r in range(ROUNDS_PER_STORE):
            lengths = LENGTHS[2 * r : 2 * r + 4]
            done = server.run(path, log, jobs, seed=100 * k + r, lengths=lengths, seconds=0.5)
            n_killed += done["killed"]
            assert done["failed"] == []
            assert problems(path, acknowledged(log), was_pruned=k % 2 == 1) == [], (k, r)
            FeatureStore(path).append(bars_of(LENGTHS[2 * r + 4]))  # the states that are there lead to right values
            assert problems(path, {}, looks=(by_families,)) == [], (k, r)
            if n_killed >= N_KILLS:
                return
        shutil.rmtree(path)


def test_a_writer_killed_at_each_step_leaves_a_store_that_is_whole(tmp_path, server):
    begun = tmp_path / "begun.zarr"
    FeatureStore(begun).compute_batch(bars_of(120), nodes_of(FIRST))
    for n in itertools.count(0, 1 if IS_LONG else 29):
        path, log = tmp_path / f"{n}.zarr", tmp_path / f"{n}.log"
        shutil.copytree(begun, path)
        log.mkdir()
        done = server.run(path, log, ["steps"], seed=0, lengths=[120, 200], seconds=0, again=False, die_at=n)
        assert done["failed"] == []
        known = {120: set(FIRST)}
        for n_bars, features in acknowledged(log).items():
            known.setdefault(n_bars, set()).update(features)
        assert problems(path, known, was_pruned=(log / "pruned").exists()) == [], n
        (log / "again").mkdir()
        steps(path, log / "again", None, [120, 200])
        assert problems(path, acknowledged(log / "again"), was_pruned=True) == [], n
        assert list(path.rglob("*.partial")) == []
        shutil.rmtree(path)
        if (log / "done").exists():
            break
    assert n > 90


def test_the_same_check_finds_fault_with_plain_writers_that_are_killed(tmp_path, server):
    for k in range(40):
        path, log = tmp_path / f"{k}.zarr", tmp_path / f"{k}.log"
        log.mkdir()
        done = server.run(path, log, ["plain"], seed=k, lengths=[120], seconds=1.0 if k else 0, again=False)
        assert done["failed"] == []
        found = problems(path, acknowledged(log), looks=(by_families,))
        assert not (found and k == 0), found  # one that was left to end is fine
        if found:
            return
    pytest.fail("the check finds no fault with a writer that must have left some")


def test_the_same_check_finds_fault_with_writers_without_a_lock(tmp_path, server):
    for k in range(20):
        path, log = tmp_path / f"{k}.zarr", tmp_path / f"{k}.log"
        log.mkdir()
        how = {"seed": k, "lengths": [120], "seconds": 1.0, "again": False, "is_locked": False}
        if server.run(path, log, ["add"] * 4, **how)["failed"] or problems(path, acknowledged(log)):
            return
    pytest.fail("the check finds no fault with writers that must have got into each other's way")
