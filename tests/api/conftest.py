"""User programs: each is a module with its own tests, and finds its files beside it."""

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent

sys.path.insert(0, str(HERE))


@pytest.fixture(autouse=True)
def beside_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs name files relative to their own folder."""
    monkeypatch.chdir(HERE / "a09_enterprise")
