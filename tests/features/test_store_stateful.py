"""Random histories of stores on one folder, with a plain dictionary as the model of what they have to know and say.

Two stores, opened anew at will, compute, read, append, prune, exchange Parquet files, are interrupted, killed and find
bits flipped. After each step every value is the model's to the bit; what the model knows to be on disk and whole is
found without computing; memory and disk keep to their limits.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import xarray as xr
from feature_makers import flip_bit, make_bars
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from oracles.long_form import IS_LONG

import mrtoolkit as mrt
from mrtoolkit.data.bars import as_bars
from mrtoolkit.errors import StoreError
from mrtoolkit.expressions.binding import bind
from mrtoolkit.expressions.nodes import Call, Node
from mrtoolkit.features import DamagedFeatureWarning, FeatureStore, StoreWriteWarning
from mrtoolkit.features import costs as costs_module
from mrtoolkit.features.disk import chunks as chunks_module
from mrtoolkit.features.disk import files as files_module
from mrtoolkit.features.family import Labels
from mrtoolkit.features.key import family_of, without_output
from mrtoolkit.indicators import registry
from mrtoolkit.indicators.parameter import IndicatorParameter
from mrtoolkit.indicators.spec import Indicator

LENGTHS = (40, 64, 75, 100)
USERS = "stateful_scaled"


def _make_histories() -> dict[tuple[str, int, bool], xr.Dataset]:
    found = {}
    for has_assets in (False, True):
        whole = make_bars(max(LENGTHS), assets=2 if has_assets else None)
        dearer = whole.copy(deep=True)
        dearer["high"].values[20] *= 1.01
        variants = {"plain": whole, "dearer": dearer, "Berlin": whole.assign_attrs(timezone="Europe/Berlin")}
        for name, bars in variants.items():
            for n_bars in LENGTHS:
                found[name, n_bars, has_assets] = as_bars(bars.isel(time=slice(0, n_bars)).copy(deep=True))
    return found


BARS = _make_histories()


def _edition(factor: float) -> Indicator:
    """The same indicator of the user's, its code edited: another factor."""

    def kernel(inputs, parameters, out):
        for k, (scale,) in enumerate(parameters):
            out[0, k] = inputs[0] * scale * factor
            out[1, k] = inputs[0] / scale * factor

    return Indicator(
        name=USERS,
        inputs=("high",),
        parameters=(IndicatorParameter(name="scale", low=1, high=9, integer=False),),
        outputs=("up", "down"),
        warmup=lambda scale: 0,
        kernel=kernel,
    )


EDITIONS = {1.0: _edition(1.0), 3.0: _edition(3.0)}


def _nodes() -> list[Node]:
    users = EDITIONS[1.0]
    return [
        mrt.ema(3), mrt.ema(5), mrt.ema(7.5), mrt.rsi(4), mrt.atr(6), mrt.sma(6), mrt.sma(30),
        mrt.ema(3, of=mrt.rsi(4)), mrt.sma(2, of=mrt.ema(3) - mrt.close), users(2).up, users(2.5).down,
        mrt.ema(3) - mrt.sma(6),
    ]  # fmt: skip


class Known(NamedTuple):
    """One feature on disk, as the model has it."""

    variant: str
    n_bars: int
    folder: str
    labels: Labels


class Killed(BaseException):
    """The process is gone: the folder is as it was at that moment."""


class Histories(RuleBasedStateMachine):
    """Every rule is one thing that a user, another process or a bad disk does."""

    path: Path | None = None
    stores: tuple[FeatureStore, ...] | list[FeatureStore] = ()

    @initialize(
        persist=st.sampled_from(["always", "always", "always", "auto", "never"]),
        dtype=st.sampled_from(["float64", "float64", "float32"]),
        n_kept=st.sampled_from([0.5, 2.5, 8, 1_000]),
        limit=st.sampled_from([None, None, None, 150_000, 400_000]),
        has_path=st.sampled_from([True, True, True, False]),
        has_assets=st.sampled_from([False, False, True]),
    )
    def open_two(self, persist, dtype, n_kept, limit, has_path, has_assets):
        """Start with two stores on an empty folder, or in memory alone."""
        registry.register(EDITIONS[1.0])
        self.nodes = _nodes()
        self.edition = 1.0
        self.variant, self.n_bars = "plain", LENGTHS[0]
        self.has_assets, self.dtype = has_assets, dtype
        self.root = Path(tempfile.mkdtemp())
        self.path = self.root / "s.zarr" if has_path else None
        limit = limit if has_path else None
        self.settings: dict[str, Any] = {
            "memory": int(n_kept * 8 * LENGTHS[-1] * (2 if has_assets else 1)), "persist": persist, "dtype": dtype,
            "disk": limit,
        }  # fmt: skip
        self.sure = has_path and persist != "never" and limit is None  # all that is written stays there
        self.stores = [FeatureStore(self.path, **self.settings) for _ in range(2)]
        self.pending: list[dict[Known, Node]] = [{}, {}]
        self.on_disk: dict[Known, Node] = {}
        self.truths: dict[tuple[str, int, float, str], np.ndarray] = {}
        self.exported: dict[Path, dict[Known, Node]] = {}
        self.may_have_leftovers = self.was_damaged = False

    # What the model says

    @property
    def bars(self) -> xr.Dataset:
        return BARS[self.variant, self.n_bars, self.has_assets]

    def truth(self, node: Node, variant: str | None = None, n_bars: int | None = None) -> np.ndarray:
        """Return what a store of its own, new and in memory, says today: (time,) or (time, asset)."""
        place = variant or self.variant, n_bars or self.n_bars
        key = (*place, self.edition, node.key)
        if key not in self.truths:
            fresh = FeatureStore(dtype=self.dtype)
            self.truths[key] = fresh.array(BARS[(*place, self.has_assets)], node)
        return self.truths[key]

    def known(self, node: Node) -> Known:
        family, labels = family_of(without_output(node), self.dtype)
        return Known(self.variant, self.n_bars, family.folder, labels)

    def knowns(self, nodes) -> dict[Known, Node]:
        return {self.known(node): node for node in nodes if isinstance(node, Call)}

    def is_today(self, known: Known, node: Node) -> bool:
        return family_of(without_output(node), self.dtype)[0].folder == known.folder

    def here(self) -> dict[Known, Node]:
        """What is on disk of these bars and of today's code."""
        return {
            k: node
            for k, node in self.on_disk.items()
            if (k.variant, k.n_bars) == (self.variant, self.n_bars) and self.is_today(k, node)
        }

    def equal(self, got: np.ndarray, node: Node) -> None:
        np.testing.assert_array_equal(got, self.truth(node), err_msg=f"{node.key} of {self.variant} {self.n_bars}")

    def equal_all(self, features: xr.Dataset) -> None:
        """Every value of a Dataset, by the expression that it says it is."""
        for name in features.data_vars:
            variable = features[name]
            dims = [d for d in variable.dims if d not in ("time", "asset")]
            flat = variable.stack(row=dims) if dims else variable.expand_dims("row")
            for k in range(flat.sizes["row"]):
                row = flat.isel(row=k)
                values = {str(c).removeprefix(f"{name}_"): row[c].item() for c in row.coords if row[c].ndim == 0}
                pattern = mrt.parse(variable.attrs["long_name"])
                node = bind(pattern, {p: values[p] for p in pattern.params})
                tail = [d for d in ("time", "asset") if d in row.dims]
                self.equal(row.transpose(*tail).values, node)

    @contextlib.contextmanager
    def quiet(self):
        """Damage may be told of at any time, and so may a limit that is reached."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DamagedFeatureWarning)
            if not self.sure:
                warnings.simplefilter("ignore", StoreWriteWarning)
            yield

    # What users do

    @rule(which=st.integers(0, 1), picks=st.lists(st.integers(0, 11), min_size=1, max_size=5))
    def compute_batch(self, which, picks):
        nodes = [self.nodes[k] for k in picks]
        store = self.stores[which]
        with self.quiet():
            self.equal_all(store.compute_batch(self.bars, nodes))
        if self.sure and self.settings["persist"] == "always":
            self.on_disk.update(self.knowns(nodes))
        self.pending[which].update(self.knowns(nodes))

    @rule(which=st.integers(0, 1), pick=st.integers(0, 11))
    def array(self, which, pick):
        node = self.nodes[pick]
        store = self.stores[which]
        before, is_there = store.counters, isinstance(node, Call) and self.known(node) in self.on_disk
        with self.quiet():
            self.equal(store.array(self.bars, node), node)
        if is_there:
            assert store.counters.computed == before.computed, f"{node.key} is on disk and was computed"
        self.pending[which].update(self.knowns([node]))

    @rule(which=st.integers(0, 1), picks=st.sets(st.integers(0, 6), min_size=1))
    def fetch_and_count(self, which, picks):
        """Of indicators of prices alone each is found in memory, on disk, or computed: once."""
        nodes, store = [self.nodes[k] for k in sorted(picks)], self.stores[which]
        before = store.counters
        with self.quiet():
            got = store.fetch(self.bars, nodes)
        after = store.counters
        for node, values in zip(nodes, got, strict=True):
            self.equal(values.T if self.has_assets else values[0], node)
            assert not values.flags.writeable
        n_made = after.computed - before.computed + after.recomputed - before.recomputed
        n_found = after.memory_hits - before.memory_hits + after.disk_hits - before.disk_hits
        if not self.was_damaged:
            assert n_made <= len(nodes) - sum(self.known(node) in self.on_disk for node in nodes)
        assert len(nodes) <= n_made + n_found <= 2 * len(nodes)  # a request looks into memory twice
        assert after.extended == before.extended
        self.pending[which].update(self.knowns(nodes))

    @rule(which=st.integers(0, 1))
    def persist(self, which):
        with self.quiet():
            self.stores[which].persist(self.bars)
        if self.sure and self.settings["persist"] == "always":
            mine = self.pending[which].items()
            here = {k: n for k, n in mine if (k.variant, k.n_bars) == (self.variant, self.n_bars)}
            self.on_disk.update({k: node for k, node in here.items() if self.is_today(k, node)})

    @rule(
        which=st.integers(0, 1), picks=st.lists(st.integers(0, 10), min_size=1, max_size=3), is_poisoned=st.booleans()
    )
    def cache_to_disk(self, which, picks, is_poisoned):
        nodes, store = [self.nodes[k] for k in sorted(picks)], self.stores[which]
        features = FeatureStore(dtype=self.dtype).compute_batch(self.bars, nodes)
        if is_poisoned or self.path is None:
            name = next(iter(features.data_vars))
            features[name] = features[name].copy(data=features[name].values + 1)
            with self.quiet(), pytest.raises(StoreError):
                store.cache_to_disk(features)
            return
        whole = [n for n in nodes if not (isinstance(n, Call) and n.output)]
        wanted = [name for name in features.data_vars if not str(name).startswith(USERS)]  # an output is missing
        if not wanted:
            return
        with self.quiet():
            store.cache_to_disk(features[wanted])
        if self.settings["disk"] is None:
            self.on_disk.update(self.knowns(whole))

    @rule(which=st.integers(0, 1))
    def load_features_and_matrix(self, which):
        store, here = self.stores[which], self.here()
        before = store.counters.computed
        with self.quiet():
            try:
                names = sorted({family_of(without_output(node))[0].name for node in here.values()})
                features = store.load_features(self.bars, names) if names else None
                matrix = store.matrix(self.bars)
            except StoreError:
                if here and not self.was_damaged:
                    raise
                return
            if features is not None:
                self.equal_all(features)
            for k in range(matrix.sizes["feature"]):
                one = matrix.isel(feature=k)
                if one.indicator.item() == "rsi":
                    self.equal(one.values, mrt.rsi(4))
        if not self.was_damaged:
            assert store.counters.computed == before

    @rule(which=st.integers(0, 1), name=st.sampled_from(["ema", "rsi", "sma", USERS]))
    def open(self, which, name):
        store = self.stores[which]
        wanted = {k: node for k, node in self.here().items() if node.name == name and node.default_sources}
        with self.quiet():
            try:
                family = store.open(name, self.bars)
                family = family.load()
            except StoreError:
                assert self.was_damaged or not wanted
                return
        variables = {"up": ".up", "down": ".down"} if name == USERS else {name: ""}
        parameter = "scale" if name == USERS else "lookback"
        labels = family[parameter].values.tolist()
        assert self.was_damaged or {k.labels[0] for k in wanted} <= set(labels)
        for variable, output in variables.items():
            for label in labels:
                values = family[variable].sel({parameter: label})
                self.equal(values.values, mrt.parse(f"{name}({label}){output}"))

    # What happens to data and code

    @rule(variant=st.sampled_from(["plain", "plain", "dearer", "Berlin"]), n_bars=st.sampled_from(LENGTHS))
    def other_bars(self, variant, n_bars):
        self.variant, self.n_bars = variant, n_bars

    @rule(which=st.integers(0, 1))
    def append(self, which):
        """Bars are added, and what is on disk of the shorter ones is there for the longer ones."""
        longer = next((n for n in LENGTHS if n > self.n_bars), None)
        if longer is None:
            return
        old, self.n_bars = self.n_bars, longer
        shorter = {
            k: node
            for k, node in self.on_disk.items()
            if k.variant == self.variant and k.n_bars <= old and self.is_today(k, node)
        }
        with self.quiet():
            try:
                self.stores[which].append(self.bars)
            except StoreError:
                if shorter:
                    raise
                return
        if self.sure and self.settings["persist"] == "always" and not self.may_have_leftovers:
            self.on_disk.update({k._replace(n_bars=longer): node for k, node in shorter.items()})

    @rule()
    def edit_code(self):
        self.edition = 3.0 if self.edition == 1.0 else 1.0
        registry.register(EDITIONS[self.edition])

    @rule(which=st.integers(0, 1))
    def reopen(self, which):
        self.stores[which] = FeatureStore(self.path, **self.settings)
        self.pending[which] = {}

    # What is on disk and goes

    @precondition(lambda self: self.path is not None)
    @rule(which=st.integers(0, 1))
    def prune(self, which):
        longer = {
            k for k in self.on_disk for n in LENGTHS if n > k.n_bars and self.folder_of(k._replace(n_bars=n)).exists()
        }
        with self.quiet():
            report = self.stores[which].prune()
        gone = {one.folder for one in report.removed}
        for known in list(self.on_disk):
            node = self.on_disk[known]
            folder = self.folder_of(known)
            if folder in gone:
                assert known in longer or not self.is_today(known, node), known
                del self.on_disk[known]
            elif not self.is_today(known, node):
                raise AssertionError(f"old code stays: {known}")

    def folder_of(self, known: Known) -> Path:
        data = mrt.data.fingerprint(BARS[known.variant, known.n_bars, self.has_assets])
        return self.path / data / known.folder

    @rule(which=st.integers(0, 1))
    def export(self, which):
        path = self.root / f"{len(self.exported)}.parquet"
        here = self.here()
        with self.quiet():
            try:
                self.stores[which].export_parquet(path, self.bars)
            except StoreError:
                if here and not self.was_damaged:
                    raise
                return
        self.exported[path] = here

    @precondition(lambda self: self.path is not None)
    @rule(which=st.integers(0, 1), k=st.integers(0, 100))
    def take_in(self, which, k):
        if not self.exported:
            return
        path = list(self.exported)[k % len(self.exported)]
        with self.quiet():
            self.stores[which].import_parquet(path)
        if self.settings["disk"] is None:
            self.on_disk.update(self.exported[path])

    @precondition(lambda self: self.path is not None)
    @rule(k=st.integers(0, 10**6), byte=st.integers(0, 10**6), bit=st.integers(0, 7))
    def flip_a_bit(self, k, byte, bit):
        """In any file but the store's own record, without which it is no store."""
        files = sorted(f for f in self.path.rglob("*") if f.is_file() and f.parent != self.path and f.stat().st_size)
        files = [f for f in files if ".claims" not in f.parts]
        if not files:
            return
        file = files[k % len(files)]
        inode = file.stat().st_ino
        hit = {self.path.joinpath(*f.relative_to(self.path).parts[:2]) for f in files if f.stat().st_ino == inode}
        flip_bit(file, byte % file.stat().st_size, bit)
        self.was_damaged = True
        if file.parent.parent == self.path:  # what a data set says of itself: it may not be gone on from any more
            self.may_have_leftovers = True
            hit = set(file.parent.iterdir())
        for features in (self.on_disk, *self.pending):  # who has read one has nothing to write: it heals when asked for
            for known in [known for known in features if self.folder_of(known) in hit]:
                del features[known]

    @precondition(lambda self: self.path is not None)
    @rule(
        which=st.integers(0, 1), n_writes=st.integers(0, 12), how=st.sampled_from(["full", "interrupt", "kill"]),
        work=st.sampled_from(["compute", "append", "cache", "prune"]), picks=st.sets(st.integers(0, 11), min_size=1),
    )  # fmt: skip
    def cut_short(self, which, n_writes, how, work, picks):
        """The disk is full, the user interrupts, or the process is killed at some write; the store goes on after it."""
        nodes, store = [self.nodes[k] for k in sorted(picks)], self.stores[which]
        longer = next((n for n in LENGTHS if n > self.n_bars), None)
        of_longer = BARS[self.variant, longer or self.n_bars, self.has_assets]
        do = {
            "compute": lambda: store.compute_batch(self.bars, nodes),
            "append": lambda: store.append(of_longer),
            "cache": lambda: store.cache_to_disk(FeatureStore(dtype=self.dtype).compute_batch(self.bars, nodes)),
            "prune": store.prune,
        }[work]
        snapshot = self.root / "snapshot"
        real, n_left = files_module.write_parts, n_writes

        def write(file, parts):
            nonlocal n_left
            n_left -= 1
            if n_left >= 0:
                real(file, parts)
                return
            if how == "full" or n_left < -1:
                real(file, [bytes(parts[0])[:7]])
                raise OSError(28, "No space left on device")
            real(file, [bytes(parts[0])[:7]])
            if how == "interrupt":
                raise KeyboardInterrupt
            shutil.copytree(self.path, snapshot)
            raise Killed

        files_module.write_parts = write
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DamagedFeatureWarning)
                warnings.simplefilter("ignore", StoreWriteWarning)
                do()
        except (StoreError, OSError, KeyboardInterrupt, Killed):
            pass  # as it should be, or refused for lack of an output or of shorter bars
        finally:
            files_module.write_parts = real
        if snapshot.exists():
            shutil.rmtree(self.path)
            snapshot.rename(self.path)
            self.may_have_leftovers = True
            for k in (0, 1):
                self.reopen(k)
        if work == "prune":
            self.on_disk = {k: node for k, node in self.on_disk.items() if self.folder_of(k).exists()}

    # What holds at any time

    @invariant()
    def memory_keeps_to_its_limit(self):
        for store in self.stores:
            assert store._memory.n_bytes <= store.memory_limit
            assert store._memory.n_bytes == sum(entry.values.nbytes for _, entry in store._memory.items())

    @invariant()
    def disk_keeps_to_its_limit(self):
        if self.path is None or self.settings["disk"] is None or self.may_have_leftovers or not self.path.exists():
            return
        files = [p.stat() for p in self.path.rglob("*") if p.is_file()]
        assert sum({s.st_ino: s.st_size for s in files}.values()) <= self.settings["disk"]

    def teardown(self):
        """Whoever opens the folder now finds what the model knows, and computes none of it."""
        if not self.stores:
            return
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DamagedFeatureWarning)
                for known, node in self.on_disk.items():
                    if self.settings["disk"] is not None or not self.is_today(known, node):
                        continue
                    reader = FeatureStore(self.path, persist="never", dtype=self.dtype)
                    got = reader.array(BARS[known.variant, known.n_bars, self.has_assets], node)
                    np.testing.assert_array_equal(got, self.truth(node, known.variant, known.n_bars))
                    # a flipped bit may show in another place later, as data sets share files: then values count
                    assert self.was_damaged or reader.counters.computed == 0, f"{node.key} of {known} was on disk"
        finally:
            registry._entries.pop(USERS, None)
            shutil.rmtree(self.root)


Histories.TestCase.settings = settings(
    max_examples=400 if IS_LONG else 60,
    stateful_step_count=60 if IS_LONG else 25,
    deadline=None,
    derandomize=not IS_LONG,
    suppress_health_check=list(HealthCheck),
)


class TestHistories(Histories.TestCase):
    """Chunks of 32 bars, so that a history has several; and what is on disk is read, however cheap to compute."""

    @pytest.fixture(autouse=True)
    def small_chunks(self, monkeypatch):
        monkeypatch.setattr(chunks_module, "TIME_CHUNK", 32)
        monkeypatch.setattr(costs_module, "_MARGIN", np.inf)
