"""A wire to a server that a test may cut."""

import asyncio
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit


class Wire:
    """Carries connections to a server, until they are cut.

    Args:
        url: Where the server is.
    """

    def __init__(self, url: str) -> None:
        self._there = urlsplit(url)
        self._server: asyncio.Server | None = None
        self._ends: set[asyncio.StreamWriter] = set()
        self._carriers: set[asyncio.Task[None]] = set()
        self.url = ""
        """Where to connect instead."""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.url = self._there._replace(
            netloc=f"{self._there.username}:{self._there.password}@127.0.0.1:{port}"
        ).geturl()
        return self

    async def __aexit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        if self._carriers:
            await asyncio.wait(self._carriers)

    def cut(self) -> int:
        """Cut every connection, and return how many."""
        for end in self._ends:
            end.transport.abort()
        return len(self._ends) // 2

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(self._there.hostname, self._there.port)
        self._ends |= {writer, back}
        ways = {asyncio.create_task(_pump(reader, back)), asyncio.create_task(_pump(there, writer))}
        self._carriers |= ways
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for end in (writer, back):
            end.close()
            self._ends.discard(end)
        await asyncio.wait(ways)
        self._carriers -= ways


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        return
