"""The source hash changes with the text of a kernel, of its helpers and of the values that it refers to."""

import linecache
import os
import subprocess
import sys
import types

import pytest

from mrtoolkit.indicators import registry
from mrtoolkit.indicators.source import hash_source
from mrtoolkit.indicators.spec import Indicator

TEXT = """\
import numpy as np
import helping
from helping import added

TABLE = np.array([1.0, 2.0])
WORDS = ("a", 3)

def make(offset):
    def inner(x):
        return added(x) + helping.more(x) + offset + TABLE.sum() + len(WORDS) + np.sqrt(4.0)
    return inner

function = make(10)
"""
HELPER = """\
def added(x):
    return deeper(x) + 1

def deeper(x):
    return x * 2

def more(x):
    return x + 3
"""


def _hash(monkeypatch, text=TEXT, helper=HELPER, name="first"):
    helping = types.ModuleType("helping")
    monkeypatch.setitem(sys.modules, "helping", helping)
    spaces = {"helping": vars(helping), "using": {"__name__": "using"}}
    for part, source in (("helping", helper), ("using", text)):
        file = f"<{part}-{name}>"
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
        exec(compile(source, file, "exec"), spaces[part])
    helping.__file__ = "helping.py"
    return hash_source(spaces["using"]["function"])


@pytest.mark.parametrize(
    ("part", "old", "new"),
    [
        ("text", "offset + TABLE", "offset - TABLE"),
        ("text", "make(10)", "make(11)"),
        ("text", "1.0, 2.0", "1.0, 2.5"),
        ("text", '"a", 3', '"a", 4'),
        ("helper", "deeper(x) + 1", "deeper(x) + 2"),
        ("helper", "x * 2", "x * 3"),
        ("helper", "x + 3", "x + 4"),
    ],
)
def test_change_in_what_a_kernel_uses_changes_its_hash(monkeypatch, part, old, new):
    before = _hash(monkeypatch)
    assert _hash(monkeypatch, name="second") == before
    texts = {"text": TEXT, "helper": HELPER}
    assert old in texts[part]
    texts[part] = texts[part].replace(old, new)
    assert _hash(monkeypatch, **texts, name="third") != before


def test_source_that_was_edited_after_the_import_is_not_taken_for_what_runs():
    # The file on disk is newer than the function in memory: its text alone must not stand for the old code.
    file = "<edited>"

    def defined(constant, shown):
        space = {}
        exec(compile(f"def f(x):\n    return x + {constant}\n", file, "exec"), space)
        linecache.cache[file] = (1, None, ["def f(x):\n", f"    return x + {shown}\n"], file)
        return hash_source(space["f"])

    assert defined(1, shown=1) == defined(1, shown=1)
    assert len({defined(1, shown=1), defined(1, shown=2), defined(2, shown=2)}) == 3


def test_every_built_in_indicator_has_its_own_hash():
    kernels = [e for name in registry.names() if isinstance(e := registry.get(name), Indicator) and e.source is None]
    assert len(kernels) >= 9
    assert len({indicator.source_hash for indicator in kernels}) == len(kernels)
    assert all(len(indicator.source_hash) == 16 for indicator in kernels)


def test_hash_is_the_same_in_every_process():
    program = (
        "from mrtoolkit.indicators.source import hash_source\n"
        "def f(x, kind='a'):\n"
        "    return x if kind in {'a', 'bc', 'def', 'ghij'} else WORDS\n"
        "WORDS = {'k', 'lm', 'nop', 'qrst'}\n"
        "print(hash_source(f))"
    )
    hashes = set()
    for seed in ("1", "2", "3"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
        )
        hashes.add(done.stdout)
    assert len(hashes) == 1


CLASSES = """\
import enum, typing
class Base:
    weight = {base}
class Settings(Base):
    value = {value}
    @staticmethod
    def static(x): return x * {static}
    @classmethod
    def ofclass(cls, x): return x * {ofclass}
    @property
    def prop(self): return {prop}
    def method(self, x): return x * {method}
class Model:
    __slots__ = ("k",)
    def __init__(self, k): self.k = k
class Kind(enum.Enum):
    A = {member}
class Record(typing.NamedTuple):
    k: float = {default}
MODEL = Model({held})
def function(close): return MODEL.k * Settings.value * Settings().method(1) * Kind.A.value * Record().k * close
"""
PLACES = ("base", "value", "static", "ofclass", "prop", "method", "member", "default", "held")


def _of_classes(**changed):
    space = {"__name__": "__main__"}
    exec(CLASSES.format(**{**dict.fromkeys(PLACES, 1), **changed}), space)
    return space


@pytest.mark.parametrize("place", PLACES)
def test_what_stands_in_a_class_or_an_object_counts(place):
    assert hash_source(_of_classes()["function"]) == hash_source(_of_classes()["function"])
    assert hash_source(_of_classes(**{place: 2})["function"]) != hash_source(_of_classes()["function"])


def test_an_object_and_a_class_that_change_in_their_place_are_seen():
    space = _of_classes()
    seen = [hash_source(space["function"])]
    space["MODEL"].k = 5
    seen.append(hash_source(space["function"]))
    space["Settings"].value = 5
    seen.append(hash_source(space["function"]))
    assert len(set(seen)) == 3
