"""Kernels are compiled once on a machine, and an edit of any kernel file is always seen."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import mrtoolkit

PACKAGE = Path(mrtoolkit.__file__).parent

# A kernel that calls a helper in another file: the case that numba's own cache gets wrong.
HELPER = """\
from mrtoolkit._jit import kernel

@kernel
def scaled(value):
    return value * 2.0
"""
CALLER = """\
from mrtoolkit._jit import kernel
from mrtoolkit.indicators._kernels.probe_helper import scaled

@kernel
def total(x):
    result = 0.0
    for value in x:
        result += scaled(value)
    return result
"""
PROGRAM = """\
import numpy as np
from mrtoolkit._jit import is_compiled, read_only
from mrtoolkit.indicators._kernels.probe import total
before = is_compiled(), is_compiled(total)
result = total(read_only(np.arange(4.0)))
stats = total.stats
print(result, *before, is_compiled(total), sum(stats.cache_hits.values()), sum(stats.cache_misses.values()))
"""


@pytest.fixture
def copy(tmp_path):
    target = tmp_path / "clone"
    for path in ("__init__.py", "_compiling.py", "_jit.py", "errors.py", "py.typed"):
        (target / "mrtoolkit").mkdir(parents=True, exist_ok=True)
        shutil.copy(PACKAGE / path, target / "mrtoolkit" / path)
    (target / "mrtoolkit" / "__init__.py").write_text(
        ""
    )  # the kernels alone, so that this test waits for no other part
    kernels = target / "mrtoolkit" / "indicators" / "_kernels"
    kernels.mkdir(parents=True)
    (kernels.parent / "__init__.py").write_text("")
    (kernels / "__init__.py").write_text("")
    (kernels / "probe_helper.py").write_text(HELPER)
    (kernels / "probe.py").write_text(CALLER)
    return target


def _run(copy, cache, program=PROGRAM, **environment):
    environment = {**os.environ, "MRTOOLKIT_CACHE_DIR": str(cache), "PYTHONDONTWRITEBYTECODE": "1", **environment}
    environment = {name: value for name, value in environment.items() if value is not None}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=copy, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return done.stdout.split()


def test_edit_of_a_helper_kernel_is_seen_and_a_warm_process_compiles_nothing(copy, tmp_path):
    cache = tmp_path / "cache"
    assert _run(copy, cache) == ["12.0", "False", "False", "True", "0", "1"]
    assert _run(copy, cache) == ["12.0", "True", "True", "True", "1", "0"]
    helper = copy / "mrtoolkit" / "indicators" / "_kernels" / "probe_helper.py"
    stamp = helper.stat()
    helper.write_text(HELPER.replace("2.0", "3.0"))
    os.utime(helper, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))  # same size, same time: only the content tells
    assert _run(copy, cache) == ["18.0", "False", "False", "True", "0", "1"]
    helper.write_text(HELPER)
    assert _run(copy, cache) == ["12.0", "True", "True", "True", "1", "0"]


def test_edit_of_what_the_kernels_of_all_parts_are_made_of_is_seen(copy, tmp_path):
    cache, shared = tmp_path / "cache", copy / "mrtoolkit" / "_kernels"
    shared.mkdir()
    (shared / "vectors.py").write_text("ONE = 1\n")
    assert _run(copy, cache) == ["12.0", "False", "False", "True", "0", "1"]
    (shared / "vectors.py").write_text("ONE = 2\n")
    assert _run(copy, cache) == ["12.0", "False", "False", "True", "0", "1"]


def test_damaged_machine_code_is_compiled_again(copy, tmp_path):
    cache = tmp_path / "cache"
    _run(copy, cache)
    for path in cache.rglob("*.nb*"):
        path.write_bytes(path.read_bytes()[: 40 if path.suffix == ".nbc" else None])
    assert _run(copy, cache)[0] == "12.0"
    for path in cache.rglob("*.nb*"):
        path.write_bytes(b"")
    assert _run(copy, cache)[0] == "12.0"


def test_place_that_cannot_be_written_does_not_stop_a_kernel(copy, tmp_path):
    file = tmp_path / "a file, no folder"
    file.write_text("x")
    assert _run(copy, file)[:4] == ["12.0", "False", "False", "False"]
    # No home at all: nothing to derive a cache folder from.
    nowhere = dict.fromkeys(("XDG_CACHE_HOME", "LOCALAPPDATA"))
    assert _run(copy, "", HOME=str(file), **nowhere)[:4] == ["12.0", "False", "False", "False"]


def test_machine_code_of_old_kernels_is_removed(copy, tmp_path):
    cache = tmp_path / "cache"
    helper = copy / "mrtoolkit" / "indicators" / "_kernels" / "probe_helper.py"
    for k in range(12):
        old = cache / "kernels" / f"old{k:02}"
        old.mkdir(parents=True)
        os.utime(old, (k + 1, k + 1))
    helper.write_text(HELPER + "\n")
    _run(copy, cache)
    left = sorted(path.name for path in (cache / "kernels").iterdir())
    assert len(left) == 8
    assert [name for name in left if name.startswith("old")] == [f"old{k:02}" for k in range(5, 12)]


def test_importing_the_kernels_compiles_nothing(tmp_path):
    program = (
        "import mrtoolkit.indicators\n"
        "from mrtoolkit._jit import is_compiled\n"
        "from mrtoolkit.indicators._kernels.smoothing import smooth\n"
        "print(is_compiled(), len(smooth.signatures))"
    )
    assert _run(PACKAGE.parent, tmp_path / "cache", program) == ["False", "0"]
