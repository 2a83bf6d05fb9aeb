"""The files in tests/typing say what the types are; mypy and pyright must both agree, strictly."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILES = ROOT / "tests" / "typing"


@pytest.mark.parametrize("tool", ["mypy", "basedpyright"])
def test_the_type_checkers_agree_with_what_is_asserted(tool: str) -> None:
    command = [sys.executable, "-m", tool, str(FILES)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


STRICTEST = {
    "mypy": ["--strict", "--config-file=", "program.py"],
    "basedpyright": ["--project", "pyrightconfig.json", "--pythonpath", sys.executable],
}


@pytest.mark.parametrize("tool", sorted(STRICTEST))
def test_a_program_of_a_strict_user_has_no_complaints(tool: str, tmp_path: Path) -> None:
    # By itself, without our settings; ours are milder for tests.
    program = (FILES / "every_property.py").read_text()
    assert "Any" not in program
    assert "type: ignore" not in program
    (tmp_path / "program.py").write_text(program)
    (tmp_path / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict", "include": ["."]}')
    command = [sys.executable, "-m", tool, *STRICTEST[tool]]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("tool", ["mypy", "basedpyright"])
def test_the_type_checkers_would_notice(tool: str, tmp_path: Path) -> None:
    # A check that can't fail proves nothing: this one must.
    wrong = tmp_path / "wrong.py"
    wrong.write_text(
        "from typing import assert_type\nfrom kindstore import ndb\n\n\n"
        "class Author(ndb.Model):\n    age = ndb.IntegerProperty(required=True)\n\n\n"
        "assert_type(Author().age, str)\n"
    )
    command = [sys.executable, "-m", tool, str(wrong)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "int" in done.stdout
