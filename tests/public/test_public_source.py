"""The rules of the house that no other tool checks, read from the source."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "mrtoolkit").rglob("*.py"))
TREES = {path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8")) for path in FILES}


def imports(tree: ast.AST) -> list[str]:
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names += ["." * node.level + (node.module or "")]
    return names


def offenders(check) -> list[str]:
    return [name for name, tree in TREES.items() if check(tree)]


def test_the_package_was_found():
    assert len(TREES) > 30


def test_no_file_imports_the_package_root():
    assert offenders(lambda tree: "mrtoolkit" in imports(tree)) in ([], ["mrtoolkit/__init__.py"])


def test_dots_are_for_an_init_file_and_its_own_folder():
    def dotted(tree: ast.AST) -> bool:
        return any(name.startswith(".") for name in imports(tree))

    def upwards(tree: ast.AST) -> bool:
        return any(name.startswith("..") for name in imports(tree))

    assert [name for name in offenders(dotted) if not name.endswith("__init__.py")] == []
    assert offenders(upwards) == []


def test_kernels_are_made_of_nothing_but_what_their_cache_is_named_after():
    """Machine code bears the digest of the `_kernels` folders and of `_jit`: an edit elsewhere would leave it stale."""
    kernels = [tree for name, tree in TREES.items() if "/_kernels/" in name]
    used = {name for tree in kernels for name in imports(tree) if name.startswith(("mrtoolkit", "."))}
    assert "mrtoolkit._kernels.vectors" in used
    assert [name for name in sorted(used) if "._kernels." not in name and name != "mrtoolkit._jit"] == []


def test_no_function_imports_a_first_party_module():
    def hidden(tree: ast.AST) -> bool:
        functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
        return any(n.startswith((".", "mrtoolkit")) for f in functions for n in imports(f))

    assert offenders(hidden) == []


@pytest.mark.parametrize("module", ["pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"])
def test_nothing_that_runs_code_from_a_file_is_imported(module):
    assert offenders(lambda t: any(n.split(".")[0] == module for n in imports(t))) == []


def test_nothing_is_evaluated_or_executed():
    def runs(tree: ast.AST) -> bool:
        called = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
        names = {function.id for function in called if isinstance(function, ast.Name)}
        methods = {function.attr for function in called if isinstance(function, ast.Attribute)}
        return bool(names & {"eval", "exec", "compile", "__import__"} or methods & {"eval", "exec", "literal_eval"})

    assert offenders(runs) == []


def test_what_only_posix_has_is_not_imported_unguarded():
    def posix(tree: ast.Module) -> bool:
        top = ast.Module(body=[n for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom)], type_ignores=[])
        return any(n in ("fcntl", "resource", "termios", "pwd", "grp", "readline") for n in imports(top))

    assert offenders(posix) == []


def test_no_file_is_longer_than_400_lines():
    assert [p.name for p in FILES if len(p.read_text(encoding="utf-8").splitlines()) > 400] == []


def test_no_file_is_a_drawer():
    assert [
        p.name for p in FILES if p.stem in ("utils", "util", "helpers", "common", "misc", "core", "base", "manager")
    ] == []


def test_the_layers_are_kept():
    tool = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([tool, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_the_flow_that_is_told_is_the_one_that_is_kept(page):
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = settings["tool"]["importlinter"]["contracts"][0]["layers"][::-1]
    assert " → ".join(layers[layers.index("data") :]) in (ROOT / page).read_text(encoding="utf-8")
