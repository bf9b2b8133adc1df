"""A study whose file somebody deletes: the search writes it again and says so."""

from __future__ import annotations

import shutil
import time

import pytest

import mrtoolkit as mrt

SPACE = mrt.Space(x=mrt.Integer(0, 100), y=mrt.Integer(0, 100))


def slow(point):
    time.sleep(0.001)
    return -abs(point["x"] - 30) - point["y"]


def delete(path):
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
        path.with_name(f"{path.name}.log").unlink(missing_ok=True)


def until(condition, seconds=20.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize("name", ["study.zarr", "study.zarr.zip"])
def test_a_study_that_is_deleted_while_it_is_searched_is_written_again_and_that_is_said(tmp_path, name):
    path = tmp_path / name
    search = mrt.MultiResOptimizer(slow, SPACE, trials=4_000, study=path).start()
    try:
        until(lambda: len(search.study) > 60)
        assert search.progress().notice == ""
        search.pause()
        until(lambda: search.state == "paused")
        search.optimizer.saved._writer.wait()
        delete(path)
        search.resume()
        until(path.exists)
        until(lambda: "was deleted during the search and is written again" in search.progress().notice)
        n = len(search.study)
        assert len(mrt.load_study(path)) >= min(n, 60)
    finally:
        search.stop()
        search.wait(20)
    assert len(mrt.load_study(path)) == len(search.study)


def test_a_study_that_is_deleted_after_its_end_is_written_again_by_a_search_that_goes_on(tmp_path):
    path = tmp_path / "study.zarr"
    search = mrt.MultiResOptimizer(slow, SPACE, trials=50, study=path).start()
    search.wait(20)
    delete(path)
    search.more(20)
    assert len(search.wait(20)) == 70
    assert len(mrt.load_study(path)) == 70
    assert "study.zarr was deleted" in search.progress().notice
