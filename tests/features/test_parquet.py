"""Features leave as a Parquet file that others read, and come back only as they left."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet as pq

from mrtoolkit.errors import StoreError
from mrtoolkit.features.disk.disk import Disk
from mrtoolkit.features.family import Axes, Family
from mrtoolkit.features.labelled import parquet_schema, parquet_slices
from mrtoolkit.features.labelled.datasets import Column
from mrtoolkit.features.labelled.lazy import StoredRow
from mrtoolkit.features.labelled.parquet import read_parquet, write_parquet

EMA = Family(name="ema", pattern="ema(P.lookback)", parameters=("lookback",), code=(("ema", 1, "aa"),), units="price")
BAND = Family(
    name="band",
    pattern="band(P.lookback, P.width)",
    parameters=("lookback", "width"),
    outputs=("upper", "lower"),
    code=(("band", 3, "bb"),),
)
SMALL = Family(
    name="rsi", pattern="rsi(P.lookback)", parameters=("lookback",), code=(("rsi", 1, "cc"),), dtype="float32"
)


def make_axes(n_bars=300, assets=None, zone="UTC"):
    time = np.datetime64("2020-03-28T00:00:00.000000001", "ns") + np.arange(n_bars) * np.timedelta64(1, "h")
    about = {"timezone": zone, "timeframe": "1h", "source": "a test"}
    return Axes(fingerprint="0123456789abcdef" * 2, time=time, assets=assets, block_digests=("d0", "d1"), attrs=about)


def make_rows(family, labels, axes, seed=0):
    """Return random features with a warm-up, (output, asset, time)."""
    rng = np.random.default_rng(seed)
    rows = {}
    for label in labels:
        values = rng.normal(size=(len(family.outputs) or 1, *axes.shape)).astype(family.dtype)
        values[..., : int(label[0]) - 1] = np.nan
        rows[label] = values
    return rows


def columns_of(family, rows):
    for k, output in enumerate(family.outputs or ("",)):
        yield Column(
            name=f"{family.name}_{output}" if output else family.name,
            expression=f"{family.pattern}.{output}" if output else family.pattern,
            parameters=family.parameters,
            rows={label: row[k] for label, row in rows.items()},
            family=family,
            output=output,
            units=family.units,
        )


MADE = {
    "one asset": lambda: make_axes(),
    "three assets": lambda: make_axes(assets=("A", "B/..", "A\N{GREEK SMALL LETTER MU}")),
    "one asset with a name": lambda: make_axes(assets=("A",)),
    "New York": lambda: make_axes(zone="America/New_York"),
}


@pytest.fixture(params=MADE)
def axes(request):
    return MADE[request.param]()


def exported(path, axes):
    ema = make_rows(EMA, [(12,), (5,)], axes, seed=1)
    band = make_rows(BAND, [(20, 2.5), (20, 2)], axes, seed=2)
    small = make_rows(SMALL, [(14,)], axes, seed=3)
    columns = [*columns_of(EMA, ema), *columns_of(BAND, band), *columns_of(SMALL, small)]
    assert write_parquet(path, axes, columns) == 7
    return {EMA: ema, BAND: band, SMALL: small}


def check_same(got, rows, dtype="float64"):
    assert set(got) == set(rows)
    for label, values in rows.items():
        assert got[label].dtype == np.dtype(dtype)
        np.testing.assert_array_equal(got[label], values)


def rewrite(path, change):
    """Write a file anew as pyarrow does, which keeps its metadata."""
    table = change(pq.read_table(path))
    pq.write_table(table, path)


def with_column(table, name, values):
    place = table.schema.get_field_index(name)
    return table.set_column(place, table.schema.field(place), values)


def changed_value(table, name, row=200):
    values = table.column(name).to_numpy().copy()
    values[row] = np.nextafter(values[row], values.dtype.type(np.inf))
    return with_column(table, name, pa.array(values))


def with_metadata(table, name, change):
    place = table.schema.get_field_index(name)
    content = json.loads(table.schema.field(place).metadata[b"mrtoolkit"])
    change(content)
    field = table.schema.field(place).with_metadata({b"mrtoolkit": json.dumps(content).encode()})
    return table.set_column(place, field, table.column(name))


def sealed(change):
    """Change what a column says of its origin, and its seal with it."""

    def both(content):
        content.pop("seal")
        change(content)
        content["seal"] = parquet_schema._seal(content)

    return both


def test_what_was_exported_comes_back_to_the_bit(tmp_path, axes):
    made = exported(tmp_path / "f.parquet", axes)
    for axes_read, family, rows in read_parquet(tmp_path / "f.parquet"):
        assert (axes_read.fingerprint, axes_read.assets) == (axes.fingerprint, axes.assets)
        assert (axes_read.block_digests, axes_read.attrs) == (axes.block_digests, axes.attrs)
        np.testing.assert_array_equal(axes_read.time, axes.time)
        assert axes_read.time.dtype == np.dtype("datetime64[ns]")
        check_same(rows, made.pop(family), family.dtype)
    assert not made


def test_labels_keep_being_whole_numbers_or_not(tmp_path):
    exported(tmp_path / "f.parquet", make_axes())
    labels = {f.name: list(rows) for _, f, rows in read_parquet(tmp_path / "f.parquet")}
    assert labels["band"] == [(20, 2), (20, 2.5)]
    assert [type(v) for v in labels["band"][0]] == [int, int]


def test_columns_are_named_by_their_expressions(tmp_path):
    exported(tmp_path / "f.parquet", make_axes())
    expected = ["time", "ema(5)", "ema(12)"]
    expected += [f"band(20, {width}).{side}" for side in ("upper", "lower") for width in ("2", "2.5")]
    assert pq.read_schema(tmp_path / "f.parquet").names == [*expected, "rsi(14)"]


def test_two_families_of_one_expression_get_columns_of_their_own(tmp_path):
    axes = make_axes()
    older = Family(name="ema", pattern=EMA.pattern, parameters=EMA.parameters, code=(("ema", 0, "old"),))
    first, second = make_rows(EMA, [(5,)], axes, seed=1), make_rows(older, [(5,)], axes, seed=2)
    write_parquet(tmp_path / "f.parquet", axes, [*columns_of(EMA, first), *columns_of(older, second)])
    assert pq.read_schema(tmp_path / "f.parquet").names == ["time", "ema(5)", "ema(5) #2"]
    read = {family: rows for _, family, rows in read_parquet(tmp_path / "f.parquet")}
    check_same(read[EMA], first)
    check_same(read[older], second)


def test_pandas_reads_it(tmp_path, axes):
    made = exported(tmp_path / "f.parquet", axes)
    frame = pd.read_parquet(tmp_path / "f.parquet")
    n_assets = axes.shape[0]
    times = pd.DatetimeIndex(np.tile(axes.time, n_assets), tz="UTC").tz_convert(axes.attrs["timezone"])
    assert str(frame["time"].dtype) == f"datetime64[ns, {axes.attrs['timezone']}]"
    assert (frame["time"].array == times.array).all()
    if axes.assets is not None:
        assert frame["asset"].astype(str).tolist() == np.repeat(axes.assets, len(axes.time)).tolist()
    np.testing.assert_array_equal(frame["ema(12)"].to_numpy(), made[EMA][12,][0].reshape(-1))
    np.testing.assert_array_equal(frame["band(20, 2.5).lower"].to_numpy(), made[BAND][20, 2.5][1].reshape(-1))
    assert frame["rsi(14)"].dtype == np.float32


def test_polars_reads_it(tmp_path, axes):
    polars = pytest.importorskip("polars")
    made = exported(tmp_path / "f.parquet", axes)
    frame = polars.read_parquet(tmp_path / "f.parquet")
    stamps = frame["time"].dt.convert_time_zone("UTC").dt.replace_time_zone(None).to_numpy()
    np.testing.assert_array_equal(stamps, np.tile(axes.time, axes.shape[0]))
    np.testing.assert_array_equal(frame["ema(12)"].to_numpy(), made[EMA][12,][0].reshape(-1))
    if axes.assets is not None:
        assert frame["asset"].cast(polars.String).to_list() == np.repeat(axes.assets, len(axes.time)).tolist()


def test_duckdb_reads_it(tmp_path, axes):
    duckdb = pytest.importorskip("duckdb")
    made = exported(tmp_path / "f.parquet", axes)
    with duckdb.connect() as connection:
        found = connection.execute(
            f"""SELECT "ema(12)", "rsi(14)" FROM '{tmp_path / "f.parquet"}' ORDER BY file_row_number"""
        ).fetchnumpy()
        (n_late,) = connection.execute(
            f"SELECT count(*) FROM '{tmp_path / 'f.parquet'}' WHERE time >= '2020-04-01 00:00:00+00'"
        ).fetchone()
    np.testing.assert_array_equal(np.ma.filled(found["ema(12)"], np.nan), made[EMA][12,][0].reshape(-1))
    np.testing.assert_array_equal(np.ma.filled(found["rsi(14)"], np.nan), made[SMALL][14,][0].reshape(-1))
    assert n_late == (axes.time >= np.datetime64("2020-04-01")).sum() * axes.shape[0]


def stored_columns(folder, axes, family, rows):
    disk = Disk(folder)
    disk.append(axes, family, rows, 1.0)
    commit = disk.commit(axes.fingerprint, family)
    for k, column in enumerate(columns_of(family, rows)):
        stored = {label: StoredRow(disk, commit, k, slot) for label, slot in commit.slots.items()}
        yield Column(**{name: getattr(column, name) for name in column.__slots__} | {"rows": stored})


@pytest.mark.parametrize("limit", [2**26, 4_000, 1_000, 100])
@pytest.mark.parametrize("scratch", [2**30, 20_000])
def test_rows_on_disk_are_exported_in_slices_as_those_in_memory_are_whole(tmp_path, axes, monkeypatch, limit, scratch):
    monkeypatch.setattr(parquet_slices, "_IN_HAND", limit)
    monkeypatch.setattr(parquet_slices, "_SCRATCH", scratch)
    monkeypatch.setattr(parquet_slices, "time_chunk", lambda n_bars: 64)
    band = make_rows(BAND, [(20, 2.5), (20, 2)], axes, seed=2)
    small = make_rows(SMALL, [(14,)], axes, seed=3)
    columns = [
        *stored_columns(tmp_path / "s.zarr", axes, BAND, band),
        *stored_columns(tmp_path / "s.zarr", axes, SMALL, small),
    ]
    write_parquet(tmp_path / "disk.parquet", axes, columns)
    write_parquet(tmp_path / "memory.parquet", axes, [*columns_of(BAND, band), *columns_of(SMALL, small)])
    one, other = pq.read_table(tmp_path / "disk.parquet"), pq.read_table(tmp_path / "memory.parquet")
    assert one.schema.equals(other.schema, check_metadata=True)
    pd.testing.assert_frame_equal(one.to_pandas(), other.to_pandas())
    read = {family: rows for _, family, rows in read_parquet(tmp_path / "disk.parquet")}
    check_same(read[BAND], band)
    check_same(read[SMALL], small, "float32")
    assert not list(tmp_path.glob("*.partial"))


def test_a_large_family_is_read_in_parts(tmp_path, monkeypatch):
    axes = make_axes()
    made = exported(tmp_path / "f.parquet", axes)
    monkeypatch.setattr("mrtoolkit.features.labelled.parquet._A_PART", 8 * 300)
    read = [(family, rows) for _, family, rows in read_parquet(tmp_path / "f.parquet")]
    assert [(f.name, len(rows)) for f, rows in read] == [("ema", 1), ("ema", 1), ("band", 1), ("band", 1), ("rsi", 1)]
    check_same(read[0][1] | read[1][1], made[EMA])


@pytest.mark.parametrize("name", ["ema(12)", "band(20, 2.5).lower", "rsi(14)"])
def test_a_changed_value_is_refused_by_the_name_of_its_column(tmp_path, axes, name):
    made = exported(tmp_path / "f.parquet", axes)
    rewrite(tmp_path / "f.parquet", lambda table: changed_value(table, name))
    got = {}
    with pytest.raises(StoreError) as error:
        got.update((family, rows) for _, family, rows in read_parquet(tmp_path / "f.parquet"))
    assert repr(name) in str(error.value)
    assert str(tmp_path / "f.parquet") in str(error.value)
    for family, rows in got.items():  # those before it
        check_same(rows, made[family], family.dtype)


def test_a_null_in_the_place_of_a_value_that_is_not_there_is_refused(tmp_path):
    exported(tmp_path / "f.parquet", make_axes())
    rewrite(
        tmp_path / "f.parquet",
        lambda table: with_column(table, "ema(12)", pa.array(table.column("ema(12)").to_numpy(), from_pandas=True)),
    )
    with pytest.raises(StoreError, match=r"ema\(12\)"):
        list(read_parquet(tmp_path / "f.parquet"))


def test_times_that_were_changed_are_refused(tmp_path):
    exported(tmp_path / "f.parquet", make_axes())

    def later(table):
        stamps = table.column("time").cast(pa.int64()).to_numpy() + 3_600_000_000_000
        return with_column(table, "time", pa.array(stamps).cast(table.schema.field("time").type))

    rewrite(tmp_path / "f.parquet", later)
    with pytest.raises(StoreError, match="or its times"):
        list(read_parquet(tmp_path / "f.parquet"))


def test_rows_in_another_order_are_refused(tmp_path):
    exported(tmp_path / "f.parquet", make_axes(assets=("A", "B")))
    rewrite(tmp_path / "f.parquet", lambda table: table.take(np.roll(np.arange(600), 300)))
    with pytest.raises(StoreError, match="not in the order"):
        list(read_parquet(tmp_path / "f.parquet"))


def test_one_asset_with_other_times_than_the_rest_is_refused(tmp_path):
    exported(tmp_path / "f.parquet", make_axes(assets=("A", "B")))

    def later(table):
        stamps = table.column("time").cast(pa.int64()).to_numpy().copy()
        stamps[-1] += 1
        return with_column(table, "time", pa.array(stamps).cast(table.schema.field("time").type))

    rewrite(tmp_path / "f.parquet", later)
    with pytest.raises(StoreError, match="not in the order"):
        list(read_parquet(tmp_path / "f.parquet"))


def test_assets_that_changed_names_are_refused(tmp_path):
    exported(tmp_path / "f.parquet", make_axes(assets=("A", "B")))
    other = pa.array(np.repeat(["B", "A"], 300)).dictionary_encode()
    rewrite(tmp_path / "f.parquet", lambda table: with_column(table, "asset", other))
    with pytest.raises(StoreError, match="not in the order"):
        list(read_parquet(tmp_path / "f.parquet"))


@pytest.mark.parametrize("rows", [slice(0, 299), slice(1, 300), slice(0, 0)])
def test_a_file_with_fewer_rows_is_refused(tmp_path, rows):
    exported(tmp_path / "f.parquet", make_axes())
    rewrite(tmp_path / "f.parquet", lambda table: table.slice(rows.start, rows.stop - rows.start))
    with pytest.raises(StoreError, match=r"rows, but it was exported with 300"):
        list(read_parquet(tmp_path / "f.parquet"))


@pytest.mark.parametrize("index", ["time", "asset"])
def test_a_file_without_its_index_is_refused(tmp_path, index):
    exported(tmp_path / "f.parquet", make_axes(assets=("A", "B")))
    rewrite(tmp_path / "f.parquet", lambda table: table.drop_columns([index]))
    with pytest.raises(StoreError, match=f"has no column '{index}'"):
        list(read_parquet(tmp_path / "f.parquet"))


def test_columns_that_were_dropped_leave_the_rest(tmp_path, axes):
    made = exported(tmp_path / "f.parquet", axes)
    rewrite(tmp_path / "f.parquet", lambda table: table.drop_columns(["ema(5)", "band(20, 2).upper", "rsi(14)"]))
    read = {family: rows for _, family, rows in read_parquet(tmp_path / "f.parquet")}
    assert set(read) == {EMA, BAND}
    check_same(read[EMA], {(12,): made[EMA][12,]})
    check_same(read[BAND], {(20, 2.5): made[BAND][20, 2.5]})  # of (20, 2) one output is gone


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content.update(labels=[13]),
        lambda content: content["family"]["code"][0].__setitem__(1, 2),
        lambda content: content.update(digest=content["digest"] + 1),
        lambda content: content.pop("seal"),
        lambda content: content.pop("family"),
    ],
)
def test_an_origin_that_was_changed_is_refused_before_anything_is_read(tmp_path, change):
    exported(tmp_path / "f.parquet", make_axes())
    rewrite(tmp_path / "f.parquet", lambda table: with_metadata(table, "ema(12)", change))
    with pytest.raises(StoreError, match=r"column 'ema\(12\)'.*cannot be read"):
        read_parquet(tmp_path / "f.parquet")


def test_a_label_that_was_changed_with_its_seal_is_refused_by_the_digest(tmp_path):
    exported(tmp_path / "f.parquet", make_axes())
    change = sealed(lambda content: content.update(labels=[13]))
    rewrite(tmp_path / "f.parquet", lambda table: with_metadata(table, "ema(12)", change))
    with pytest.raises(StoreError, match=r"'ema\(12\)'.*not as it was exported"):
        list(read_parquet(tmp_path / "f.parquet"))


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content["family"].update(parameters=["../../x"]),
        lambda content: content["family"].update(outputs=["../x"]),
        lambda content: content["family"].update(family="/etc"),
        lambda content: content["family"].update(dtype="object"),
        lambda content: content.update(labels=[5, 6]),
    ],
)
def test_no_file_can_name_a_folder_elsewhere(tmp_path, change):
    exported(tmp_path / "f.parquet", make_axes())
    rewrite(tmp_path / "f.parquet", lambda table: with_metadata(table, "ema(12)", sealed(change)))
    with pytest.raises(StoreError, match=r"column 'ema\(12\)'.*cannot be read"):
        read_parquet(tmp_path / "f.parquet")


def test_a_column_without_an_origin_is_refused_by_its_name(tmp_path):
    exported(tmp_path / "f.parquet", make_axes())
    rewrite(tmp_path / "f.parquet", lambda table: table.append_column("mine", pa.array(np.zeros(300))))
    with pytest.raises(StoreError, match="column 'mine'.*does not say where it comes from"):
        read_parquet(tmp_path / "f.parquet")


def test_a_file_that_pandas_wrote_anew_is_refused(tmp_path):
    exported(tmp_path / "f.parquet", make_axes())
    pd.read_parquet(tmp_path / "f.parquet").to_parquet(tmp_path / "f.parquet")
    with pytest.raises(StoreError, match="no Parquet file of features"):
        read_parquet(tmp_path / "f.parquet")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"features": 2}, "schema 2, and this version reads 1"),
        ({"fingerprint": "../../../../etc"}, "is no fingerprint"),
        ({"n_bars": "many"}, "cannot be read"),
    ],
)
def test_a_file_that_says_something_else_of_its_bars_is_refused(tmp_path, change, message):
    exported(tmp_path / "f.parquet", make_axes())

    def other(table):
        content = json.loads(table.schema.metadata[b"mrtoolkit"]) | change
        return table.replace_schema_metadata({b"mrtoolkit": json.dumps(content).encode()})

    rewrite(tmp_path / "f.parquet", other)
    with pytest.raises(StoreError, match=message):
        read_parquet(tmp_path / "f.parquet")


@pytest.mark.parametrize("content", [b"", b"time,ema\n1,2\n", b"PAR1 and nothing PAR1"])
def test_what_is_no_parquet_is_refused_by_name(tmp_path, content):
    (tmp_path / "f.parquet").write_bytes(content)
    with pytest.raises(StoreError, match=r"f\.parquet cannot be read as Parquet"):
        read_parquet(tmp_path / "f.parquet")
    with pytest.raises(StoreError, match=r"there is no file .*g\.parquet"):
        read_parquet(tmp_path / "g.parquet")
    with pytest.raises(StoreError, match="cannot be read as Parquet"):
        read_parquet(tmp_path)


def test_a_damaged_byte_is_refused(tmp_path):
    exported(tmp_path / "f.parquet", make_axes())
    whole = (tmp_path / "f.parquet").read_bytes()
    rng = np.random.default_rng(0)
    for place in rng.integers(4, len(whole), 60):
        damaged = bytearray(whole)
        damaged[place] ^= 0xFF
        (tmp_path / "f.parquet").write_bytes(bytes(damaged))
        try:
            read = [(family, rows) for _, family, rows in read_parquet(tmp_path / "f.parquet")]
        except StoreError:
            continue
        made = {EMA: 1, BAND: 2, SMALL: 3}
        for family, rows in read:  # a byte that means nothing, such as a statistic
            check_same(rows, make_rows(family, _order(family), make_axes(), seed=made[family]), family.dtype)


def _order(family):
    return {"ema": [(12,), (5,)], "band": [(20, 2.5), (20, 2)], "rsi": [(14,)]}[family.name]


def test_an_expression_around_indicators_is_shown_and_not_read_back(tmp_path):
    axes = make_axes()
    rows = make_rows(EMA, [(5,)], axes)
    around = Column(name="spread", expression="close - ema(5)", parameters=(), rows={(): np.ones(axes.shape)})
    write_parquet(tmp_path / "f.parquet", axes, [around, *columns_of(EMA, rows)])
    assert (pd.read_parquet(tmp_path / "f.parquet")["close - ema(5)"] == 1).all()
    assert [family for _, family, _ in read_parquet(tmp_path / "f.parquet")] == [EMA]


def test_nothing_to_export_is_said(tmp_path):
    with pytest.raises(StoreError, match="no features to export"):
        write_parquet(tmp_path / "f.parquet", make_axes(), [])
    assert not list(tmp_path.iterdir())


def test_an_export_that_fails_leaves_the_file_as_it_was(tmp_path, monkeypatch):
    axes = make_axes()
    made = exported(tmp_path / "f.parquet", axes)
    before = (tmp_path / "f.parquet").read_bytes()

    def full(*_words):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mrtoolkit.features.labelled.parquet.value_columns", full)
    with pytest.raises(StoreError, match=r"cannot be exported to .*f\.parquet .*No space left"):
        write_parquet(tmp_path / "f.parquet", axes, columns_of(EMA, made[EMA]))
    assert [p.name for p in tmp_path.iterdir()] == ["f.parquet"]
    assert (tmp_path / "f.parquet").read_bytes() == before
    with pytest.raises(StoreError, match="in a folder that is there"):
        write_parquet(tmp_path / "none" / "f.parquet", axes, columns_of(EMA, made[EMA]))


def test_a_damaged_feature_is_not_exported(tmp_path):
    axes = make_axes()
    rows = make_rows(EMA, [(5,)], axes)
    columns = list(stored_columns(tmp_path / "s.zarr", axes, EMA, rows))
    (chunk,) = (tmp_path / "s.zarr").glob("*/ema@*/ema/c/0/0")
    content = bytearray(chunk.read_bytes())
    content[100] ^= 1
    chunk.write_bytes(bytes(content))
    with pytest.raises(StoreError, match=r"ema\(5\)"):
        write_parquet(tmp_path / "f.parquet", axes, columns)
    assert not list(tmp_path.glob("*f.parquet*"))
