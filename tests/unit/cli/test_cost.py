"""Help and version are quick, as they load nothing that serving needs."""

import resource
import subprocess
import sys
from statistics import median

import pytest

PROGRAM = "import sys; from faststream_oo.cli.main import main; code = main({arguments!r}); {rest}; sys.exit(code)"


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["serve", "--help"]])
def test_nothing_that_serving_needs_is_loaded(arguments: list[str]) -> None:
    heavy = ["aiokafka", "dependency_injector", "cattrs", "yaml", "asyncio", "faststream_oo.application"]
    rest = f"print([name for name in {heavy!r} if name in sys.modules], file=sys.stderr)"
    program = PROGRAM.format(arguments=arguments, rest=rest)
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stderr == "[]\n"


@pytest.mark.timeout(300)
def test_help_costs_at_most_twice_the_import_of_the_library_below_it() -> None:
    """The median of pairs that run next to each other: what else the machine does slows both down."""
    help_ = PROGRAM.format(arguments=["--help"], rest="pass")
    ratios = [cpu_of(help_) / cpu_of("import cyclopts") for _ in range(15)]
    assert median(ratios) <= 2, ratios


def cpu_of(program: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", program], stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
