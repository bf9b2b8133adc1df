"""What the README promises is run: its Python blocks here, its commands by .ci/run."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)


def test_its_python_blocks_run_from_top_to_bottom(tmp_path):
    code = blocks("python")
    assert code
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(code)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_quickstart_is_at_most_twelve_lines():
    assert len([line for line in blocks("python")[0].splitlines() if line.strip() and not line.startswith("#")]) <= 12


def test_each_of_its_two_commands_is_one_line_that_sets_itself_up():
    lines = [line for block in blocks("sh") for line in block.splitlines() if line.startswith("python3 -m venv")]
    assert len(lines) == 2
    assert lines[0].endswith("mrtoolkit demo")
    assert lines[1].endswith("-m pytest")


def test_the_check_of_a_change_runs_the_readme_s_own_test_command():
    pattern = re.search(r"grep -m1 '(.*?)' README\.md", (ROOT / ".ci" / "run").read_text(encoding="utf-8"))
    assert pattern
    found = [line for line in README.splitlines() if re.search(pattern[1], line)]
    assert found == [line for line in README.splitlines() if line.startswith("python3") and line.endswith("-m pytest")]
    assert len(found) == 1


def test_it_is_at_most_150_lines_and_every_picture_and_link_to_a_file_is_there():
    assert len(README.splitlines()) <= 150
    targets = re.findall(r"\]\(([^)#]+)\)", README)
    assert [t for t in targets if "://" not in t and not (ROOT / t).exists()] == []


def test_its_pictures_are_small():
    pictures = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", README)
    assert pictures
    assert all((ROOT / picture).stat().st_size < 300_000 for picture in pictures)
