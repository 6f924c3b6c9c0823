"""The Python in the README and the docs runs, its tests included."""

import inspect
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def python_of(page: Path) -> str:
    return "\n".join(re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL))


@pytest.mark.parametrize(
    "page", [page for page in PAGES if python_of(page)], ids=lambda page: str(page.relative_to(ROOT))
)
async def test_the_code_of_a_page_runs(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"docs_{page.stem.replace('-', '_').lower()}"
    module = ModuleType(name)
    monkeypatch.setitem(sys.modules, name, module)  # annotations are resolved in it
    exec(compile(python_of(page), str(page), "exec"), vars(module))
    for test_name, test in list(vars(module).items()):
        if test_name.startswith("test_") and inspect.iscoroutinefunction(test):
            await test()
