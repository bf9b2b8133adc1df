"""A store is read by xarray and zarr alone, in a process that has no mrtoolkit."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import numpy as np
import pytest
import xarray as xr
from feature_makers import make_bars

from mrtoolkit.features.store import FeatureStore
from mrtoolkit.indicators import ema, rsi


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A store with three families, and the values that it gave out."""
    path = tmp_path_factory.mktemp("plain") / "s.zarr"
    bars = make_bars(3000, zone="America/New_York")
    store = FeatureStore(path)
    store.compute_batch(bars, [ema([26, 12, 5]), rsi(14), ema([3, 4], of=rsi([9, 7]))])
    values = path.parent / "values.npz"
    nested = store.array(bars, ema(4, of=rsi(7)))
    np.savez(values, ema12=store.array(bars, ema(12)), rsi14=store.array(bars, rsi(14)), nested=nested, time=bars.time)
    return path, values


def without_mrtoolkit(code, *arguments):
    """Run code in a new process in which this package cannot be imported."""
    head = """
        import sys, warnings
        sys.modules["mrtoolkit"] = None
        import numpy as np, xarray as xr
        from pathlib import Path
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message="Consolidated metadata is currently not part")
        path, values = Path(sys.argv[1]), np.load(sys.argv[2])
        def folder(name):
            (found,) = path.glob(f"*/{name}@*")
            return found
    """
    program = textwrap.dedent(head) + textwrap.dedent(code)
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("chunks", ["None", "{}", "'auto'"])
def test_a_family_opens_with_labels_units_and_origin(written, chunks):
    code = """
        family = xr.open_zarr(folder("ema"), chunks=CHUNKS)
        assert sorted(family.lookback.values.tolist()) == [5, 12, 26]
        assert family.ema.sel(lookback=12).dims == ("time",)
        np.testing.assert_array_equal(family.ema.sel(lookback=12), values["ema12"])
        np.testing.assert_array_equal(family.time, values["time"])
        some = family.ema.sel(lookback=12, time=slice("2020-01-10", "2020-01-11"))
        inside = (values["time"] >= np.datetime64("2020-01-10")) & (values["time"] < np.datetime64("2020-01-12"))
        np.testing.assert_array_equal(some, values["ema12"][inside])
        assert family.ema.attrs["units"] == "price"
        assert family.ema.attrs["long_name"] == "ema(P.lookback)"
        assert family.attrs["pattern"] == "ema(P.lookback)"
        assert family.attrs["code"][0][0] == "ema"
        assert family.attrs["fingerprint"] == folder("ema").parent.name
        assert family.attrs["timezone"] == "America/New_York"
        assert family.attrs["block_digests"]
        assert (family.ema.chunks is None) == (CHUNKS is None)
    """
    without_mrtoolkit(code.replace("CHUNKS", chunks), *written)


def test_labels_of_several_parameters_become_an_index(written):
    code = """
        family = xr.open_zarr(folder("ema_of_rsi"), chunks=None).set_xindex(["lookback", "rsi_lookback"])
        np.testing.assert_array_equal(family.ema_of_rsi.sel(lookback=4, rsi_lookback=7).squeeze(), values["nested"])
    """
    without_mrtoolkit(code, *written)


def test_the_whole_store_opens_as_a_tree(written):
    code = """
        warnings.resetwarnings()
        warnings.simplefilter("error")
        tree = xr.open_datatree(path, engine="zarr")
        (data,) = tree.children.values()
        assert len(data.children) == 3
        (family,) = (node for name, node in data.children.items() if name.startswith("rsi@"))
        np.testing.assert_array_equal(family.rsi.sel(lookback=14), values["rsi14"])
    """
    without_mrtoolkit(code, *written)


def test_zarr_alone_reads_a_row(written):
    code = """
        import zarr
        family = zarr.open_group(folder("rsi"), mode="r")
        row = family["lookback"][:].tolist().index(14)
        np.testing.assert_array_equal(family["rsi"][row], values["rsi14"])
    """
    without_mrtoolkit(code, *written)


def test_what_is_opened_here_is_what_plain_xarray_opens(written):
    path, _ = written
    (folder,) = path.glob("*/ema@*")
    plain = xr.open_zarr(folder, chunks=None).sortby("lookback").drop_vars("state", errors="ignore")
    ours = FeatureStore(path)["ema"]
    xr.testing.assert_equal(ours, plain)
    for name in ("pattern", "code", "fingerprint", "n_bars", "timezone", "units"):
        assert ours.attrs[name] == plain.attrs[name], name
    assert ours.ema.attrs == {k: v for k, v in plain.ema.attrs.items() if k in ours.ema.attrs}
