"""Each measured behaviour of the first wave is shown by tests that exist, or says why nobody can notice it."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
TABLES = ROOT / "tests" / "behaviours"

# Ranges of numbers, as the tables write them.
FIRST_WAVE = {
    "kafka": {
        "K": "1-5 8 10 11 15 18 19 22-31 33 36 37 39-41 45-47 49 50 52-54 56 58 61-63 65-68 73",
        "K-E": "1 3 5",
    },
    "rabbit": {
        "R": "1-3 5-10 12 13 15-17 19 20 26-31 33-36 39-42 46-50 53 54 57 59-62 65 67 70",
        "R-E": "1 2 5",
    },
    "nats": {
        "N": "1-3 6-12 16 19",
        "J": "1 2 6 8 11-14 16-18 22-24 27 29-31 35-37",
        "V": "1-4 6 10 11 13 16",
        "O": "1 3 4",
        "N-E": "1 2 6",
    },
    "redis": {
        "D": "1-5 8-10 13-16 19 22-24 27 28 30 31 33-36 38 39 42 44-46 48-51 53-55 57",
        "D-E": "1-3",
    },
}
ROW = re.compile(r"^\| ([A-Z](?:-E)?-?\d+) \| (.+?) \| (.+) \|$", re.MULTILINE)
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def numbers(series: str, ranges: str) -> list[str]:
    found: list[str] = []
    for part in ranges.split():
        first, _, last = part.partition("-")
        found += [series + (f"{n}" if "E" in series else f"-{n:02}") for n in range(int(first), int(last or first) + 1)]
    return found


@cache
def functions_of(module: Path) -> frozenset[str]:
    names = ast.walk(ast.parse(module.read_text()))
    return frozenset(node.name for node in names if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


@pytest.mark.parametrize("protocol", list(FIRST_WAVE))
def test_each_line_names_what_shows_it(protocol: str) -> None:
    rows = {line: shown for line, _, shown in ROW.findall((TABLES / f"{protocol}.md").read_text())}
    wanted = [line for series, ranges in FIRST_WAVE[protocol].items() for line in numbers(series, ranges)]

    assert [line for line in wanted if line not in rows] == []
    for line, shown in rows.items():
        named = TEST.findall(shown)
        if not shown.startswith("cannot be noticed: "):
            assert named, f"{line} names no test"
        for path, function in named:
            assert function in functions_of(ROOT / path), f"{line}: {path} has no {function}"
