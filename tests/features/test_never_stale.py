"""Nothing that was computed of other bars or by other code is ever shown, in memory or on disk, by any store."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import nbclient
import nbformat
import numba
import numpy as np
import pytest
from feature_makers import make_bars

import mrtoolkit as mrt
from mrtoolkit.data.bars import as_bars
from mrtoolkit.errors import StoreError
from mrtoolkit.features import FeatureStore
from mrtoolkit.indicators import registry
from mrtoolkit.indicators.source import hash_source


@pytest.fixture(autouse=True)
def always_read(monkeypatch):
    """On bars this few, computing is cheaper than reading."""
    monkeypatch.setattr("mrtoolkit.features.costs._MARGIN", np.inf)


@pytest.fixture
def cell():
    """Run the text of a notebook's cell; what it registers goes with the test."""
    known = set(registry._entries)
    namespace: dict[str, object] = {"__name__": "__main__", "np": np, "mrt": mrt}

    def run(text: str):
        exec(textwrap.dedent(text), namespace)
        return namespace["scaled"]

    yield run
    for name in set(registry._entries) - known:
        del registry._entries[name]


def changed_bars():
    bars = make_bars(200, assets=2)

    def with_value(name, place, factor):
        other = bars.copy(deep=True)
        other[name].values[place] *= factor
        return as_bars(other)

    stamps = bars["time"].values.copy()
    stamps[77] += np.timedelta64(1, "ns")
    return bars, {
        "a price in the middle": with_value("high", (100, 1), 1.0001),
        "the last price": with_value("high", (-1, 0), 1.0001),
        "a volume": with_value("volume", (50, 0), 2.0),
        "the time zone": as_bars(bars.assign_attrs(timezone="America/New_York")),
        "an asset's name": as_bars(bars.assign_coords(asset=np.array(["A0/..", "renamed"], dtype=object))),
        "a time stamp": as_bars(bars.assign_coords(time=stamps)),
        "a bar less": as_bars(bars.isel(time=slice(0, -1)).copy(deep=True)),
    }


def assert_nothing_is_known(store: FeatureStore, bars, node) -> None:
    """The store shows nothing of what it has for others."""
    assert store.peek(bars, node) is None
    for ask in (lambda: store.load_features(bars, node.name), lambda: store.open(node.name, bars)):
        with pytest.raises(StoreError):
            ask()


@pytest.mark.parametrize("change", list(changed_bars()[1]))
@pytest.mark.parametrize("on_disk", [False, True])
def test_other_bars_are_a_miss_in_every_store(tmp_path, change, on_disk):
    bars, others = changed_bars()
    other = others[change]
    path = tmp_path / "s.zarr" if on_disk else None
    store = FeatureStore(path)
    old = store.compute_batch(bars, [mrt.atr(5), mrt.rsi(9)])
    for asked in (store, FeatureStore(path)):
        before = asked.counters.computed
        assert_nothing_is_known(asked, other, mrt.atr(5))
        fresh = FeatureStore().array(other, mrt.atr(5))
        np.testing.assert_array_equal(FeatureStore(path, persist="never").array(other, mrt.atr(5)), fresh)
        np.testing.assert_array_equal(asked.array(other, mrt.atr(5)), fresh)
        assert asked.counters.computed == before + 1
        np.testing.assert_array_equal(asked.array(bars, mrt.atr(5)), old.atr[0])
    assert "high" not in change or not np.array_equal(fresh, old.atr[0])


def test_bars_changed_in_place_are_other_bars(tmp_path):
    bars = make_bars(200).copy(deep=True)
    store = FeatureStore(tmp_path / "s.zarr")
    store.compute_batch(bars, [mrt.highest(3)])
    bars["high"].values[50] *= 2
    bars["close"].values[50] = bars["high"].values[50]
    assert_nothing_is_known(store, bars, mrt.highest(3))
    np.testing.assert_array_equal(store.array(bars, mrt.highest(3)), FeatureStore().array(bars, mrt.highest(3)))


CELL = """
    RATE = {rate}

    def helper(values, lookback):
        return values * lookback * {factor}

    @mrt.indicator(lookback=(1, 50), warmup=0, version={version}{units})
    def scaled(close, lookback):
        return helper(close, lookback) * RATE {own}
"""
FIRST = {"rate": 1.0, "factor": 2.0, "version": 1, "own": "", "units": ""}
EDITS = {
    "its own line": ({"own": "* 3.0"}, 3.0),
    "a helper": ({"factor": 8.0}, 4.0),
    "a constant that it refers to": ({"rate": 5.0}, 5.0),
    "its version": ({"version": 2}, 1.0),
}


@pytest.mark.parametrize("edit", list(EDITS))
@pytest.mark.parametrize("on_disk", [False, True])
def test_other_code_is_a_miss_and_the_old_values_are_out_of_the_way(tmp_path, cell, edit, on_disk):
    bars, path = make_bars(200), tmp_path / "s.zarr" if on_disk else None
    close = bars["close"].values
    store = FeatureStore(path)
    scaled = cell(CELL.format(**FIRST))
    store.compute_batch(bars, [scaled([3, 4]), mrt.ema(3, of=scaled(3)), mrt.ema(5)])
    np.testing.assert_array_equal(store.array(bars, scaled(3)), close * 3 * 2.0)
    scaled = cell(CELL.format(**FIRST))
    assert store.peek(bars, scaled(3)) is not None, "the same cell again is the same code"
    changes, factor = EDITS[edit]
    scaled = cell(CELL.format(**{**FIRST, **changes}))
    outer = mrt.ema(3, of=scaled(3))
    for asked in (store, FeatureStore(path)):
        assert_nothing_is_known(asked, bars, scaled(3))
        assert asked.peek(bars, outer) is None
        if on_disk or asked is store:
            assert "ema" in asked.load_features(bars, ["ema"])
            assert "scaled" not in set(asked.matrix(bars).indicator.values.tolist())
    if on_disk:
        standings = {f.expression: f.standing for f in store.info().families}
        assert standings["scaled(P.lookback)"] == "old"
        assert standings["ema(P.lookback)"] == "today's"
    want = close * 3 * 2.0 * factor
    for asked in (store, FeatureStore(path)):
        np.testing.assert_allclose(asked.array(bars, scaled(3)), want, rtol=1e-15)
        np.testing.assert_array_equal(asked.array(bars, outer), FeatureStore().array(bars, outer))
    store.persist(bars)
    np.testing.assert_allclose(store.open("scaled", bars).scaled.sel(lookback=3), want, rtol=1e-15)
    np.testing.assert_allclose(store.load_features(bars, "scaled").scaled.squeeze(), want, rtol=1e-15)
    if on_disk:
        report = store.prune()
        assert sorted(one.expression for one in report.removed) == [
            "ema(P.lookback, of=scaled(P.scaled_lookback))",
            "scaled(P.lookback)",
        ]
        assert all(one.why.startswith("old code") for one in report.removed)
        left = FeatureStore(path)
        assert left.load_features(bars, ["scaled(3)", "ema(5)", outer.key]).sizes["time"] == 200
        assert left.counters.computed == 0


def test_code_that_comes_back_is_shown_again_and_not_what_was_written_last(tmp_path, cell):
    bars = make_bars(200)
    store = FeatureStore(tmp_path / "s.zarr")
    store.compute_batch(bars, [cell(CELL.format(**FIRST))(3)])
    store.compute_batch(bars, [cell(CELL.format(**{**FIRST, "rate": 7.0}))(3)])
    scaled = cell(CELL.format(**FIRST))
    want = bars["close"].values * 3 * 2.0
    for asked in (store, FeatureStore(tmp_path / "s.zarr")):
        np.testing.assert_array_equal(asked.open("scaled", bars).scaled.sel(lookback=3), want)
        np.testing.assert_array_equal(asked.load_features(bars, "scaled").scaled[0], want)
        np.testing.assert_array_equal(asked.array(bars, scaled(3)), want)
    assert asked.counters.computed == 0


@pytest.mark.parametrize(("first", "then"), [("float64", "float32"), ("float32", "float64")])
def test_another_dtype_is_a_miss_and_shows_nothing_of_the_other(tmp_path, first, then):
    bars = make_bars(200)
    FeatureStore(tmp_path / "s.zarr", dtype=first).compute_batch(bars, [mrt.ema(5)])
    store = FeatureStore(tmp_path / "s.zarr", dtype=then)
    assert_nothing_is_known(store, bars, mrt.ema(5))
    exact = FeatureStore().array(bars, mrt.ema(5))
    np.testing.assert_array_equal(store.array(bars, mrt.ema(5)), exact.astype(then))
    store.persist(bars)
    assert store.counters.computed == 1
    for dtype in (first, then):
        opened = FeatureStore(tmp_path / "s.zarr", dtype=dtype).open("ema", bars).ema
        assert opened.dtype == dtype
        np.testing.assert_array_equal(opened[0], exact.astype(dtype))
    assert store.prune().removed == ()


def test_an_indicator_edited_in_a_notebook_gives_its_new_values_in_it_and_in_the_next_one(tmp_path):
    head = f"""
        import sys
        sys.path[:0] = {[str(Path(__file__).parent), *sys.path]!r}
        import numpy as np, mrtoolkit as mrt
        from feature_makers import make_bars
        bars = make_bars(200)
        close = bars["close"].values
        store = mrt.FeatureStore({str(tmp_path / "s.zarr")!r})
    """
    use = "features = store.compute_batch(bars, [scaled([3, 4]), mrt.ema(5)])\nstore.counters.computed"
    check = "print(np.array_equal(features.scaled.sel(scaled_lookback=3), close * 3 * {factor} * {rate}))"
    edited = {**FIRST, "rate": 3.0}
    cells = [head, CELL.format(**FIRST), use, check.format(**FIRST)]
    cells += [CELL.format(**edited), use, check.format(**edited), "print(store.counters.computed)"]
    assert _printed(cells) == ["True", "True", "5"]  # two, the EMA, and two anew
    again = [head, CELL.format(**edited), use, check.format(**edited), "print(store.counters.computed)"]
    assert _printed(again) == ["True", "0"]


def _printed(cells: list[str]) -> list[str]:
    """What the cells of a notebook print, run from top to bottom in a kernel of its own."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(textwrap.dedent(text)) for text in cells])
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    outputs = [output for one in notebook.cells for output in one.outputs if output.output_type == "stream"]
    return [output.text.strip() for output in outputs if output.name == "stdout"]


@pytest.mark.parametrize(
    ("cell", "again", "factor"),
    [
        ("def helper(values): return 2 * values", "def helper(values): return 3 * values", 3),
        ("RATE = 2\ndef helper(values): return RATE * values", "RATE = 3", 3),
        ("RATES = [2]\ndef helper(values): return RATES[0] * values", "RATES[0] = 3", 3),
        ("RATES = np.array([2.0])\ndef helper(values): return RATES[0] * values", "RATES[0] = 3.0", 3),
    ],
)
def test_a_helper_s_cell_run_again_by_itself_is_a_miss(tmp_path, cell, again, factor):
    """The indicator's own cell is not run again, so nothing is registered again."""
    space = {"__name__": "__main__", "np": np}
    exec(cell, space)
    exec("def alone(close, lookback): return helper(close)", space)
    alone = mrt.indicator(lookback=(1, 50), warmup=0)(space["alone"])
    try:
        bars = make_bars()
        store = FeatureStore(tmp_path / "s.zarr")
        store.compute_batch(bars, [alone(5)])
        np.testing.assert_array_equal(store.array(bars, alone(5)), 2 * bars["close"].values)
        exec(again, space)
        for one in (store, FeatureStore(tmp_path / "s.zarr")):
            np.testing.assert_array_equal(one.array(bars, alone(5)), factor * bars["close"].values)
    finally:
        registry._entries.pop("alone", None)


def test_what_numba_has_compiled_keeps_its_name_as_it_keeps_its_helpers():
    space = {"__name__": "__main__", "numba": numba}
    exec("RATE = 2.0\n@numba.njit\ndef compiled(close, lookback): return RATE * close", space)
    before = hash_source(space["compiled"])
    space["RATE"] = 3.0
    assert hash_source(space["compiled"]) == before
