"""The wheel holds the package, its data, its licence and the notebooks, and nothing of the tests."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> zipfile.ZipFile:
    out = tmp_path_factory.mktemp("dist")
    line = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, ROOT]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = out.glob("*.whl")
    assert path.name.endswith("py3-none-any.whl")
    assert path.stat().st_size < 2_500_000  # three fifths are prices and the notebooks' pictures
    return zipfile.ZipFile(path)


def test_every_file_of_the_package_is_in_it(wheel):
    names = set(wheel.namelist())
    ours = {
        p.relative_to(ROOT).as_posix()
        for p in (ROOT / "mrtoolkit").rglob("*")
        if p.is_file() and not any(part[0] == "." or part == "__pycache__" for part in p.parts[1:])
    }
    assert ours - names == set()
    assert "mrtoolkit/py.typed" in names


def test_the_real_prices_are_in_it(wheel):
    prices = [
        info
        for info in wheel.infolist()
        if info.filename.startswith("mrtoolkit/data/") and not info.filename.endswith(".py")
    ]
    assert [0 < info.file_size <= 400_000 for info in prices] == [True]


def test_the_notebooks_and_their_pictures_are_in_it(wheel):
    names = set(wheel.namelist())
    ours = {
        f"mrtoolkit/{p.relative_to(ROOT).as_posix()}"
        for p in (ROOT / "notebooks").rglob("*.ipynb")
        if ".ipynb_checkpoints" not in p.parts
    }
    assert ours
    assert ours - names == set()


def test_the_licence_is_in_it_and_the_tests_are_not(wheel):
    names = wheel.namelist()
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert [name for name in names if name.startswith(("tests", "binder", ".ci"))] == []


def test_only_lower_bounds_are_declared(wheel):
    (metadata,) = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    text = wheel.read(metadata).decode()
    needs = [line.split(";")[0] for line in text.splitlines() if line.startswith("Requires-Dist")]
    assert len(needs) > 10
    assert [line for line in needs if "<" in line or "==" in line or "~" in line] == []
