"""The notebooks are committed as they ran, and a number that changes in one is noticed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
IDS = [path.stem for path in NOTEBOOKS]


def code_cells(notebook: dict) -> list[dict]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def test_there_are_notebooks():
    assert NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=IDS)
def test_a_notebook_was_run_once_from_top_to_bottom(path):
    cells = code_cells(json.loads(path.read_text(encoding="utf-8")))
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    errors = [
        out for cell in cells for out in cell["outputs"] if out["output_type"] == "error" or out.get("name") == "stderr"
    ]
    assert errors == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=IDS)
def test_a_stripped_notebook_is_refused(path, tmp_path):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    for cell in code_cells(notebook):  # as nbstripout leaves it: nbval would pass it, and compare nothing
        cell["outputs"], cell["execution_count"] = [], None
    copy = tmp_path / path.name
    copy.write_text(json.dumps(notebook), encoding="utf-8")
    for check in (test_a_notebook_was_run_once_from_top_to_bottom, test_most_cells_that_show_something_are_compared):
        with pytest.raises(AssertionError):
            check(copy)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=IDS)
def test_most_cells_that_show_something_are_compared(path):
    cells = [cell for cell in code_cells(json.loads(path.read_text(encoding="utf-8"))) if cell["outputs"]]
    compared = [cell for cell in cells if "NBVAL_IGNORE_OUTPUT" not in "".join(cell["source"])]
    assert len([cell for cell in compared if re.search(r"\d\.\d", json.dumps(cell["outputs"]))]) >= 5
    for cell in compared:
        assert all("text/html" not in out.get("data", {}) for out in cell["outputs"]), (
            "html is not compared reliably: print a table"
        )


@pytest.mark.parametrize("path", NOTEBOOKS, ids=IDS)
def test_a_notebook_is_small_and_names_no_folder_of_its_author(path):
    text = path.read_text(encoding="utf-8")
    assert len(text) < 1_000_000
    assert not re.search(r"/(home|root|Users|work|opt|tmp)/", text)
    assert json.loads(text)["metadata"]["kernelspec"]["name"] == "python3"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=IDS)
def test_a_changed_number_makes_the_check_fail(path, tmp_path):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    cell, out, place = next(
        (c, o, i)
        for c in code_cells(notebook)
        if "NBVAL_IGNORE_OUTPUT" not in "".join(c["source"])
        for o in c["outputs"]
        if o.get("name") == "stdout"
        for i, line in enumerate(o["text"])
        if re.search(r"\d", line)
    )
    out["text"][place] = re.sub(r"\d", lambda m: str((int(m[0]) + 1) % 10), out["text"][place], count=1)
    last = notebook["cells"].index(cell)
    notebook["cells"] = notebook["cells"][: last + 1]  # what comes after is not run: the change is already behind
    copy = tmp_path / path.name
    copy.write_text(json.dumps(notebook), encoding="utf-8")
    line = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "--nbval",
        "--nbval-current-env",
        "-p",
        "no:cacheprovider",
        "-c",
        ROOT / "pyproject.toml",
    ]
    done = subprocess.run([*line, copy], cwd=path.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 failed" in done.stdout
