"""Help and version are quick, as they load nothing that serving needs."""

import resource
import subprocess
import sys

import pytest

PROGRAM = "import sys; from faststream_oo.cli.main import main; code = main({arguments!r}); {rest}; sys.exit(code)"


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["serve", "--help"]])
def test_nothing_that_serving_needs_is_loaded(arguments: list[str]) -> None:
    heavy = ["aiokafka", "dependency_injector", "cattrs", "yaml", "asyncio", "faststream_oo.application"]
    rest = f"print([name for name in {heavy!r} if name in sys.modules], file=sys.stderr)"
    program = PROGRAM.format(arguments=arguments, rest=rest)
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stderr == "[]\n"


def test_help_costs_at_most_twice_the_import_of_the_library_below_it() -> None:
    """The least of many rounds: what else runs on the machine only ever adds."""
    help_ = PROGRAM.format(arguments=["--help"], rest="pass")
    library = min(cpu_of("import cyclopts") for _ in range(15))
    ours = min(cpu_of(help_) for _ in range(15))
    assert ours <= 2 * library, f"{ours * 1000:.0f} ms CPU, {library * 1000:.0f} ms for the library"


def cpu_of(program: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", program], stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
