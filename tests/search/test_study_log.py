"""The log of a study that grows: appended, not written anew; its torn end dropped; one writer at a time; full disks."""

import json
import os
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from mrtoolkit.errors import StudyError
from mrtoolkit.expressions import P
from mrtoolkit.features.disk import files
from mrtoolkit.search import journal, loop
from mrtoolkit.search.dimensions import Integer, Real
from mrtoolkit.search.level import Level
from mrtoolkit.search.loading import load_study
from mrtoolkit.search.optimizer import MultiResOptimizer, optimize
from mrtoolkit.search.space import Space
from mrtoolkit.search.study_paths import journal_path
from mrtoolkit.search.study_writer import StudyWriter

CROSS = Space(fast=Real(5, 50, step=0.5), slow=Integer(20, 200), where=P.fast < P.slow)
LEVELS = [Level("all", labels=10)]
NAMES = ["s.zarr", "s.zarr.zip"]


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    monkeypatch.setattr(loop, "_FIRST_BATCH", 10)
    monkeypatch.setattr(loop, "next_size", lambda *_: 10)


def begun(evaluator, path, n_batches):
    """Return an optimizer whose search is left after so many batches, all of them written."""
    optimizer = MultiResOptimizer(evaluator, CROSS, levels=LEVELS, study=path)
    for _ in range(n_batches):
        points = optimizer.ask(10)
        optimizer.tell(points, optimizer.evaluator.evaluate(points))
    optimizer.saved._writer.wait()
    return optimizer


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_is_appended_and_nothing_else_is_written(cross, tmp_path, name):
    path = tmp_path / name
    optimizer = begun(cross, path, 1)
    log = journal_path(path)
    assert not log.exists()
    before = {file: file.stat().st_mtime_ns for file in (*tmp_path.rglob("zarr.json"), *tmp_path.glob("*.zip"))}
    sizes = []
    for _ in range(4):
        points = optimizer.ask(10)
        optimizer.tell(points, optimizer.evaluator.evaluate(points))
        optimizer.saved._writer.wait()
        sizes.append(log.stat().st_size)
    assert {file: file.stat().st_mtime_ns for file in before} == before
    assert len(set(np.diff(sizes))) <= 2  # as many bytes for each batch, but for a digit
    assert len(load_study(path)) == 50
    assert load_study(path).trials.identical(optimizer.study.trials)


def test_the_search_does_not_wait_for_what_is_written_behind_it(cross, tmp_path, monkeypatch):
    written, append = threading.Event(), journal.Journal.append

    def slowly(self, rows, said):
        written.wait(20)
        append(self, rows, said)

    monkeypatch.setattr(journal.Journal, "append", slowly)
    optimizer = begun(cross, tmp_path / "s.zarr", 1)
    points = optimizer.ask(10)
    optimizer.tell(points, cross.evaluate(points))  # returns, though nothing is written
    assert len(load_study(tmp_path / "s.zarr")) == 10
    written.set()
    optimizer.saved._writer.wait()
    assert len(load_study(tmp_path / "s.zarr")) == 20


@pytest.mark.parametrize("name", NAMES)
def test_a_log_cut_off_anywhere_is_read_up_to_its_last_whole_batch(make_cross, tmp_path, name):
    path = tmp_path / name
    begun(make_cross(), path, 4)  # and left as a kill would leave it
    whole = optimize(make_cross(), CROSS, levels=LEVELS)
    log = journal_path(path)
    data = log.read_bytes()
    for length in [*range(0, len(data), 97), len(data) - 1]:
        log.write_bytes(data[:length])
        n_trials = len(load_study(path))
        assert n_trials in (10, 20, 30)
        assert load_study(path).to_pandas().equals(whole.to_pandas().iloc[:n_trials])
    for place in range(3, len(data), 211):
        log.write_bytes(data[:place] + bytes([data[place] ^ 255]) + data[place + 1 :])
        assert len(load_study(path)) in (10, 20, 30)
    log.write_bytes(data[:-7])
    study = optimize(make_cross(), CROSS, levels=LEVELS, study=path)
    assert study.to_pandas().equals(whole.to_pandas())
    assert load_study(path).trials.identical(whole.trials)
    assert not log.exists()


def record(head, columns=b""):
    lengths = struct.pack("<QQ", len(head), len(columns))
    return b"MRTL" + lengths + files.crc32c([lengths, head, columns]) + head + columns


@pytest.mark.parametrize(
    "head",
    [
        {"columns": [["codes", "", [10**15, 2]]], "said": {}},
        {"columns": [["codes", "", [-1]]], "said": {}},
        {"columns": [["../../x", "", [0, 2]]], "said": {}},
        {"columns": 7, "said": {}},
        {"columns": [], "said": {}},
        {"said": {}},
        [],
        "no JSON",
    ],
)
def test_a_log_that_nobody_wrote_is_refused(cross, tmp_path, head):
    path = tmp_path / "s.zarr"
    optimize(cross, CROSS, levels=LEVELS).save(path)
    commit = json.loads((path / "zarr.json").read_text())["attributes"]["commit"]
    text = head.encode() if isinstance(head, str) else json.dumps(head).encode()
    journal_path(path).write_bytes(record(json.dumps({"commit": commit}).encode()) + record(text))
    with pytest.raises(StudyError, match="damaged"):
        load_study(path)


def test_a_log_of_another_study_is_not_read(make_cross, tmp_path):
    begun(make_cross(), tmp_path / "a.zarr", 3)
    study = optimize(make_cross(), CROSS, levels=LEVELS)
    study.save(tmp_path / "b.zarr")
    journal_path(tmp_path / "b.zarr").write_bytes(journal_path(tmp_path / "a.zarr").read_bytes())
    assert load_study(tmp_path / "b.zarr").trials.identical(study.trials)


def program(path, seconds):
    return (
        "import sys, time, mrtoolkit as mrt\n"
        "def value(p):\n"
        f"    time.sleep({seconds}); return p['x']\n"
        f"mrt.optimize(value, mrt.Space(x=mrt.Integer(0, 30)), study={str(path)!r})\n"
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_second_process_is_told_which_one_has_the_study_and_takes_over_when_that_was_killed(tmp_path, name):
    path, home = tmp_path / "new" / name, Path(__file__).parents[2]
    script = tmp_path / "script.py"
    script.write_text(program(path, 0.3))
    environment = os.environ | {"PYTHONPATH": str(home)}
    running = subprocess.Popen([sys.executable, script], env=environment)
    lock = path.with_name(f".{name}.lock")
    while not (lock.exists() and lock.read_text()) and running.poll() is None:
        time.sleep(0.01)
    with pytest.raises(StudyError, match=f"is being searched by process {running.pid}; wait"):
        optimize(lambda p: p["x"], Space(x=Integer(0, 30)), study=path)
    with pytest.raises(StudyError, match="is being searched by process"):
        optimize(lambda p: p["x"], Space(x=Integer(0, 30))).save(path)
    running.kill()
    running.wait(20)
    assert lock.exists()  # of a process that is dead
    optimize(lambda p: p["x"], Space(x=Integer(0, 30))).save(path)
    assert len(load_study(path)) == 31
    assert [entry.name for entry in path.parent.iterdir()] == [name]


def test_two_searches_of_one_process_on_one_path(make_cross, tmp_path):
    path = tmp_path / "s.zarr"
    first = begun(make_cross(), path, 3)
    errors = []

    def look(event):
        if not errors:
            with pytest.raises(StudyError, match="is being searched by this process") as caught:
                MultiResOptimizer(make_cross(), CROSS, levels=LEVELS, study=path)
            errors.append(caught.value)

    words = {"levels": LEVELS, "study": path, "on_event": look}
    second = MultiResOptimizer(make_cross(), CROSS, **words)  # the first is idle: it takes over
    with pytest.raises(StudyError, match="another search of this process goes on with the study"):
        first.tell(first.ask(10), np.zeros(10))
    second.optimize()
    assert len(errors) == 1
    assert len(load_study(path)) == len(second.study)
    assert [entry.name for entry in tmp_path.iterdir()] == ["s.zarr"]


def test_what_is_told_after_the_end_is_kept_too(cross, tmp_path):
    optimizer = MultiResOptimizer(cross, CROSS, levels=LEVELS, study=tmp_path / "s.zarr")
    study = optimizer.optimize()
    n_trials = len(study)
    optimizer.tell({"fast": 5.5, "slow": 21}, cross.evaluate(study.space.decode(np.array([[1, 1]]))))
    assert len(load_study(tmp_path / "s.zarr")) == n_trials + 1
    optimize(cross, CROSS, trials=20).save(tmp_path / "s.zarr")
    with pytest.raises(StudyError, match="was changed by another search"):
        optimizer.tell({"fast": 5.5, "slow": 22}, cross.evaluate(study.space.decode(np.array([[1, 2]]))))


@pytest.mark.parametrize("n_batches", [0, 1, 4])
@pytest.mark.parametrize("name", NAMES)
def test_a_full_disk_ends_the_search_and_loses_nothing(make_cross, tmp_path, monkeypatch, n_batches, name):
    path, whole = tmp_path / name, optimize(make_cross(), CROSS, levels=LEVELS)
    count = [0]

    def full(write):
        def writes(*words):
            count[0] += 1
            if count[0] > n_batches:
                raise OSError(28, "No space left on device")
            return write(*words)

        return writes

    with monkeypatch.context() as patch:
        patch.setattr(StudyWriter, "_write", full(StudyWriter._write))
        patch.setattr(journal.Journal, "append", full(journal.Journal.append))
        with pytest.raises(StudyError, match=f"the study at .*{name} could not be written .No space left on") as caught:
            optimize(make_cross(), CROSS, levels=LEVELS, study=path)
    kept = caught.value.study
    assert kept.to_pandas().equals(whole.to_pandas().iloc[: len(kept)])
    assert len(kept) >= 10 * n_batches
    if n_batches == 0:
        assert list(tmp_path.iterdir()) == []
    else:
        assert len(load_study(path)) == 10 * n_batches
    assert kept.save(tmp_path / "elsewhere.zip")
    assert optimize(make_cross(), CROSS, levels=LEVELS, study=path).trials.identical(whole.trials)
    assert load_study(path).trials.identical(whole.trials)


def test_a_write_that_fails_half_way_leaves_the_log_as_it_was(make_cross, tmp_path, monkeypatch):
    path = tmp_path / "s.zarr"
    optimizer = begun(make_cross(), path, 3)
    size = journal_path(path).stat().st_size
    points, write = optimizer.ask(10), journal.write_parts

    def half(file, parts):
        write(file, [b"".join(bytes(part) for part in parts)[:100]])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(journal, "write_parts", half)
        optimizer.tell(points, optimizer.evaluator.evaluate(points))
        with pytest.raises(StudyError, match="No space left"):
            optimizer.tell(optimizer.ask(10), optimizer.evaluator.evaluate(optimizer.ask(10)))
    assert journal_path(path).stat().st_size == size
    assert len(load_study(path)) == 30


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads the memory of this process")
def test_many_searches_in_one_process_take_no_more_memory_and_leave_no_thread(make_cross, tmp_path):
    def resident():
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def some(n):
        for i in range(n):
            optimize(make_cross(), CROSS, levels=LEVELS, study=tmp_path / f"{i % 3}.zarr")
            optimize(make_cross(), CROSS, levels=LEVELS)

    some(20)
    threads, before = threading.active_count(), resident()
    some(50)
    assert threading.active_count() <= threads
    assert resident() - before < 8e6
