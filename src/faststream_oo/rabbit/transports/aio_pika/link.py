"""One connection to the server that comes back by itself."""

import asyncio
import logging
import ssl
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Final

import aiormq
from aiormq.abc import AbstractChannel, AbstractConnection
from aiormq.exceptions import AMQPError
from yarl import URL

from faststream_oo.clock import Backoff, LoopClock
from faststream_oo.errors import ConnectError, TransportError
from faststream_oo.rabbit.channels import watch
from faststream_oo.rabbit.options import RabbitSettings
from faststream_oo.rabbit.transports.aio_pika.login import login_url
from faststream_oo.rabbit.transports.aio_pika.reasons import connect_error, describe, transport_error
from faststream_oo.waiting import bounded, cancelled

_log: Final = logging.getLogger("faststream_oo")

CONNECT_SECONDS: Final = 10.0
"""Longest time in seconds that one attempt to connect, or to open a channel, may take."""

_FAILURES: Final = (AMQPError, OSError, RuntimeError, ValueError)
"""What aiormq raises when a connection or a channel is lost, refused or closed, and when it cannot write a name."""

_CLOSE_SECONDS: Final = 5.0


@asynccontextmanager
async def asking(what: str, seconds: float = CONNECT_SECONDS, /) -> AsyncGenerator[None]:
    """Give calls of the client so many seconds, and raise TransportError for everything it raises.

    When a connection is closed aiormq ends what waits for it with CancelledError, though nobody cancelled our task.
    """
    try:
        async with asyncio.timeout(seconds):
            yield
    except _FAILURES as error:
        raise transport_error(what, error) from error
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise transport_error(what, error) from error


class Link:
    """A connection, and its successors.

    Args:
        settings: Where to.
        purpose: Shown in the server's list of connections.
        lost: Told why the connection is gone, or why it cannot be made again; None once it is back.
    """

    def __init__(self, settings: RabbitSettings, purpose: str, lost: Callable[[str | None], object]) -> None:
        self._settings = settings
        self._purpose = purpose
        self._lost = lost
        self._tls: ssl.SSLContext | None = None
        self._connection: AbstractConnection | None = None
        self._back = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None

    async def open(self, tls: ssl.SSLContext | None, /) -> None:
        """Connect to the first server that takes us.

        Args:
            tls: What to encrypt with, now and later; None leaves that to the URLs.

        Raises:
            ConnectError: None does.
        """
        self._tls = tls
        self._connection = await self._connect()
        self._back.set()
        self._keeper = asyncio.create_task(self._keep(), name=f"rabbit {self._purpose}")
        watch(self._keeper, self._died)

    async def close(self) -> None:
        """Disconnect, in a bounded time."""
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            await cancelled([keeper])
        connection, self._connection = self._connection, None
        self._back.clear()
        if connection is not None:
            await bounded(connection.close(None), _CLOSE_SECONDS)

    def _died(self, error: BaseException) -> None:
        _log.error("the connection that %s is not made again: %s", self._purpose, error, exc_info=error)

    async def channel(self, *, confirms: bool = False, buffer: int = 0) -> AbstractChannel:
        """Open a channel once there is a connection.

        Args:
            confirms: Whether the server confirms what is published on it.
            buffer: Frames that it may hold unread; 0 for any number.

        Raises:
            TransportError: The connection was lost meanwhile, or is closed for good.
        """
        if self._keeper is None:
            raise TransportError("this connection to RabbitMQ is not open")
        await self._back.wait()
        connection = self._connection
        if connection is None:
            raise TransportError("this connection to RabbitMQ is not open")
        async with asking("no channel can be opened"):
            return await connection.channel(publisher_confirms=confirms, frame_buffer_size=buffer)

    async def _keep(self) -> None:
        while self._connection is not None:
            error = await _ended(self._connection)
            self._back.clear()
            self._lost(describe(error))
            backoff = Backoff(LoopClock())
            while True:
                try:
                    self._connection = await self._connect()
                    break
                except ConnectError:
                    await backoff.wait()
            self._back.set()
            self._lost(None)

    async def _connect(self) -> AbstractConnection:
        first: ConnectError | None = None
        for url in self._settings.urls:
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    return await aiormq.connect(self._with_options(url), context=self._tls)
            except _FAILURES as error:
                first = first or await connect_error(self._settings, url, error, self._tls)
        assert first is not None  # there is one URL at least
        raise first

    def _with_options(self, url: str) -> URL:
        options = {"heartbeat": str(round(self._settings.heartbeat)), "name": f"faststream-oo {self._purpose}"}
        whole = login_url(self._settings, url)
        return whole.update_query({name: value for name, value in options.items() if name not in whole.query})


async def _ended(connection: AbstractConnection) -> BaseException | None:
    """Return when a connection is closed, with the reason."""
    closing: asyncio.Future[object] = connection.closing
    await asyncio.wait([closing])
    return None if closing.cancelled() else closing.exception()
