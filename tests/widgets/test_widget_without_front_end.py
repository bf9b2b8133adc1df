"""Without a front end: a notebook run by a program holds picture, table and the reason; a script gets words."""

from __future__ import annotations

import subprocess
import sys

import nbformat
import pytest
from nbclient import NotebookClient

CELLS = [
    """
import time
import mrtoolkit as mrt
def bowl(p): return -(p["x"] - 30) ** 2 - (p["y"] - 70) ** 2
search = mrt.MultiResOptimizer(bowl, mrt.Space(x=mrt.Integer(0, 100), y=mrt.Integer(0, 100))).start(pace=200)
view = mrt.view(search)
view
""",
    """
search.wait()
for _ in range(300):  # the reason comes after three seconds, on a busy machine later
    time.sleep(0.1)
    if view._stand_in.reason and "400 trials" in str(view._stand_in._shown):
        break
""",
]


@pytest.fixture(scope="module")
def outputs():
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text.strip()) for text in CELLS])
    client = NotebookClient(notebook, timeout=60, kernel_name="python3", store_widget_state=False)
    return client.execute().cells[0].outputs


def test_picture_and_table_are_there_of_the_whole_search(outputs):
    pictures = [out for out in outputs if "image/png" in out.get("data", {})]
    assert len(pictures) == 1
    assert 2_000 < len(pictures[0].data["image/png"]) < 120_000
    table = outputs[-1].data["text/plain"]
    assert "The best 5 of 400 trials" in table
    assert "30" in table
    assert "70" in table


def test_the_reason_is_said_and_the_widget_comes_first(outputs):
    assert "application/vnd.jupyter.widget-view+json" in outputs[0].data
    said = outputs[-1].data["text/plain"]
    assert said.startswith("This cell was run by a program, to which nothing can be shown live: run it in JupyterLab")
    assert "did not appear" not in said
    assert not any(out.output_type in ("error", "stream") for out in outputs)


def test_outside_a_notebook_there_are_words_and_no_bokeh():
    code = """
import sys, mrtoolkit as mrt
study = mrt.optimize(lambda p: -abs(p["x"] - 7), mrt.Space(x=mrt.Integer(0, 9)))
print(mrt.view(study))
print([name for name in ("bokeh", "ipywidgets", "anywidget", "IPython") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    words, loaded = done.stdout.splitlines()
    assert words.startswith("Done. 10 trials")
    assert loaded == "[]"
