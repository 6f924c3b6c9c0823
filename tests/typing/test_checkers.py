"""A user's code, held against both checkers: what is right passes, what is wrong is refused on its marked line."""

import json
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
WRONG = HERE / "wrong"

Place = tuple[str, int]

pytestmark = pytest.mark.timeout(300)


def marked() -> set[Place]:
    """Return the lines that must be refused."""
    return {
        (file.name, number)
        for file in WRONG.glob("e*.py")
        for number, line in enumerate(file.read_text().splitlines(), 1)
        if line.endswith("# E")
    }


def run(*command: str) -> str:
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=WRONG, capture_output=True, text=True, check=False
    ).stdout


def by_mypy(files: Iterable[Path]) -> set[Place]:
    output = run(
        "mypy", "--strict", "--no-error-summary", "--cache-dir", str(ROOT / ".mypy_cache/typing"), *map(str, files)
    )
    found = re.findall(r"^(.+?):(\d+): error:", output, re.MULTILINE)
    return {(Path(name).name, int(number)) for name, number in found}


def by_pyright(files: Iterable[Path]) -> set[Place]:
    project = WRONG / "pyrightconfig.json"
    project.write_text(
        json.dumps({"typeCheckingMode": "strict", "reportMissingImports": "error", "reportUnusedImport": False})
    )
    try:
        found = json.loads(run("pyright", "--outputjson", "--pythonpath", sys.executable, *map(str, files)))
    finally:
        project.unlink()
    return {
        (Path(one["file"]).name, one["range"]["start"]["line"] + 1)
        for one in found["generalDiagnostics"]
        if one["severity"] == "error"
    }


@pytest.mark.parametrize("checker", [by_mypy, by_pyright])
def test_wrong_programs_are_refused_on_their_marked_lines(checker: object) -> None:
    assert callable(checker)

    assert checker(sorted(WRONG.glob("*.py"))) == marked()


@pytest.mark.parametrize("checker", [by_mypy, by_pyright])
def test_what_users_write_is_inferred_as_promised(checker: object) -> None:
    assert callable(checker)

    assert checker([HERE / "right.py"]) == set()
