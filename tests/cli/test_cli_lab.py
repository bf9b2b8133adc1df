"""`mrtoolkit lab` finds the notebooks of a clone, or copies the installed ones, and never overwrites a copy."""

from __future__ import annotations

import pytest

from mrtoolkit.cli import lab
from mrtoolkit.errors import ConfigError


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    installed = tmp_path / "installed"
    (installed / "images").mkdir(parents=True)
    (installed / lab.FIRST).write_text("{}")
    (installed / "images" / "a.png").write_bytes(b"png")
    monkeypatch.setattr(lab, "installed_notebooks", lambda: installed)
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return work


def test_a_clone_opens_its_own_notebooks(elsewhere):
    (elsewhere / "notebooks").mkdir()
    (elsewhere / "notebooks" / lab.FIRST).write_text("{}")
    assert str(lab.notebook_folder(None)) == "notebooks"
    assert not (elsewhere / lab.COPY).exists()


def test_elsewhere_the_installed_notebooks_are_copied(elsewhere):
    assert lab.notebook_folder(None).resolve() == elsewhere / lab.COPY
    assert (elsewhere / lab.COPY / lab.FIRST).read_text() == "{}"
    assert (elsewhere / lab.COPY / "images" / "a.png").read_bytes() == b"png"


def test_a_copy_that_was_changed_is_left_as_it_is(elsewhere):
    (elsewhere / lab.COPY).mkdir()
    (elsewhere / lab.COPY / lab.FIRST).write_text("mine")
    lab.notebook_folder(None)
    assert (elsewhere / lab.COPY / lab.FIRST).read_text() == "mine"


def test_a_file_in_the_way_is_named(elsewhere):
    (elsewhere / "taken").write_text("")
    with pytest.raises(ConfigError, match=r"'taken' is a file.*--folder"):
        lab.notebook_folder(elsewhere.joinpath("taken").relative_to(elsewhere))


def test_an_installation_without_notebooks_says_so(elsewhere, monkeypatch):
    monkeypatch.setattr(lab, "installed_notebooks", lambda: None)
    with pytest.raises(ConfigError, match="came without notebooks"):
        lab.notebook_folder(None)


@pytest.fixture
def lines(monkeypatch):
    """The commands that are run, the first of which is interrupted once."""
    found = []

    class Process:
        def __init__(self, line):
            found.append(line)

        def wait(self):
            if len(found) == 1:
                found.append("interrupted once")
                raise KeyboardInterrupt
            return 0

    monkeypatch.setattr(lab.subprocess, "Popen", Process)
    return found


def test_jupyterlab_is_started_with_what_was_passed_on(elsewhere, lines):
    lab.command(notebook=None, folder=None, browser=False, extra=("--port", "9999"))
    assert lines[0][1:] == ["-m", "jupyterlab", f"{lab.COPY}/{lab.FIRST}", "--no-browser", "--port", "9999"]


def test_jupyterlab_opens_the_live_search_where_it_is_there_or_the_notebook_that_is_named(elsewhere, lines):
    folder = lab.notebook_folder(None)
    (folder / lab.LIVE).write_text("{}")
    lab.command(notebook=None, folder=None, browser=True, extra=())
    lab.command(notebook="01", folder=None, browser=True, extra=())
    assert [line[3] for line in (lines[0], lines[2])] == [f"{lab.COPY}/{lab.LIVE}", f"{lab.COPY}/{lab.FIRST}"]
    with pytest.raises(ConfigError, match=r"begins with '07'; there are 01-the-main-job\.ipynb, 05-"):
        lab.command(notebook="07", folder=None, browser=True, extra=())
