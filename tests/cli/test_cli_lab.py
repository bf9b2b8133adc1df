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


def test_jupyterlab_is_started_on_the_first_notebook_with_what_was_passed_on(elsewhere, monkeypatch):
    lines = []

    class Process:
        def __init__(self, line):
            lines.append(line)

        def wait(self):
            if len(lines) == 1:
                lines.append("interrupted once")
                raise KeyboardInterrupt
            return 0

    monkeypatch.setattr(lab.subprocess, "Popen", Process)
    lab.command(folder=None, browser=False, extra=("--port", "9999"))
    assert lines[0][1:] == ["-m", "jupyterlab", f"{lab.COPY}/{lab.FIRST}", "--no-browser", "--port", "9999"]
