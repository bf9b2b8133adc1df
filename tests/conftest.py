"""What every test shares: how the oracles are imported, how long the property tests run, a store that is thrown away.

`tests` holds no packages: pytest puts each test file's own folder on `sys.path` (file names are unique), and this file
puts `tests` there, so that `import naive` and `from oracles import naive_rules` find the plain loops of this folder.

Environment: `MRTOOLKIT_LONG=1` runs tests marked `long` and the property tests with many random examples (a
failure prints its blob); by default they are few and the same in every run. `MRTOOLKIT_BENCH=1` runs benchmarks at
full size.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

HERE = str(Path(__file__).parent)
if HERE not in sys.path:
    sys.path.insert(0, HERE)

from oracles.long_form import IS_LONG  # noqa: E402 (found by the line above)

_QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]
settings.register_profile("short", max_examples=25, deadline=None, derandomize=True, suppress_health_check=_QUIET)
settings.register_profile("long", max_examples=2_000, deadline=None, print_blob=True, suppress_health_check=_QUIET)
settings.load_profile("long" if IS_LONG else "short")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what takes minutes unless it was asked for."""
    if IS_LONG:
        return
    skip = pytest.mark.skip(reason="long: set MRTOOLKIT_LONG=1")
    for item in items:
        if item.get_closest_marker("long"):
            item.add_marker(skip)


@pytest.fixture
def rng() -> np.random.Generator:
    """The same random numbers in every run."""
    return np.random.default_rng(20_240_607)


@pytest.fixture
def store(tmp_path: Path):
    """A feature store on disk in the test's own folder."""
    from mrtoolkit.features import FeatureStore

    return FeatureStore(tmp_path / "features.zarr")
