"""Importing the toolkit is cheap and loads nothing that is not needed yet."""

from __future__ import annotations

import os
import subprocess
import sys

HEAVY = ("bokeh", "ipywidgets", "anywidget", "sklearn", "IPython", "typer", "tqdm", "matplotlib", "dask")
LIMIT = 1.4  # 1.33 measured: the fastest of ten; some 290 small modules of our own are 0.2 s


# an installed package has its bytecode, and so may the one that is measured
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=ENVIRONMENT)
    return done.stdout.strip()


def seconds(modules: str) -> float:
    """Of the processor: on a busy machine those of the clock differ twofold from one import to the next."""
    return float(run(f"import time; t = time.process_time(); import {modules}; print(time.process_time() - t)"))


def test_importing_costs_little_more_than_what_it_stands_on():
    ours, theirs = [], []
    for _ in range(9):  # in turns, so that a busy machine slows both; the fastest of each is compared
        ours.append(seconds("mrtoolkit"))
        theirs.append(seconds("xarray, zarr, numba"))
        if len(ours) >= 3 and min(ours) <= LIMIT * min(theirs):
            return
    ratio = min(ours) / min(theirs)
    assert ratio <= LIMIT, (
        f"import mrtoolkit: {min(ours):.2f} s, {ratio:.2f} times xarray, zarr and numba ({min(theirs):.2f} s)"
    )


def test_importing_loads_no_picture_no_widget_no_command_line():
    found = run(f"import mrtoolkit, sys; print(*[m for m in {HEAVY} if m in sys.modules])")
    assert found == ""


def test_views_are_loaded_when_they_are_asked_for():
    assert run("import mrtoolkit, sys; mrtoolkit.views; print('bokeh' in sys.modules)") == "True"


def test_an_unknown_public_name_is_an_attribute_error():
    code = "import mrtoolkit\ntry: mrtoolkit.optimise\nexcept AttributeError as e: print(e)"
    assert "optimise" in run(code)
