"""How a failure is told on stderr, and which exit code it gives."""

import sys
from collections.abc import Iterator, Sequence
from enum import IntEnum
from textwrap import indent

from faststream_oo.errors import ConnectError, MessagingError, SetupError
from faststream_oo.logs import user_traceback


class Exit(IntEnum):
    """What the exit code of a command says."""

    OK = 0
    """Done, or stopped politely."""
    FAILED = 1
    """Failed while running, or ended by a second signal."""
    USAGE = 2
    """The command line is wrong."""
    SETUP = 3
    """The application cannot be loaded, or it or its settings are wrong."""
    BROKER = 4
    """A broker cannot be reached, or refused us."""


class LoadError(Exception):
    """The user's own code raised while the application was built; its cause is that error."""


def report(error: BaseException, target: str) -> Exit:
    """Tell on stderr why a command failed, and return its exit code.

    An error of the framework is told in a panel; of the user's code the traceback is shown, from its first line.
    """
    if isinstance(error, LoadError) and error.__cause__ is not None:
        _print(f"{target} cannot be loaded", [user_traceback(error.__cause__)])
        return Exit.SETUP
    errors = list(_leaves(error))
    if any(not isinstance(leaf, MessagingError) for leaf in errors):
        _print(f"{target} failed", [user_traceback(error)])
        return Exit.FAILED
    for leaf in errors:
        _print(*_panel(leaf, target))
    return max((_code(leaf) for leaf in errors), default=Exit.FAILED)


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for member in error.exceptions:
            yield from _leaves(member)
    else:
        yield error


def _code(error: BaseException) -> Exit:
    match error:
        case ConnectError():
            return Exit.BROKER
        case SetupError():
            return Exit.SETUP
        case _:
            return Exit.FAILED


def _panel(error: BaseException, target: str) -> tuple[str, Sequence[str]]:
    match error:
        case SetupError(problems=problems):
            count = "a problem" if len(problems) == 1 else f"{len(problems)} problems"
            parts = [_hinted(f"{problem.path}: {problem.what}", problem.hint) for problem in problems]
            return f"{target} cannot start, {count}", parts
        case ConnectError():
            return f"{target} reaches no broker", [
                _hinted(f"{error.broker} at {error.servers}: {error.cause}", error.hint)
            ]
        case _:
            return f"{target} failed", [f"{type(error).__name__}: {error}"]


def _hinted(text: str, hint: str) -> str:
    return f"{text}\n  Hint: {hint}" if hint else text


def _print(title: str, parts: Sequence[str]) -> None:
    lines = "\n\n".join(indent(part, "  ") for part in parts)
    print(f"faststream-oo: {title}\n\n{lines}\n", file=sys.stderr)  # noqa: T201 - the command's own words
