"""A flipped bit, a file cut short or gone, anywhere in a store: never a wrong value, a warning, and healed on disk."""

from __future__ import annotations

import functools
import json
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
from crash_workers import nodes_of
from feature_makers import flip_bit, make_bars
from oracles.long_form import IS_LONG
from store_checker import Feature, bars_of, by_families, fresh, make_channel, node_of, problems, small_chunks

from mrtoolkit.errors import StoreError
from mrtoolkit.features import FeatureStore
from mrtoolkit.features.disk import tree
from mrtoolkit.features.disk.files import read_into
from mrtoolkit.features.faults import DamagedFeatureWarning

FEATURES: list[Feature] = [("ema", (3,)), ("ema", (5,)), ("ema_of_rsi", (2, 3)), ("crash_channel", (2,))]
SHORT, LONG, LONGER = 150, 200, 230


pytestmark = pytest.mark.usefixtures("small_chunks_and_channel", "reads_what_is_there")


def test_no_feature_goes_on_from_the_state_of_one_that_was_never_committed(tmp_path, monkeypatch):
    path = tmp_path / "s.zarr"
    FeatureStore(path).compute_batch(bars_of(SHORT), nodes_of([("ema", (3,))]))
    with monkeypatch.context() as patch:
        patch.setattr("mrtoolkit.features.disk.publish.write_labels", _killed)
        with pytest.raises(KeyboardInterrupt):
            FeatureStore(path).compute_batch(bars_of(SHORT), nodes_of([("ema", (5,))]))
    computed = FeatureStore().compute_batch(bars_of(SHORT), nodes_of([("ema", (7,))]))
    assert FeatureStore(path).cache_to_disk(computed) == 1  # a Dataset brings no states
    FeatureStore(path).append(bars_of(LONG))
    assert problems(path, {LONG: {("ema", (3,)), ("ema", (7,))}}) == []


CHANGES = ["first bit", "middle bit", "last bit", "cut", "gone"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A store of two data sets, one extending the other, with many chunks."""
    with pytest.MonkeyPatch.context() as patch:
        small_chunks(patch.setattr)
        make_channel()
        path = tmp_path_factory.mktemp("whole") / "s.zarr"
        FeatureStore(path).compute_batch(bars_of(SHORT), nodes_of(FEATURES))
        FeatureStore(path).append(bars_of(LONG))
    return path


def kind_of(file: Path) -> str:
    if len(file.parts) < 4:
        return ("store", "data set", "family")[len(file.parts) - 1]
    if file.name == "zarr.json":
        return "array"
    return file.parts[2] if file.parts[2] in ("time", "state") else "values or labels"


def test_a_damaged_file_is_found_named_and_never_used_and_healed_by_who_computes_it_again(tmp_path, whole):
    files = [file.relative_to(whole) for file in sorted(whole.rglob("*")) if file.is_file() and file.stat().st_size]
    seen = set()
    for k, file in enumerate(files):
        kind = kind_of(file)
        is_rare = kind not in seen and kind != "array"
        seen.add(kind)
        for how in CHANGES if IS_LONG or is_rare else [CHANGES[k % 5]] if k % 8 == 0 else []:
            path = tmp_path / "s.zarr"
            shutil.copytree(whole, path)
            damage(path / file, how)
            assert faults(path, file) == [], (file, how)
            shutil.rmtree(path)
    assert seen == {"store", "data set", "family", "array", "time", "state", "values or labels"}


def damage(file: Path, how: str) -> None:
    if how == "gone":
        file.unlink()
    elif how == "cut":
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    else:
        flip_bit(file, {"first bit": 0, "middle bit": file.stat().st_size // 2, "last bit": -1}[how], 3)


def faults(path: Path, file: Path) -> list[str]:
    """Return what goes wrong in a store with a damaged file."""
    found, kind = [], kind_of(file)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if FeatureStore(path, persist="never").verify() and not (kind == "array" and _is_padding(path / file)):
            found.append("the check finds nothing")
        store = FeatureStore(path)
        for n_bars in (SHORT, LONG):
            for feature in [*FEATURES, ("rsi", (3,))]:
                node = node_of(feature)
                for output, want in fresh(n_bars, feature).items():
                    if store.array(bars_of(n_bars), node[output] if output else node).tobytes() != want.tobytes():
                        found.append(f"{feature} of {n_bars} bars is wrong")
            store.compute_batch(bars_of(n_bars), nodes_of(FEATURES))
        FeatureStore(path).append(bars_of(LONGER))
    named = [str(w.message) for w in caught if issubclass(w.category, DamagedFeatureWarning)]
    if kind not in ("array", "time", "store") and not any(_names(text, path, file) for text in named):
        found.append(f"no warning names it: {named}")
    if kind in ("array", "time", "state"):  # of the old data, where the longer ones have all that is needed
        found += [f"new: {text}" for text in problems(path, {}, looks=[functools.partial(by_families, n_bars=LONGER)])]
        FeatureStore(path).prune(["rsi", "ema", "ema_of_rsi", "crash_channel"], everything=True)
        FeatureStore(path).compute_batch(bars_of(SHORT), nodes_of(FEATURES))
        return found + problems(path, {SHORT: set(FEATURES)})
    return found + problems(path, {n_bars: set(FEATURES) for n_bars in (SHORT, LONG, LONGER)})


def _is_padding(file: Path) -> bool:
    """Whether only blanks behind an array's metadata were cut off."""
    family = json.loads((file.parent.parent / "zarr.json").read_text())
    recorded = family["consolidated_metadata"]["metadata"][file.parent.name]
    try:
        return json.loads(file.read_text()) == recorded
    except (OSError, ValueError):
        return False


def _names(text: str, path: Path, file: Path) -> bool:
    """Whether a message says which family, data set or store is damaged."""
    return str(path / file.parts[0]) in text and (len(file.parts) < 3 or file.parts[1] in text)


def test_the_same_check_fails_where_checksums_are_not_looked_at(tmp_path, whole, monkeypatch):
    (file, *_) = sorted(f.relative_to(whole) for f in whole.rglob("ema@*/ema/c/0/0"))
    path = tmp_path / "s.zarr"
    shutil.copytree(whole, path)
    damage(path / file, "middle bit")
    monkeypatch.setattr("mrtoolkit.features.disk.rows.read_checked", read_into)
    assert any("is wrong" in text for text in faults(path, file))


@pytest.mark.parametrize("how", CHANGES)
def test_a_damaged_name_of_an_asset_is_found_and_the_values_stay_right(tmp_path, how):
    path, bars, ema = tmp_path / "s.zarr", make_bars(100, assets=3), node_of(("ema", (3,)))
    FeatureStore(path).compute_batch(bars, [ema])
    (file,) = path.rglob("asset/c/0")
    damage(file, how)
    assert not FeatureStore(path).verify()
    np.testing.assert_array_equal(
        FeatureStore(path).array(bars, node_of(("ema", (3,)))), FeatureStore().array(bars, node_of(("ema", (3,))))
    )
    assert FeatureStore(path).open("ema", bars)["asset"].values.tolist() == bars["asset"].values.tolist()
    with pytest.raises(StoreError, match="asset"):  # and without the bars nothing else knows the names
        FeatureStore(path).open("ema")


def test_a_family_made_anew_after_damage_is_never_shown_with_rows_that_are_not_there_yet(tmp_path, monkeypatch):
    path = tmp_path / "s.zarr"
    FeatureStore(path).compute_batch(bars_of(SHORT), nodes_of([("ema", (3,)), ("ema", (5,))]))
    damage(next(path.rglob("lookback/c/0")), "first bit")
    with monkeypatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore", DamagedFeatureWarning)
        patch.setattr("mrtoolkit.features.disk.disk.Disk.refresh_tree", _killed)
        with pytest.raises(KeyboardInterrupt):
            FeatureStore(path).compute_batch(bars_of(SHORT), nodes_of([("ema", (7,))]))
    assert problems(path, {SHORT: {("ema", (7,))}}) == []


def test_a_store_that_another_process_is_just_making_is_opened(tmp_path, monkeypatch):
    path, looked = tmp_path / "s.zarr", []
    path.mkdir()
    (path / ".lock").touch()
    holds_only_a_lock = tree._holds_only_a_lock

    def look(folder):
        if not looked:
            looked.append(folder)
            with monkeypatch.context() as patch:
                patch.setattr("mrtoolkit.features.disk.tree._holds_only_a_lock", holds_only_a_lock)
                FeatureStore(path).compute_batch(bars_of(SHORT), nodes_of([("ema", (3,))]))
        return holds_only_a_lock(folder)

    monkeypatch.setattr("mrtoolkit.features.disk.tree._holds_only_a_lock", look)
    assert FeatureStore(path).load_features(bars_of(SHORT), "ema").sizes["ema_lookback"] == 1


def _killed(*given: object) -> None:
    raise KeyboardInterrupt
