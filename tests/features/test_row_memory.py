"""Memory for features: never given out twice, taken back with the last view of it, and returned to the system."""

import gc
import threading

import numpy as np
import pytest
from feature_makers import make_bars

import mrtoolkit as mrt
from mrtoolkit.features import FeatureStore, row_memory
from mrtoolkit.features.row_memory import SMALLEST, RowMemory

N = SMALLEST // 8 + 3  # values of a row, of no round size
pytestmark = pytest.mark.skipif(not row_memory._HAS_LARGE_PAGES, reason="rows are NumPy's own memory on this system")


def test_no_two_rows_share_a_byte_whatever_is_taken_and_left():
    rng = np.random.default_rng(0)
    memory = RowMemory(kept_bytes=20 * 8 * N)
    held: list[tuple[float, np.ndarray]] = []
    for mark in range(300):
        n_values = N + int(rng.integers(2)) * 1_000
        rows, together = memory.take(int(rng.integers(1, 9)), n_values)
        if together is not None:
            assert all(np.shares_memory(row, part) for row, part in zip(rows, together, strict=True))
        for k, row in enumerate(rows):
            row.fill(mark + k / 16)
            held.append((mark + k / 16, row))
        rng.shuffle(held)
        del rows, together, row, held[int(rng.integers(10, 40)) :]
        assert all((values == mark).all() for mark, values in held)
        assert memory.idle_bytes <= 20 * 8 * N
        assert memory.used_bytes == sum(values.nbytes for _, values in held)


def test_a_view_keeps_its_row():
    memory = RowMemory()
    (row,), _ = memory.take(1, N)
    row.fill(7.0)
    view = row.reshape(1, 1, N)[0, :, 5:][0]
    del row
    assert memory.used_bytes == 8 * N
    (other,), _ = memory.take(1, N)
    other.fill(8.0)
    assert (view == 7.0).all()
    del view
    assert memory.used_bytes == 8 * N
    assert memory.idle_bytes == 8 * N


def test_a_row_that_is_left_serves_the_next_one_of_its_size():
    memory = RowMemory()
    rows, together = memory.take(4, N)
    place = rows[2].ctypes.data
    del together
    rows[2] = rows[0]
    (again,), _ = memory.take(1, N)
    assert again.ctypes.data == place


def test_what_is_beyond_the_limit_goes_back_to_the_system():
    memory = RowMemory(kept_bytes=0)
    rows, together = memory.take(3, N)
    together.fill(1.0)
    del together
    rows.pop(1)
    assert memory.idle_bytes == 0
    rows[1:1], _ = memory.take(1, N)
    inside = rows[1][1024:-1024]  # the pages at its ends belong to its neighbours too
    assert not inside.any()
    assert (rows[0] == 1.0).all()
    assert (rows[2] == 1.0).all()
    del inside
    rows.clear()
    assert memory._slabs == {}


def test_rows_that_lie_apart_are_used_before_more_memory_is_taken():
    memory = RowMemory()
    rows, _ = memory.take(8, N)
    more, _ = memory.take(len(memory._slabs[8 * N][0].free) or 1, N)
    del rows[::2]
    apart, together = memory.take(3, N)
    assert together is None
    assert len(memory._slabs[8 * N]) == 1
    assert len({row.ctypes.data for row in rows + more + apart}) == len(rows) + len(more) + len(apart)


def test_threads_take_and_leave_rows_without_meeting():
    memory, wrong = RowMemory(kept_bytes=4 * 8 * N), []

    def work(seed: int) -> None:
        rng, held = np.random.default_rng(seed), []
        for _ in range(60):
            rows, _ = memory.take(int(rng.integers(1, 5)), N)
            for row in rows:
                row.fill(seed)
            held = [*held, *rows][-int(rng.integers(1, 9)) :]
            wrong.extend(1 for row in held if not (row == seed).all())

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert memory.used_bytes == 0


def test_features_that_a_store_lets_go_of_leave_their_memory_at_once(tmp_path):
    """Without Python's collector: rows in a cycle would stay until it happens to run."""
    bars, each = make_bars(20_000), 8 * 20_000
    before = row_memory.row_memory.used_bytes
    gc.disable()
    try:
        store = FeatureStore(memory=4 * each)
        nodes = [mrt.ema(k) for k in range(2, 62)]
        features = store.fetch(bars, nodes)
        assert row_memory.row_memory.used_bytes - before == 60 * each  # the caller has them
        del features
        assert row_memory.row_memory.used_bytes - before == 4 * each
        del store
        assert row_memory.row_memory.used_bytes == before
    finally:
        gc.enable()


@pytest.mark.parametrize("indicator", [mrt.ema, mrt.sma, mrt.rsi], ids=["ema", "sma", "rsi"])
def test_features_are_the_same_bits_side_by_side_apart_and_alone(indicator):
    bars, nodes = make_bars(9_000), [indicator(k) for k in range(2, 40)]
    want = [FeatureStore().fetch(bars, [node])[0].copy() for node in nodes]
    side_by_side = FeatureStore().fetch(bars, nodes)
    for got, expected in zip(side_by_side, want, strict=True):
        np.testing.assert_array_equal(got, expected)
    del got, side_by_side[::2]
    apart = FeatureStore().fetch(bars, nodes)
    for got, expected in zip(apart, want, strict=True):
        np.testing.assert_array_equal(got, expected)


def test_features_of_several_assets_take_their_rows_too():
    bars, nodes = make_bars(5_000, assets=3), [mrt.ema(k) for k in range(2, 12)]
    together = FeatureStore().fetch(bars, nodes)
    for node, got in zip(nodes, together, strict=True):
        assert got.shape == (3, 5_000)
        np.testing.assert_array_equal(got, FeatureStore().fetch(bars, [node])[0])
