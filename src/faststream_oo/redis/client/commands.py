"""What a driver gives: connections that take commands and give answers, in the order of the commands.

Everything else, what is read, settled, published, renewed and declared, is written once on top of this. The answers are
those of RESP2, as the server sends them: bytes, numbers, lists and null.
"""

from collections.abc import Sequence
from typing import Final, Protocol, TypeAlias

from faststream_oo.errors import TransportError

Part: TypeAlias = str | bytes | int | float
Command: TypeAlias = Sequence[Part]
"""Name and arguments, as `("XACK", key, group, id)`; a Lua script goes as `("EVAL", text, 1, key, …)`."""

Answer: TypeAlias = "bytes | int | list[Answer] | CommandError | None"
"""One answer; a status is bytes (`b"OK"`), and an error is one in its place, also within the list that EXEC gives."""


_PASSING: Final = frozenset({"OOM", "MISCONF", "NOREPLICAS", "BUSY"})
_DEMOTED: Final = "UNBLOCKED force unblock"
"""What a read that waits is answered when its server becomes a replica."""


class CommandError(TransportError):
    """The server's answer to a command that it refused, in its words: `WRONGTYPE Operation against a key …`."""

    @property
    def code(self) -> str:
        """Its first word."""
        return str(self).partition(" ")[0]

    @property
    def passes(self) -> bool:
        """Whether the same command may be taken later: the server lacks memory, a disk or replicas, is busy, or no master."""
        return self.code in _PASSING or str(self).startswith(_DEMOTED)


class LostError(TransportError):
    """The connection is no more, or there was none; which of the commands without an answer were carried out is unknown."""


class NotReadyError(LostError):
    """The server answers and does not serve us now: it is loading what it has on disk, or is no master any more."""


class Connection(Protocol):
    """One connection, used by one task at a time: the answers come in the order of the commands.

    After `SUBSCRIBE` what comes is no answer any more but what is heard: `[b"message", channel, data]`,
    `[b"pmessage", pattern, channel, data]`, and `[b"subscribe", name, count]` for each name.
    """

    async def send(self, commands: Sequence[Command], /) -> None:
        """Write commands, at once and in order. Raises LostError."""

    async def receive(self, count: int, into: list[Answer], /) -> None:
        """Append the next answers, so many; waits for them. A call that is cancelled ends the connection.

        Raises:
            LostError: The connection was lost; the answers that came before have been appended.
        """

    async def close(self) -> None:
        """Disconnect, now; a command that blocks is given up by the server."""


class Link(Protocol):
    """A server and how it is reached."""

    async def connect(self) -> Connection:
        """Return one more connection, logged in, on the database of the settings. Raises ConnectError."""
        ...
