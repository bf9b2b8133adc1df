"""A flipped bit, a file cut short or gone, anywhere in a store: never a wrong value, a warning, and healed on disk."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from crash_workers import nodes_of
from feature_makers import flip_bit
from store_checker import Feature, bars_of, fresh, make_channel, problems, small_chunks

from mrtoolkit.features import FeatureStore
from mrtoolkit.indicators import registry

FEATURES: list[Feature] = [("ema", (3,)), ("ema", (5,)), ("ema_of_rsi", (2, 3)), ("crash_channel", (2,))]
SHORT, LONG, LONGER = 150, 200, 230


@pytest.fixture(autouse=True)
def small(monkeypatch):
    small_chunks(monkeypatch.setattr)
    monkeypatch.setattr("mrtoolkit.features.costs._MARGIN", np.inf)  # read what is there, however cheap it is
    make_channel()
    yield
    registry._entries.pop("crash_channel", None)


def test_no_feature_goes_on_from_the_state_of_one_that_was_never_committed(tmp_path, monkeypatch):
    path = tmp_path / "s.zarr"
    FeatureStore(path).compute_batch(bars_of(SHORT), nodes_of([("ema", (3,))]))
    with monkeypatch.context() as patch:
        patch.setattr("mrtoolkit.features.publish.write_labels", _killed)
        with pytest.raises(KeyboardInterrupt):
            FeatureStore(path).compute_batch(bars_of(SHORT), nodes_of([("ema", (5,))]))
    computed = FeatureStore().compute_batch(bars_of(SHORT), nodes_of([("ema", (7,))]))
    assert FeatureStore(path).cache_to_disk(computed) == 1  # a Dataset brings no states
    FeatureStore(path).append(bars_of(LONG))
    assert problems(path, {LONG: {("ema", (3,)), ("ema", (7,))}}) == []


def _killed(*given: object) -> None:
    raise KeyboardInterrupt
