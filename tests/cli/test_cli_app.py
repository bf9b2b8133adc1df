"""The command line ends with a code that means something, and says what went wrong in one line."""

from __future__ import annotations

import subprocess
import sys
import warnings
from importlib.metadata import version
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from mrtoolkit.cli import app as module
from mrtoolkit.cli.app import app
from mrtoolkit.errors import BarsError

COMMANDS = ("demo", "run", "report", "store", "lab")


def invoke(*words):
    return CliRunner().invoke(app, list(words))


@pytest.fixture
def failing(monkeypatch):
    """Let `mrtoolkit report x` raise what the test says."""

    def install(error):
        def command(**_):
            raise error

        found = SimpleNamespace(import_module=lambda _: SimpleNamespace(command=command))
        monkeypatch.setattr(module, "importlib", found)  # the name in this module alone

    return install


def test_help_names_every_command_and_every_exit_code():
    done = invoke("--help")
    assert done.exit_code == 0
    for word in (*COMMANDS, "Exit codes", "130", "mrtoolkit run --example"):
        assert word in done.output


@pytest.mark.parametrize("words", [("demo",), ("run",), ("report",), ("store", "info"), ("lab",)])
def test_each_command_has_help_that_says_how_it_ends(words):
    done = invoke(*words, "--help")
    assert done.exit_code == 0
    assert "Exit codes" in done.output
    assert len(done.output.splitlines()) > 12


def test_version_is_that_of_the_installation():
    assert invoke("--version").output == f"mrtoolkit {version('mrtoolkit')}\n"


def test_no_command_shows_the_help():
    done = invoke()
    assert done.exit_code == 2
    assert "demo" in done.output


@pytest.mark.parametrize("words", [("dmeo",), ("demo", "--ouf", "x"), ("run",), ("report",)])
def test_a_wrong_command_line_ends_with_2(words):
    done = invoke(*words)
    assert done.exit_code == 2
    assert "Usage" in done.output


def test_an_error_of_the_toolkit_is_one_line_and_ends_with_1(failing):
    failing(BarsError("'high' is below 'low' at 3 of 50 bars,\n   first 2021-03-04; repair it."))
    done = invoke("report", "x")
    assert done.exit_code == 1
    assert done.stdout == ""
    assert done.stderr == "mrtoolkit: BarsError: 'high' is below 'low' at 3 of 50 bars, first 2021-03-04; repair it.\n"


def test_a_file_that_cannot_be_written_is_one_line_and_ends_with_1(failing):
    failing(PermissionError(13, "Permission denied", "/x/report.html"))
    done = invoke("report", "x")
    assert done.exit_code == 1
    assert done.stderr.startswith("mrtoolkit: PermissionError: ")
    assert "'/x/report.html'" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.filterwarnings("default")
def test_a_warning_is_one_line_and_no_error(monkeypatch):
    def command(**_):
        warnings.warn("the points\n   differ.", UserWarning, stacklevel=2)

    monkeypatch.setattr(module, "importlib", SimpleNamespace(import_module=lambda _: SimpleNamespace(command=command)))
    done = invoke("report", "x")
    assert done.exit_code == 0
    assert done.stderr == "mrtoolkit: UserWarning: the points differ.\n"


def test_debug_shows_the_traceback(failing):
    failing(BarsError("no rows"))
    done = invoke("--debug", "report", "x")
    assert isinstance(done.exception, BarsError)


def test_an_interruption_ends_with_130_and_says_what_was_saved(failing):
    failing(KeyboardInterrupt("16 trials are saved in out/study.zarr.zip"))
    done = invoke("report", "x")
    assert done.exit_code == 130
    assert done.stderr == "mrtoolkit: interrupted; 16 trials are saved in out/study.zarr.zip\n"


def test_a_defect_is_told_apart_from_a_refusal(failing):
    failing(ZeroDivisionError("oops"))
    done = invoke("report", "x")
    assert done.exit_code == 70
    assert "a defect" in done.stderr
    assert "ZeroDivisionError: oops" in done.stderr


def test_help_loads_no_picture_and_no_search():
    code = """
import sys
from mrtoolkit.cli.app import main
try:
    main()
except SystemExit:
    print("bokeh" in sys.modules, "tqdm" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code, "--help"], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False False"
