"""A disk that is full, or that nobody may write to: a search goes on in memory, and the store is as it was."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import warnings

import numpy as np
import pytest
from crash_workers import nodes_of
from oracles.long_form import IS_LONG
from store_checker import Feature, bars_of, by_families, problems

import mrtoolkit as mrt
from mrtoolkit.errors import StoreError
from mrtoolkit.features import FeatureStore
from mrtoolkit.features.disk import files
from mrtoolkit.features.faults import StoreWriteWarning

FIRST: list[Feature] = [("ema", (3,)), ("ema_of_rsi", (2, 3)), ("crash_channel", (2,))]
MORE: list[Feature] = [("ema", (4,)), ("sma", (5,))]
SHORT, LONG = 150, 200


pytestmark = pytest.mark.usefixtures("small_chunks_and_channel")


@pytest.fixture
def begun(tmp_path):
    path = tmp_path / "begun.zarr"
    FeatureStore(path).compute_batch(bars_of(SHORT), nodes_of(FIRST))
    return path


def compute(path):
    return FeatureStore(path).compute_batch(bars_of(SHORT), nodes_of(MORE))


def append(path):
    return FeatureStore(path).append(bars_of(LONG))


def cache(path):
    return FeatureStore(path).cache_to_disk(FeatureStore().compute_batch(bars_of(SHORT), nodes_of(MORE)))


def prune(path):
    return FeatureStore(path).prune("ema", everything=True)


def export(path):
    return FeatureStore(path).export_parquet(path.with_suffix(".parquet"), bars_of(SHORT))


WHAT = {"compute": compute, "append": append, "cache": cache, "prune": prune, "export": export}


def refuse(patch, error, n_allowed):
    """Have every change of the disk after the first few fail."""
    left = n_allowed

    def limited(change):
        def changing(*given, **named):
            nonlocal left
            left -= 1
            if left < 0:
                raise error
            return change(*given, **named)

        return changing

    for name in ("replace", "rename", "link", "mkdir"):
        patch.setattr(os, name, limited(getattr(os, name)))
    patch.setattr(files, "write_parts", limited(files.write_parts))
    return lambda: left < 0


@pytest.mark.parametrize("what", list(WHAT))
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), PermissionError(13, "Permission denied")])
def test_whichever_write_is_refused_the_store_is_as_it_was(tmp_path, monkeypatch, begun, what, error):
    for n in range(0, 400, 1 if IS_LONG else 4):
        path = tmp_path / f"{n}.zarr"
        shutil.copytree(begun, path)
        with monkeypatch.context() as patch, warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            was_refused, said = refuse(patch, error, n), error.strerror
            try:
                result = WHAT[what](path)
            except StoreError as refusal:
                said, result = str(refusal), None
        assert error.strerror in said
        if was_refused() and result is not None and what in ("compute", "append"):
            assert any(w.category is StoreWriteWarning and error.strerror in str(w.message) for w in caught), n
        kept = {("ema_of_rsi", (2, 3)), ("crash_channel", (2,))} if what == "prune" else set(FIRST)
        assert problems(path, {SHORT: kept}, looks=() if IS_LONG or n % 5 == 0 else (by_families,)) == [], n
        shutil.rmtree(path)
        if not was_refused():
            return
    pytest.fail("it never came to an end")


def test_a_limit_on_the_size_of_files_that_the_system_enforces_is_such_a_refusal(tmp_path, begun):
    pid = os.fork()
    if pid == 0:
        try:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (400, 400))
            with pytest.warns(StoreWriteWarning, match="too large"):
                found = FeatureStore(begun).compute_batch(bars_of(SHORT), nodes_of([("ema", (9,))]))
            np.testing.assert_array_equal(found["ema"][0], FeatureStore().array(bars_of(SHORT), mrt.ema(9)))
            with pytest.raises(StoreError, match="too large"):
                cache(begun)
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert problems(begun, {SHORT: set(FIRST)}) == []
