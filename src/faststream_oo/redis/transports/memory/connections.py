"""Connections to an embedded Redis: commands go in, answers come out, as over a socket."""

import asyncio
from collections import deque
from collections.abc import Sequence

from faststream_oo.current import EMBEDDING, clock
from faststream_oo.errors import ConnectError
from faststream_oo.redis.client.commands import Answer, Command, LostError, Part
from faststream_oo.redis.options import RedisSettings
from faststream_oo.redis.transports.memory.instance import MemoryServer
from faststream_oo.redis.transports.memory.sessions import Session


class MemoryConnection:
    """One connection.

    Args:
        server: To what.
        number: Of its database.
    """

    def __init__(self, server: MemoryServer, number: int) -> None:
        self._answers: deque[Answer] = deque()
        self._arrived = asyncio.Event()
        self._over: str | None = None
        self._session = Session(server, number, self._answer, self._end)

    def _answer(self, answer: Answer) -> None:
        self._answers.append(answer)
        self._arrived.set()

    def _end(self, why: str) -> None:
        self._over = why
        self._arrived.set()

    async def send(self, commands: Sequence[Command], /) -> None:
        """Write commands, at once and in order. Raises LostError."""
        if self._over is not None:
            raise LostError(self._over)
        self._session.take([[_sent(part) for part in command] for command in commands])

    async def receive(self, count: int, into: list[Answer], /) -> None:
        """Append the next answers, so many; a call that is cancelled ends the connection. Raises LostError."""
        try:
            await asyncio.sleep(0)  # answers may be there already, again and again: others get their turn
            while count:
                while not self._answers:
                    if self._over is not None:
                        raise LostError(self._over)
                    self._arrived.clear()
                    await self._arrived.wait()
                into.append(self._answers.popleft())
                count -= 1
        except asyncio.CancelledError:
            await self.close()
            raise

    async def close(self) -> None:
        """Disconnect, now."""
        self._session.close()
        self._end("closed")


class MemoryLink:
    """An embedded Redis: that of the embedding with this server, else one of its own.

    Args:
        settings: Of the broker; the server in `url` tells those of one embedding apart, its path is the database.
    """

    def __init__(self, settings: RedisSettings) -> None:
        self._settings = settings
        place, _, path = settings.servers.partition("://")[2].partition("/")
        self._place = place
        self._database = int(path) if path.isdigit() else 0
        self.server = self._find()
        """For a test to look into."""

    def _find(self) -> MemoryServer:
        embedding = EMBEDDING.get()
        if embedding is None:
            return MemoryServer(clock())
        found: MemoryServer = embedding.cluster(("redis", self._place), MemoryServer)
        return found

    async def connect(self) -> MemoryConnection:
        """Return one more connection. Raises ConnectError."""
        if not self.server.online.is_set():
            raise ConnectError("redis", self._settings.servers, "the embedded Redis is down")
        return MemoryConnection(self.server, self._database)


def _sent(part: Part) -> bytes:
    """Return a part of a command as it is on the wire."""
    if isinstance(part, bytes):
        return part
    return part.encode() if isinstance(part, str) else repr(part).encode()
