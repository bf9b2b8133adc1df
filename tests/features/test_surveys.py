"""What is found of features while they are made is what a look through them finds."""

import gc

import numpy as np
import pytest

from mrtoolkit.features import surveys
from mrtoolkit.features.evaluate import compute_rows
from mrtoolkit.features.surveys import survey_of
from mrtoolkit.indicators.momentum import rsi
from mrtoolkit.indicators.trend import ema, sma

N_BARS = 10_000  # so many that features lie side by side in one memory
LOOKBACKS = [2, 3, 5, 8, 12, 30, 100, 9_999, 10_000, 10_001]


def series(kind: str) -> np.ndarray:
    rng = np.random.default_rng(7)
    values = 100.0 + np.cumsum(rng.normal(size=N_BARS))
    if kind == "begins late":
        values[:777] = np.nan
    elif kind == "with a gap":
        values[5_000] = np.nan
    elif kind == "infinite once":
        values[5_000] = np.inf
    elif kind == "too large":
        values[4_000:4_010] = np.where(np.arange(10) % 2, 1.7e308, -1.7e308)
    elif kind == "nothing":
        values[:] = np.nan
    return values[None]


def made(indicator, source):
    parameters = np.array(LOOKBACKS, dtype=float)[:, None]
    slabs = list(compute_rows(indicator, [source], parameters, source.shape))
    return [slab.pop()[0] for slab in slabs for _ in range(len(slab))]


@pytest.mark.parametrize("indicator", [ema, sma, rsi], ids=lambda indicator: indicator.name)
@pytest.mark.parametrize(
    "kind", ["whole", "begins late", "with a gap", "infinite once", "too large", "nothing"], ids=str
)
def test_what_is_noted_of_features_is_what_numpy_finds(indicator, kind):
    rows = made(indicator, series(kind))
    assert len(rows) == len(LOOKBACKS)
    for row in rows:
        known = surveys._known[id(row)]
        missing = np.isnan(row[0])
        first = N_BARS if missing.all() else int(np.argmin(missing))
        assert known() is row
        assert survey_of(row) is known.found
        assert known.found.first.tolist() == [first]
        assert known.found.whole == (not missing[first:].any())
        assert known.found.address == row.ctypes.data


def test_averages_of_whole_prices_are_known_to_be_whole_without_a_look(monkeypatch):
    seen = []
    real = surveys.survey_rows
    monkeypatch.setattr(surveys, "survey_rows", lambda *given: (seen.append(given[1]), real(*given)))
    made(ema, series("whole"))
    made(ema, series("with a gap"))
    made(rsi, series("whole"))
    assert seen == [True, False, False]


def test_a_feature_that_is_gone_is_forgotten_and_one_that_may_change_is_looked_through_anew():
    (row, *_) = made(ema, series("whole"))
    place = id(row)
    assert place in surveys._known
    del row, _
    gc.collect()
    assert place not in surveys._known
    values = np.arange(100.0)[None].copy()
    assert survey_of(values).whole
    values[0, 50] = np.nan
    assert not survey_of(values).whole
