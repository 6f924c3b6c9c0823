"""The command line itself: help, version, and what is refused as wrong usage."""

import pytest

from faststream_oo.cli import main
from tests.unit.cli.conftest import Run


def test_help_names_the_commands(run: Run) -> None:
    code, out, _ = run("--help")
    assert code == 0
    assert out.startswith("faststream-oo COMMAND\n")
    for command in ("serve", "check", "describe", "--version"):
        assert f"\n  {command} " in out


def test_without_a_command_help_is_shown(run: Run) -> None:
    assert run()[1].startswith("faststream-oo COMMAND\n")


def test_help_of_a_command_names_its_options_in_full(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    code, out, _ = run("serve", "--help")
    assert code == 0
    assert "  APP  module:Name of a container class, an Application, or a function that returns one.\n" in out
    assert "  --set STR...         Setting as KEY=VALUE, over files and variables FASTSTREAM_OO_*. May be rep" in out
    assert (
        '  --log-format CHOICE  "auto" is console on a terminal, JSON elsewhere. [auto, console, json, logfmt]\n' in out
    )


def test_help_fits_the_width_of_the_terminal(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    assert max(map(len, run("serve", "--help")[1].partition("Arguments:")[2].splitlines())) <= 60


def test_version_is_that_of_the_package(run: Run) -> None:
    from importlib.metadata import version

    assert run("--version") == (0, f"{version('faststream-oo')}\n", "")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["serv", "billing"], 'Unknown command "serv". Did you mean "serve"?'),
        (["serve", "billing", "--memry"], "Unknown option: --memry. Did you mean --memory?"),
        (["serve", "billing", "--workers", "2"], "Unknown option: --workers."),
        (["serve", "billing", "--log-level", "loud"], 'Invalid value "loud" for --log-level.'),
        (["serve", "billing", "another"], "another"),
        (["serve"], "APP requires an argument"),
        (["check", "billing", "--config"], "--config requires an argument"),
        (["check", "billing", "--log-level", "info"], "Unknown option: --log-level."),
        (["serve", "billing", "--memory=3"], "--memory"),
        (["serve", "billing", "--no-memory"], "Unknown option: --no-memory."),
    ],
)
def test_wrong_usage_is_code_2_and_never_starts(run: Run, arguments: list[str], told: str) -> None:
    code, out, err = run(*arguments)
    assert code == 2
    assert out == ""
    assert err.startswith("faststream-oo: ")
    assert told in err
    assert "  Hint: faststream-oo" in err


def test_without_arguments_those_of_the_process_are_taken(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["faststream-oo", "--version"])
    assert main() == 0
    assert capsys.readouterr().out
