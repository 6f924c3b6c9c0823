import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from faststream_oo.cli import main

APPS = Path(__file__).parent / "apps"

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of the test applications as the current one; what is imported from it is forgotten again."""
    before = set(sys.modules)
    monkeypatch.chdir(APPS)
    monkeypatch.setattr(sys, "path", sys.path[:])
    yield APPS
    for name in set(sys.modules) - before:
        if "faststream_oo" not in name and Path(getattr(sys.modules[name], "__file__", "") or "").parent != APPS.parent:
            sys.modules.pop(name)


@pytest.fixture
def run(here: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command line; returns exit code, stdout and stderr."""

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(arguments)
        out, err = capsys.readouterr()
        return code, out, err

    return run


@pytest.fixture
def module(tmp_path: Path, here: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Path]:
    """Write a module into an empty folder, which becomes the current one."""
    monkeypatch.chdir(tmp_path)

    def write(name: str, text: str) -> Path:
        file = tmp_path / f"{name}.py"
        file.write_text(text)
        return file

    return write
