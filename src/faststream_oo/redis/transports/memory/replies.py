"""How an embedded Redis reads what a command says, and what one does that finds nothing yet."""

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from faststream_oo.redis.client.commands import Answer, CommandError

Args: TypeAlias = Sequence[bytes]
"""What follows the name of a command."""

OK: Final = b"OK"
WRONGTYPE: Final = "WRONGTYPE Operation against a key holding the wrong kind of value"


def integer(arg: bytes, /) -> int:
    """Return a whole number. Raises CommandError."""
    try:
        return int(arg)
    except ValueError:
        raise CommandError("value is not an integer or out of range") from None


def seconds(arg: bytes, /) -> float:
    """Return a time-out in seconds; 0 is for ever. Raises CommandError."""
    try:
        found = float(arg)
    except ValueError:
        raise CommandError("timeout is not a float or out of range") from None
    if found < 0:
        raise CommandError("timeout is negative")
    return found


def syntax() -> CommandError:
    """Return the refusal of a command that cannot be read."""
    return CommandError("syntax error")


def said(name: bytes, /) -> str:
    """Return a name as it stands in a refusal."""
    return name.decode("utf-8", "replace")


class Waiting:
    """A command that found nothing and waits for one of its keys.

    Args:
        keys: Where something may come.
        attempt: Tries again when one of them has changed; None waits on. Raises CommandError.
        seconds: How long; 0 is for ever.
    """

    def __init__(self, keys: Sequence[bytes], attempt: Callable[[bytes], Answer], seconds: float) -> None:
        self.keys = keys
        self.attempt = attempt
        self.seconds = seconds
