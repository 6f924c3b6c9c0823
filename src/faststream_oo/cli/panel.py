"""How a failure is told on stderr, and which exit code it gives."""

import sys
from collections.abc import Callable, Iterator, Sequence
from enum import IntEnum
from textwrap import indent
from typing import cast

from faststream_oo.errors import ConnectError, MessagingError, SetupError
from faststream_oo.logs import user_traceback


class Exit(IntEnum):
    """What the exit code of a command says."""

    OK = 0
    """Done, or stopped politely."""
    FAILED = 1
    """Failed while running, or ended by a second signal."""
    SETUP = 3
    """The application cannot be loaded, or it or its settings are wrong."""
    BROKER = 4
    """A broker cannot be reached, or refused us."""


class LoadError(Exception):
    """The user's own code raised while the application was loaded; its cause is that error."""


def guarded(target: str, command: Callable[[], object]) -> int:
    """Run a command on an application and return the exit code; what it raises is told on stderr."""
    try:
        command()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else Exit.OK if end.code is None else Exit.FAILED
    except KeyboardInterrupt:  # before there was a loop to take the signal
        return Exit.FAILED
    except (Exception, BaseExceptionGroup) as error:  # noqa: BLE001 - the last one who can tell it
        return _report(error, target)
    return Exit.OK


def _report(error: BaseException, target: str) -> Exit:
    """Tell errors of the framework in panels, and of the user's code by the traceback from its first line."""
    if isinstance(error, LoadError) and error.__cause__ is not None:
        _print(f"{target} cannot be loaded", [user_traceback(error.__cause__)])
        return Exit.SETUP
    errors = list(_leaves(error))
    if not all(isinstance(leaf, MessagingError) for leaf in errors):
        _print(f"{target} failed", [user_traceback(error)])
        return Exit.FAILED
    for leaf in errors:
        _print(*_panel(leaf, target))
    return max(_code(leaf) for leaf in errors)


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for member in cast("BaseExceptionGroup[BaseException]", error).exceptions:
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
            place = f"{error.broker} at {error.servers}"
            can = "use" if error.refused else "reach"
            return f"{target} cannot {can} {place}", [_hinted(error.cause, error.hint)]
        case _:
            return f"{target} failed", [f"{type(error).__name__}: {error}"]


def _hinted(text: str, hint: str) -> str:
    return f"{text}\n  Hint: {hint}" if hint else text


def _print(title: str, parts: Sequence[str]) -> None:
    body = "\n\n".join(indent(part, "  ") for part in parts)
    print(f"faststream-oo: {title}\n\n{body}\n", file=sys.stderr)  # noqa: T201 - the command's own words
