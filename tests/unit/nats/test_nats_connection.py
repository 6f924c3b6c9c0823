"""A connection that is closed while the client reconnects, at whichever turn of the loop."""

import asyncio
from collections.abc import AsyncGenerator, Callable

import pytest

from faststream_oo.nats import NatsSettings
from faststream_oo.nats.transports.nats_py.connection import NatsConnection
from tests.integration.worlds import until

INFO = b'INFO {"server_id": "S", "version": "2.15.0", "max_payload": 1048576, "headers": true}\r\n'
PONG = b"PONG\r\n"


class Server:
    """Says as much of NATS as a client needs to be connected."""

    def __init__(self) -> None:
        self.said: Callable[[bytes], object] = lambda _line: None
        """Called with each line that was said."""
        self.writers: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        self._say(writer, INFO)
        try:
            while line := await reader.readline():
                if line.startswith(b"PING"):
                    self._say(writer, PONG)
        finally:
            self.writers.remove(writer)
            writer.close()

    def _say(self, writer: asyncio.StreamWriter, line: bytes) -> None:
        writer.write(line)
        self.said(line)


@pytest.fixture
async def server() -> Server:
    return Server()


@pytest.fixture
async def settings(server: Server) -> AsyncGenerator[NatsSettings]:
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    async with listening:
        yield NatsSettings(servers=[f"nats://127.0.0.1:{listening.sockets[0].getsockname()[1]}"])


@pytest.mark.parametrize("line", [INFO, PONG], ids=["info", "pong"])
@pytest.mark.parametrize("turns", range(12))
async def test_a_reconnecting_ends_whenever_its_connection_is_closed(
    server: Server, settings: NatsSettings, monkeypatch: pytest.MonkeyPatch, line: bytes, turns: int
) -> None:
    monkeypatch.setattr("faststream_oo.nats.transports.nats_py.connection.RECONNECT_SECONDS", 0.01)
    before = asyncio.all_tasks()
    connection = NatsConnection(settings)
    await connection.open()
    closing: list[asyncio.Task[None]] = []

    async def close() -> None:
        for _ in range(turns):
            await asyncio.sleep(0)
        await connection.close()

    def said(one: bytes) -> None:
        if one == line and not closing:
            closing.append(asyncio.create_task(close()))

    server.said = said
    server.writers[0].close()
    await until(lambda: closing and closing[0].done())
    await closing[0]
    await until(lambda: not server.writers and asyncio.all_tasks() <= before, 5.0)
