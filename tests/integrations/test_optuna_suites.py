"""The suites that Optuna ships for authors of samplers."""

import pytest

pytest.importorskip("optuna")
from optuna.samplers import RandomSampler
from optuna.testing.pytest_samplers import (
    BasicSamplerTestCase,
    MultiObjectiveSamplerTestCase,
    RelativeSamplerTestCase,
)

from mrtoolkit.integrations.optuna import MultiResSampler


class TestMultiResSampler(BasicSamplerTestCase, RelativeSamplerTestCase, MultiObjectiveSamplerTestCase):
    @pytest.fixture
    def sampler(self):
        return lambda: MultiResSampler(seed=0, warn_independent_sampling=False)


class TestWithAnotherIndependentSampler(BasicSamplerTestCase):
    @pytest.fixture
    def sampler(self):
        return lambda: MultiResSampler(seed=0, independent_sampler=RandomSampler(seed=1))
