"""Who waits for kernels to be compiled is told so once, on a terminal or in a notebook, and nobody else is."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from numba.core.event import Event, EventStatus

import mrtoolkit
from mrtoolkit import _compiling
from mrtoolkit._compiling import _Notice
from mrtoolkit.errors import StrategyError

ROOT = Path(mrtoolkit.__file__).parents[1]
PROGRAM = """\
import sys
import numpy as np
from mrtoolkit import _compiling
from mrtoolkit.backtest._kernels.marks import last_known
_compiling._SECONDS = 0.0
if "hush" in sys.argv:
    _compiling.hush()
for closes in (np.arange(9.0), np.arange(9.0, dtype="f4")):
    last_known(closes, 5)
"""


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Compiling:
    """numba's events on a clock that the test moves."""

    def __init__(self, module="mrtoolkit.backtest._kernels.events"):
        self.now = 0.0
        self.notice = _Notice(lambda: self.now)
        self._data = {"dispatcher": SimpleNamespace(py_func=SimpleNamespace(__module__=module))}

    def begin(self):
        self.notice.notify(Event("numba:compile", EventStatus.START, data=self._data))

    def end(self, *, after=0.0):
        self.now += after
        self.notice.notify(Event("numba:compile", EventStatus.END, data=self._data))


@pytest.fixture
def terminal(monkeypatch):
    screen = Terminal()
    monkeypatch.setattr(_compiling, "sys", SimpleNamespace(stderr=screen, modules={}))
    return screen


def test_two_seconds_of_compiling_are_said_once_and_at_once(terminal):
    compiling = Compiling()
    compiling.begin()
    compiling.begin()
    compiling.end(after=1.9)
    assert not terminal.getvalue()
    compiling.begin()
    compiling.end(after=0.2)  # within the first one, which goes on
    assert terminal.getvalue() == "mrtoolkit: compiling its kernels, once on this machine; about half a minute ...\n"
    for _ in range(3):
        compiling.begin()
        compiling.end(after=5.0)
    assert terminal.getvalue().count("\n") == 1


def test_seconds_between_two_kernels_do_not_count(terminal):
    compiling = Compiling()
    for _ in range(3):
        compiling.begin()
        compiling.end(after=0.6)
        compiling.now += 60.0
    assert not terminal.getvalue()
    compiling.begin()
    compiling.end(after=0.6)
    assert terminal.getvalue()


def test_a_user_s_own_compiled_functions_are_not_ours_to_speak_of(terminal):
    compiling = Compiling(module="my_indicators")
    compiling.begin()
    compiling.end(after=9.0)
    assert not terminal.getvalue()


def test_a_machine_that_keeps_nothing_is_not_told_that_it_is_once(terminal):
    compiling = Compiling()
    compiling.notice.is_kept = lambda: False
    compiling.begin()
    compiling.end(after=9.0)
    assert "in each process" in terminal.getvalue()


@pytest.mark.parametrize(("shell", "is_said"), [(object(), True), (None, False)])
def test_a_notebook_is_told_and_a_log_file_is_not(monkeypatch, shell, is_said):
    screen = io.StringIO()
    monkeypatch.delenv("PYTEST_VERSION", raising=False)
    modules = {"IPython": SimpleNamespace(get_ipython=lambda: shell)}
    monkeypatch.setattr(_compiling, "sys", SimpleNamespace(stderr=screen, modules=modules))
    compiling = Compiling()
    compiling.begin()
    compiling.end(after=9.0)
    assert bool(screen.getvalue()) == is_said


@pytest.mark.skipif(os.name != "posix", reason="a terminal is made by openpty")
def test_the_first_process_on_a_machine_says_it_and_the_next_does_not(tmp_path):
    def said(*arguments, cache="cache"):
        import pty

        mine, theirs = pty.openpty()
        environment = {**os.environ, "MRTOOLKIT_CACHE_DIR": str(tmp_path / cache)}
        command = [sys.executable, "-c", PROGRAM, *arguments]
        done = subprocess.run(command, cwd=ROOT, env=environment, stderr=theirs, check=False)
        os.write(theirs, b"end")
        text = ""
        while not text.endswith("end"):  # a terminal gives what it has, perhaps a line
            text += os.read(mine, 65_536).decode()
        text = text.replace("\r\n", "\n")
        os.close(mine)
        os.close(theirs)
        assert done.returncode == 0, text
        return text

    line = "mrtoolkit: compiling its kernels, once on this machine; about half a minute ...\n"
    assert said() == line + "end"
    assert said() == "end"
    assert said("hush", cache="other") == "end"


def test_the_command_line_says_it_itself(monkeypatch):
    from mrtoolkit.cli import searching

    told = []
    monkeypatch.setattr(searching, "is_compiled", lambda: False)
    monkeypatch.setattr(searching, "say", lambda text, **_: told.append(text))
    monkeypatch.setattr(_compiling, "_NOTICE", _Notice())

    def refuse(point):
        raise StrategyError("it is not to be run here")

    space = mrtoolkit.Space(n=mrtoolkit.Integer(3, 5))
    searching._compile(SimpleNamespace(evaluate_fresh=refuse), space)
    assert told == ["compiling, once on this machine ..."]
    assert _compiling._NOTICE.is_said


def test_short_compilings_are_worth_a_word_together():
    compiling = Compiling()
    compiling.notice.is_said = True
    compiling.begin()
    compiling.end(after=0.4)
    compiling.begin()
    assert compiling.notice.words() == ""
    compiling.now += 0.2
    assert compiling.notice.words().startswith("Compiling")
    compiling.end()
    assert compiling.notice.words() == ""
