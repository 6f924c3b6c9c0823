"""Redis by its commands, past the framework: a real one and the embedded one, with the same answers."""

import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Final

from faststream_oo.redis.client.commands import Answer, Command, CommandError, Connection, Link, Part

RUN: Final = f"wires-{uuid.uuid4().hex[:10]}"
"""What the keys of this run begin with."""


class Wire:
    """One connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.number = 0

    async def __call__(self, *parts: Part) -> Any:
        """Send one command, and return its answer. Raises CommandError."""
        (answer,) = await self.all(parts)
        if isinstance(answer, CommandError):
            raise answer
        return answer

    async def all(self, *commands: Command) -> list[Any]:
        """Send commands together, and return their answers, errors in their places."""
        await self._connection.send(commands)
        return await self.next(len(commands))

    async def next(self, count: int = 1) -> list[Any]:
        """Return the next answers, or what is heard."""
        answers: list[Answer] = []
        await self._connection.receive(count, answers)
        return answers

    async def transaction(self, *commands: Command) -> Any:
        """Send a transaction, and return what EXEC answers. Raises CommandError."""
        *_, answer = await self.all(("MULTI",), *commands, ("EXEC",))
        if isinstance(answer, CommandError):
            raise answer
        return answer

    async def refused(self, *parts: Part) -> str:
        """Send a command that is refused, and return the server's words."""
        (answer,) = await self.all(parts)
        assert isinstance(answer, CommandError), answer
        return str(answer)

    async def send(self, *parts: Part) -> None:
        """Send a command, and leave its answer for `next`."""
        await self._connection.send([parts])

    async def close(self) -> None:
        await self._connection.close()


class Wires(ABC):
    """A server with as many connections as a test wants."""

    async def version(self) -> tuple[int, int]:
        """Return which Redis this is, or is like."""
        return (7, 0)

    def __init__(self, link: Link) -> None:
        self._link = link
        self._open: list[Wire] = []

    async def connect(self) -> Wire:
        wire = Wire(await self._link.connect())
        wire.number = await wire("CLIENT", "ID")
        self._open.append(wire)
        return wire

    async def waiting(self, *parts: Part) -> Wire:
        """Return a connection that waits in a command; its answer is left for `next`."""
        wire = await self.connect()
        await wire.send(*parts)
        await self.blocked(wire)
        return wire

    @abstractmethod
    async def blocked(self, wire: Wire, /) -> None:
        """Return when a connection waits in a command."""

    @abstractmethod
    async def gone(self, wire: Wire, /) -> None:
        """Return when the server has noticed that a connection was closed."""

    async def close(self) -> None:
        for wire in self._open:
            await wire.close()


class RealWires(Wires):
    """A real Redis."""

    async def version(self) -> tuple[int, int]:
        wire = await self.connect()
        told = dict(line.split(":", 1) for line in (await wire("INFO", "server")).decode().split("\r\n") if ":" in line)
        major, minor, *_ = told["redis_version"].split(".")
        return int(major), int(minor)

    async def close(self) -> None:
        wire = await self.connect()
        if keys := await wire("KEYS", f"{RUN}-*"):
            await wire("DEL", *keys)
        await super().close()

    async def blocked(self, wire: Wire, /) -> None:
        await self._listed(wire, lambda line: b" flags=b " in line)

    async def gone(self, wire: Wire, /) -> None:
        await self._listed(wire, lambda line: not line)

    async def _listed(self, wire: Wire, holds: Callable[[bytes], bool]) -> None:
        deadline = time.monotonic() + 10
        looking = await self.connect()
        while not holds(await looking("CLIENT", "LIST", "ID", wire.number)):
            assert time.monotonic() < deadline, "did not happen in time"


class EmbeddedWires(Wires):
    """The embedded Redis, which has done what it was sent."""

    async def blocked(self, wire: Wire, /) -> None:
        assert wire.number

    async def gone(self, wire: Wire, /) -> None:
        assert wire.number


def key() -> str:
    """Return a key of its own, which is deleted at the end of the test."""
    return f"{RUN}-{uuid.uuid4().hex[:10]}"


def entries(answer: Sequence[Any]) -> list[tuple[str, dict[bytes, bytes]]]:
    """Return entries of a stream as ids and fields."""
    return [(one.decode(), dict(zip(fields[::2], fields[1::2], strict=True))) for one, fields in answer]
