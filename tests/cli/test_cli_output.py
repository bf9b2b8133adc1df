"""Results go to a folder that is tried before the search, and printing outlives its reader."""

from __future__ import annotations

import io
import json
import os
import select
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mrtoolkit.cli import output, searching
from mrtoolkit.cli.app import app
from mrtoolkit.cli.output import check_output, check_writable
from mrtoolkit.errors import ConfigError
from mrtoolkit.search.events import BatchDone, LevelStarted
from mrtoolkit.search.progress_bars import ProgressBars as Bars


@pytest.fixture
def no_search(monkeypatch):
    """Let any search fail: what is tested here is said before."""

    def install(*_, **__):
        pytest.fail("a search was begun")

    monkeypatch.setattr(searching, "_compile", install)


@pytest.fixture
def read_only(tmp_path, monkeypatch):
    """A folder that refuses whatever is new, to root too."""
    make = Path.mkdir

    def refuse(self, *words, **options):
        if self.absolute().is_relative_to(tmp_path) and not self.exists():
            raise PermissionError(13, "Permission denied", str(self))
        make(self, *words, **options)

    monkeypatch.setattr(Path, "mkdir", refuse)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_demo_in_a_read_only_folder_names_the_folder_and_the_cure(read_only, no_search):
    done = CliRunner().invoke(app, ["demo"])
    assert done.exit_code == 1
    assert done.stdout == ""
    folder = str(read_only / "mrtoolkit-demo")
    assert done.stderr == (
        f"mrtoolkit: ConfigError: the folder {folder!r} cannot be written to (Permission denied); "
        "give one that can be, with --out.\n"
    )


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="there is no /proc here")
def test_a_folder_in_proc_is_refused_before_the_search(no_search):
    done = CliRunner().invoke(app, ["demo", "-o", "/proc/foo"])
    assert done.exit_code == 1
    assert "'/proc/foo'" in done.stderr
    assert "--out" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_folder_below_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written to"):
        check_writable(tmp_path / "file" / "below")


def test_trying_a_folder_leaves_things_as_they_were(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "kept.txt").write_text("kept")
    check_output(tmp_path / "new" / "folder")
    check_output(tmp_path / "there")
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")) == ["there", "there/kept.txt"]


def test_what_cannot_be_replaced_is_refused_before_the_search(tmp_path, no_search):
    newer = {"attributes": {"format": "mrtoolkit study", "version": 99}}
    path = tmp_path / output.STUDY_FILE
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("zarr.json", json.dumps(newer))
    before = path.read_bytes()
    done = CliRunner().invoke(app, ["demo", "--out", str(tmp_path)])
    assert done.exit_code == 1
    assert done.stderr.count("\n") == 1
    for word in (str(path), "version 99", "move it away", "--out"):
        assert word in done.stderr
    assert path.read_bytes() == before


def test_a_folder_of_the_report_s_name_is_refused_before_the_search(tmp_path, no_search):
    (tmp_path / output.REPORT_FILE).mkdir()
    done = CliRunner().invoke(app, ["demo", "--out", str(tmp_path)])
    assert done.exit_code == 1
    assert "the report is one HTML file" in done.stderr


def test_a_reader_that_leaves_does_not_end_the_work(tmp_path):
    code = "from mrtoolkit.cli.app import main; main()"
    line = [sys.executable, "-c", code, "demo", "--no-others", "--out", str(tmp_path / "demo")]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.readline()
        process.stdout.close()
        stderr = process.stderr.read().decode()
    assert process.returncode == 0, stderr
    assert "BrokenPipe" not in stderr
    assert "Exception" not in stderr
    assert (tmp_path / "demo" / output.REPORT_FILE).exists()


def test_a_terminal_of_no_columns_has_its_bars():
    fcntl, pty, termios = (pytest.importorskip(name) for name in ("fcntl", "pty", "termios"))  # Windows has none
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, bytes(8))
    with os.fdopen(theirs, "w") as stream:
        bars = Bars(stream=stream)
        bars(LevelStarted(level=0, name="coarse", points=16, reused=0, to_run=16))
        bars(BatchDone(level=0, done=16, total=16, trials=16, best=0.5, best_params=None, seconds=1.0))
        bars.close()
        stream.flush()
        text = ""
        while select.select([ours], [], [], 0.2)[0]:
            text += os.read(ours, 65_536).decode()
    os.close(ours)
    assert "coarse" in text
    assert "16 of 16 trials" in text
    assert max(len(line) for line in io.StringIO(text.replace("\r", "\n"))) <= 81
