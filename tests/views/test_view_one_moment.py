"""A figure of a search that goes on is of one moment: it reads the growing study once."""

import numpy as np
import pytest

import mrtoolkit as mrt
from mrtoolkit.search.trial_log import TrialLog, TrialRows

VIEWS = mrt.views
N_TRIALS = 110  # of the textbook
FIGURES = (
    "convergence", "convergence_data", "regions", "regions_data", "points_data", "zooms", "heatmap", "heatmap_data",
    "overview", "parallel", "parallel_data", "slices", "plateau_and_peak", "plateau_and_peak_data", "importance",
)  # fmt: skip


class BusyLog(TrialLog):
    """A log that another thread adds a trial to whenever somebody looks at where the trials are, or at their values."""

    @property
    def codes(self):
        found = super().codes
        self._add()
        return found

    @property
    def value(self):
        found = super().value
        self._add()
        return found

    def _add(self):
        value = np.array([-100.0])
        self.append(TrialRows(
            codes=np.array([[self._size % 8, self._size // 8]]), level=np.array([0]), region=np.array([0]),
            value=value, feasible=np.array([True]), metrics={"sharpe": value}, blocks={},
        ))  # fmt: skip


@pytest.fixture
def busy(study):
    rows = study.log.rows
    study.log = BusyLog(study.space, study.direction, ("sharpe",))
    study.log.append(rows)
    return study


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_of_one_moment(name, busy):
    assert getattr(VIEWS, name)(busy) is not None
    assert len(busy) == N_TRIALS  # nobody looked at what may grow


def test_a_slice_is_of_one_moment(busy):
    assert len(VIEWS.slices_data(busy, "fast")) == len(busy) == N_TRIALS


def test_a_report_is_of_one_moment(busy, tmp_path):
    mrt.report(busy, tmp_path / "report.html")
    assert len(busy) == N_TRIALS
