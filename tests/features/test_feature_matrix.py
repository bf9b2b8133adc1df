"""The matrix: a feature is found by its own labels, whatever the other families have."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from feature_makers import make_bars

from mrtoolkit.features.disk.disk import Disk
from mrtoolkit.features.family import Axes, Family
from mrtoolkit.features.labelled.datasets import Column
from mrtoolkit.features.labelled.lazy import StoredRow
from mrtoolkit.features.labelled.matrix import feature_matrix
from mrtoolkit.features.store import FeatureStore
from mrtoolkit.indicators import ema, rsi

N_BARS = 50


def axes_of(assets=None):
    time = np.datetime64("2020-01-01", "ns") + np.arange(N_BARS) * np.timedelta64(1, "h")
    return Axes(fingerprint="0123456789abcdef" * 2, time=time, assets=assets)


def column(name, parameters, labels, axes, first):
    """Rows that are `first`, `first` + 1, ... throughout, in the order of the labels given."""
    rows = {row: np.full(axes.shape, float(first + k)) for k, row in enumerate(labels)}
    expression = f"{name}({', '.join(f'P.{p}' for p in parameters)})"
    return Column(name=name, expression=expression, parameters=parameters, rows=rows)


def made(assets=None):
    axes = axes_of(assets)
    columns = [
        column("ema", ("lookback",), [(12,), (5,), (26,)], axes, 10),
        column("band", ("lookback", "width"), [(12, 2.5), (12, 2), (20, 2)], axes, 20),
        column("obv", (), [()], axes, 30),
        column("rsi", ("lookback",), [(14,)], axes, 40),
    ]
    return feature_matrix(axes, columns)


def test_one_feature_is_one_series_although_other_families_have_more_parameters():
    one = made().sel(indicator="ema", lookback=12)
    assert one.dims == ("time",)
    assert (one == 10).all()
    assert set(one.coords) == {"time", "indicator", "lookback"}
    assert one.indicator.item() == "ema"
    assert one.lookback.item() == 12
    band = made().sel(indicator="band", lookback=12, width=2.5)
    assert band.dims == ("time",)
    assert (band == 20).all()


def test_a_feature_without_parameters_is_one_series_by_its_name():
    one = made().sel(indicator="obv")
    assert one.dims == ("time",)
    assert (one == 30).all()
    assert set(one.coords) == {"time", "indicator"}


def test_an_indicator_alone_gives_its_features_even_where_that_is_one():
    emas = made().sel(indicator="ema")
    assert emas.dims == ("feature", "time")
    assert emas.lookback.values.tolist() == [5, 12, 26]
    assert emas[:, 0].values.tolist() == [11, 10, 12]
    assert set(emas.coords) == {"feature", "indicator", "lookback", "time"}
    assert (emas.sel(lookback=26) == 12).all()
    assert emas.sel(lookback=26).dims == ("time",)
    assert made().sel(indicator="rsi").dims == ("feature", "time")
    assert made().sel(indicator="rsi").sel(lookback=14).dims == ("time",)


def test_some_of_the_labels_give_all_features_that_fit():
    both = made().sel(lookback=12)
    assert both.indicator.values.tolist() == ["ema", "band", "band"]
    assert both[:, 0].values.tolist() == [10, 21, 20]
    band = made().sel(indicator="band", lookback=20)  # one, but its width was not asked for
    assert band.dims == ("feature", "time")
    assert band.width.values.tolist() == [2]


def test_lists_and_slices_of_labels_keep_the_dimension():
    matrix = made()
    assert matrix.sel(indicator="ema", lookback=[26, 5]).lookback.values.tolist() == [5, 26]
    assert matrix.sel(indicator=["rsi", "obv"])[:, 0].values.tolist() == [30, 40]
    assert matrix.sel(lookback=slice(13, 20))[:, 0].values.tolist() == [22, 40]
    assert matrix.sel(lookback=slice(20, None)).indicator.values.tolist() == ["ema", "band"]
    assert matrix.sel(lookback=slice(None, 5)).sizes["feature"] == 1
    assert matrix.sel(indicator="ema", lookback=[12]).dims == ("feature", "time")
    assert matrix.sel(indicator=xr.DataArray("ema"), lookback=np.int64(12)).dims == ("time",)


def test_the_dimension_itself_takes_labels_in_order():
    matrix = made()
    assert matrix.sel(feature=("ema", 12)).dims == ("time",)
    assert matrix.sel(feature="ema").sizes["feature"] == 3
    assert matrix.sel(feature={"indicator": "ema", "lookback": 5}).dims == ("time",)
    assert (matrix.sel(feature=("band", 12, 2)) == 21).all()
    assert (matrix.loc[{"indicator": "ema", "lookback": 5, "time": "2020-01-01 03:00"}] == 11).all()


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({"indicator": "emma"}, "no feature has indicator='emma'; there is band, ema, obv, rsi"),
        ({"indicator": "ema", "lookback": 13}, "no feature has lookback=13; there is 5, 12, 14, 20, 26"),
        ({"indicator": "ema", "lookback": 14}, "no feature has indicator='ema', lookback=14 together"),
        ({"indicator": "ema", "lookback": [5, 6]}, "no feature has lookback=6"),
        ({"lookback": slice(27, None)}, "together"),
    ],
)
def test_a_label_that_is_not_there_is_named_beside_those_that_are(labels, message):
    with pytest.raises(KeyError) as caught:
        made().sel(labels)
    assert message in caught.value.args[0]


def test_a_coordinate_that_is_not_there_is_xarrays_error():
    with pytest.raises(KeyError, match="length"):
        made().sel(length=12)
    with pytest.raises(ValueError, match="method"):
        made().sel(lookback=12, method="nearest")


def test_assets_stay_behind_time():
    matrix = made(("A", "B"))
    assert matrix.dims == ("feature", "time", "asset")
    assert matrix.sel(indicator="ema", lookback=5).dims == ("time", "asset")
    assert matrix.sel(indicator="ema", lookback=5, asset="B").dims == ("time",)


def test_it_is_a_table_for_pandas():
    table = made().to_dataframe()
    assert table.index.names == ["indicator", "lookback", "width", "time"]
    assert len(table) == 8 * N_BARS
    wide = made().sel(indicator="ema").to_pandas()
    assert isinstance(wide, pd.DataFrame)
    assert wide.index.names == ["indicator", "lookback"]
    assert wide.loc[("ema", 26)].unique().tolist() == [12]
    narrow = made().sel(indicator="ema", lookback=5).to_pandas()
    assert isinstance(narrow, pd.Series)
    assert narrow.index.equals(pd.DatetimeIndex(made().time))
    assert made().sel(indicator="ema").to_dataframe().index.names == ["indicator", "lookback", "time"]


def test_positions_sorting_printing_and_arithmetic_work_as_on_any_array():
    matrix = made()
    assert matrix.isel(feature=[0, -1], time=3).values.tolist() == [11, 40]
    assert matrix.isel(feature=1).indicator.item() == "ema"
    falling = matrix.sortby("lookback", ascending=False)
    assert falling.sel(indicator="ema", lookback=12).dims == ("time",)
    assert (falling.sel(indicator="ema", lookback=12) == 10).all()
    assert "indicator" in repr(matrix)
    assert "indicator" in matrix._repr_html_()
    difference = matrix - matrix.mean("time")
    assert difference.sel(indicator="ema", lookback=12).dims == ("time",)
    joined = xr.concat([matrix.sel(indicator="ema"), matrix.sel(indicator="rsi")], "feature")
    assert (joined.sel(indicator="rsi", lookback=14) == 40).all()
    assert matrix.copy(deep=True).sel(indicator="ema", lookback=12).dims == ("time",)
    assert matrix.to_dataset().sel(indicator="ema", lookback=12).value.dims == ("time",)
    assert matrix.reset_index("feature").dims == ("feature", "time")


def test_two_variables_of_one_name_are_told_apart():
    axes = axes_of()
    twice = [column("ema", ("lookback",), [(5,)], axes, first) for first in (1, 2)]
    matrix = feature_matrix(axes, twice)
    assert matrix.indicator.values.tolist() == ["ema", "ema_2"]
    assert (matrix.sel(indicator="ema_2", lookback=5) == 2).all()


def test_a_matrix_of_nothing_has_no_features():
    matrix = feature_matrix(axes_of(), [])
    assert matrix.shape == (0, N_BARS)
    with pytest.raises(KeyError):
        matrix.sel(indicator="ema")


def test_a_matrix_of_stored_rows_reads_the_one_that_is_asked_for(tmp_path, monkeypatch):
    axes = axes_of()
    code = (("made", 1, "0" * 16),)
    families = [Family(name=n, pattern=f"{n}(P.lookback)", parameters=("lookback",), code=code) for n in ("one", "two")]
    disk = Disk(tmp_path / "s.zarr")
    columns = []
    for k, family in enumerate(families):
        rows = {(float(label),): np.full((1, *axes.shape), 10.0 * k + label) for label in (7, 3)}
        disk.append(axes, family, rows, 30.0)
        commit = disk.commit(axes.fingerprint, family)
        stored = {labels: StoredRow(disk, commit, 0, slot) for labels, slot in commit.slots.items()}
        columns.append(Column(name=family.name, expression=family.pattern, parameters=("lookback",), rows=stored))
    seen = []
    plain = Disk.read_part
    monkeypatch.setattr(Disk, "read_part", lambda *a: seen.append(a[3:]) or plain(*a))
    matrix = feature_matrix(axes, columns)
    repr(matrix.sel(indicator="two").to_dataset())
    assert seen == []
    one = matrix.sel(indicator="two", lookback=7)
    assert one[10:20].values.tolist() == [17.0] * 10
    assert seen == [(0, 10, 20)]
    assert matrix.sortby("lookback")[:, 0].values.tolist() == [3, 13, 7, 17]


def test_the_stores_matrix_is_its_features():
    bars = make_bars()
    store = FeatureStore()
    store.compute_batch(bars, [ema([5, 12]), rsi(14), ema(3, of=rsi(9))])
    matrix = store.matrix(bars)
    np.testing.assert_array_equal(matrix.sel(indicator="ema", lookback=12), store.array(bars, ema(12)))
    nested = matrix.sel(indicator="ema_of_rsi", lookback=3, rsi_lookback=9)
    np.testing.assert_array_equal(nested, store.array(bars, ema(3, of=rsi(9))))
