"""The binder folder pins what the toolkit needs, and repo2docker would understand it."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BINDER = ROOT / "binder"


def pins() -> dict[str, str]:
    lines = [line.split("#")[0].strip() for line in (BINDER / "requirements.txt").read_text().splitlines()]
    return dict(line.split("==") for line in lines if line and line != ".")


def test_every_requirement_is_pinned_and_our_own_package_comes_last():
    lines = [line for line in (BINDER / "requirements.txt").read_text().splitlines() if line and line[0] != "#"]
    assert lines[-1] == "."
    assert all(line.count("==") == 1 for line in lines[:-1])


def test_what_the_package_depends_on_and_what_the_notebook_runs_in_is_pinned():
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    needed = {line.split(">=")[0].split("[")[0].lower() for line in declared} | {
        "ipykernel",
        "llvmlite",
        "jupyter-server",
    }
    assert needed - set(pins()) == set()


def test_the_pins_are_not_below_the_declared_bounds():
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    for name, low in (line.split(">=") for line in declared):
        pinned = [int(part) for part in pins()[name.lower()].split(".")[:2] if part.isdigit()]
        assert pinned >= [int(part) for part in low.split(".")[:2]], name


def test_there_is_nothing_that_repo2docker_would_take_instead():
    assert sorted(path.name for path in BINDER.iterdir()) == ["postBuild", "requirements.txt", "runtime.txt"]
    assert not (ROOT / ".binder").exists()
    assert (BINDER / "runtime.txt").read_text().strip() == "python-3.11"
    assert os.access(BINDER / "postBuild", os.X_OK)


@pytest.mark.long
def test_the_pinned_environment_installs_warms_and_runs_every_notebook(tmp_path):
    if sys.version_info[:2] != (3, 11):
        pytest.skip("binder runs Python 3.11, this is another")
    home = tmp_path / "env"
    python = home / "bin" / "python"
    env = dict(
        os.environ,
        PATH=f"{home / 'bin'}:{os.environ['PATH']}",
        VIRTUAL_ENV=str(home),
        MRTOOLKIT_CACHE_DIR=str(tmp_path / "cache"),
    )
    for line in (
        [sys.executable, "-m", "venv", home],
        [python, "-m", "pip", "install", "-q", "-r", BINDER / "requirements.txt"],
        [python, "-m", "pip", "check"],
        [BINDER / "postBuild"],
        *(
            [python, "-m", "jupyter", "execute", "--timeout=300", path]
            for path in sorted((ROOT / "notebooks").glob("*.ipynb"))
        ),
    ):
        done = subprocess.run(line, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
