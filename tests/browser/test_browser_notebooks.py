"""A notebook runs from top to bottom in a real JupyterLab, and its figures are there to be seen, offline."""

from __future__ import annotations

import shutil
from pathlib import Path

import nbformat
import pytest

pytest.importorskip("playwright", reason="playwright is not installed (pip install playwright)")
from labdriver import Lab, browser, lab_server
from live_page import IN_BROWSER

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
FIGURES = ".jp-OutputArea-output [data-root-id] > *"

pytestmark = IN_BROWSER


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    root = tmp_path_factory.mktemp("notebooks")
    shutil.copytree(ROOT / "notebooks", root, dirs_exist_ok=True)
    with lab_server(root, tmp_path_factory.mktemp("state")) as (base, token), browser() as chromium:
        yield root, base, token, chromium


@pytest.mark.parametrize("name", [path.name for path in NOTEBOOKS])
def test_a_notebook_runs_in_jupyterlab_and_shows_its_figures_offline(server, name):
    root, base, token, chromium = server
    context = chromium.new_context(viewport={"width": 1400, "height": 1400})
    lab = Lab(context.new_page(), base, token)
    lab.open(name)
    lab.run_all()
    written = nbformat.read(ROOT / "notebooks" / name, as_version=4)
    shown = sum(line.startswith("show(") for cell in written.cells for line in cell.source.splitlines())
    live = sum("mrt.view(" in cell.source for cell in written.cells if cell.cell_type == "code")
    assert shown >= 2 or live >= 2
    lab.page.wait_for_function(
        f"() => document.querySelectorAll('.jp-OutputArea-output [data-root-id]').length >= {shown}"
        f" && document.querySelectorAll('.mrt-board[data-number]').length >= {live}"
    )
    lab.save()
    ran = nbformat.read(root / name, as_version=4)
    outputs = [out for cell in ran.cells if cell.cell_type == "code" for out in cell.outputs]
    assert [out for out in outputs if out.output_type == "error"] == []
    assert lab.external == []
    assert [text for kind, text in lab.console if kind == "pageerror"] == []
    sizes = lab.page.evaluate(
        f"() => [...document.querySelectorAll('{FIGURES}')].map(e => [e.clientWidth, e.clientHeight])"
    )
    assert all(width > 300 and height > 150 for width, height in sizes), sizes
    context.close()
