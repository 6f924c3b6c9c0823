"""The transport to an embedded NATS."""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, cast

from faststream_oo.address import Address
from faststream_oo.current import EMBEDDING, clock
from faststream_oo.errors import ConnectError, PublishError, TransportError
from faststream_oo.nats.address import concrete_problem, stream_of
from faststream_oo.nats.claim import Limits
from faststream_oo.nats.options import NatsSettings, NatsSourceOptions
from faststream_oo.nats.packets import Packet, packet
from faststream_oo.nats.transports.memory.inbox import MemoryInbox
from faststream_oo.nats.transports.memory.listeners import MemorySource
from faststream_oo.nats.transports.memory.server import MemoryServer
from faststream_oo.options import Topology
from faststream_oo.transport import Frame, Sink


class MemorySender:
    """Publishes to one subject.

    Args:
        publisher: Of the connection.
        subject: Where to.
    """

    def __init__(self, publisher: "MemoryPublisher", subject: str) -> None:
        self._publisher = publisher
        self._subject = subject
        self._problem = concrete_problem(subject)

    def send(self, frame: Frame, /) -> asyncio.Future[None] | None:
        """Deliver a message now; while the server is down it waits. Raises PublishError for what NATS would refuse."""
        if self._problem is not None:
            raise PublishError(self._problem)
        return self._publisher.publish(self._subject, frame)


class MemoryPublisher:
    """Publishes what one connection sends, in the order of the calls.

    Args:
        server: Where to.
    """

    def __init__(self, server: MemoryServer) -> None:
        self._server = server
        self._names: set[str] = set()
        self._waiting: deque[tuple[Packet, asyncio.Future[None]]] = deque()
        self._closed = False

    def publish(self, subject: str, frame: Frame, /) -> asyncio.Future[None] | None:
        """Publish now, or when the server is back."""
        if self._closed:
            raise PublishError("the NATS transport is closed")
        ready = packet(subject, frame, self._server.max_payload, self._names)
        if self._server.online.is_set():
            self._server.publish(ready)
            return None
        accepted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((ready, accepted))
        return accepted

    def away(self, reason: str, /) -> None:
        """Let what is sent wait from now on."""

    def back(self) -> None:
        """Publish what waited, but for what was given up meanwhile."""
        while self._waiting:
            ready, accepted = self._waiting.popleft()
            if not accepted.done():
                self._server.publish(ready)
                accepted.set_result(None)

    def close(self) -> None:
        """Give up what still waits, and accept nothing more."""
        self._closed = True
        while self._waiting:
            accepted = self._waiting.popleft()[1]
            if not accepted.done():
                accepted.set_exception(PublishError("the embedded NATS was down until the end"))
                accepted.exception()  # nobody has to wait for it


class MemoryTransport:
    """A connection to an embedded NATS: that of the embedding with these servers, else one of its own.

    Args:
        settings: Of the broker; `servers` tells the systems of one embedding apart.
        limits: Of the buffer of each subscription.
    """

    def __init__(self, settings: NatsSettings, *, limits: Limits | None = None) -> None:
        self._settings = settings
        self._limits = limits or Limits()
        self._server: MemoryServer | None = None
        self._publisher: MemoryPublisher | None = None
        self._inboxes: list[MemoryInbox] = []

    @property
    def server(self) -> MemoryServer:
        """The server, for a test to look into. Raises TransportError before `open`."""
        if self._server is None:
            raise TransportError("this MemoryTransport is not open")
        return self._server

    async def open(self) -> None:
        """Find or make the server. Raises ConnectError when it is down."""
        server = self._server = self._server or self._find()
        if not server.online.is_set():
            raise ConnectError("nats", self._settings.shown_servers, "the embedded NATS is down")
        self._publisher = MemoryPublisher(server)
        server.clients.append(self._publisher)

    def _find(self) -> MemoryServer:
        embedding = EMBEDDING.get()
        if embedding is None:
            return MemoryServer(clock())
        found: MemoryServer = embedding.cluster(("nats", self._settings.servers), MemoryServer)
        return found

    async def close(self) -> None:
        """Give up what waits for a server that is down, and disconnect."""
        while self._inboxes:
            self._inboxes.pop().close()
        if self._publisher is not None:
            self.server.clients.remove(self._publisher)
            self._publisher.close()
            self._publisher = None

    async def ping(self) -> None:
        """Return when the server answers."""
        self.server.check_online()

    def source(self, address: Address, options: Mapping[str, object], /) -> MemorySource:
        """Return the intake of one subscription, not started; the options are those of `NatsSourceOptions`."""
        _refuse_streams(address)
        chosen = NatsSourceOptions(**cast("Mapping[str, Any]", options))
        return MemorySource(self.server, address, chosen, self._limits)

    def sender(self, address: Address, /) -> MemorySender:
        """Return a sender to one subject."""
        if self._publisher is None:
            raise TransportError("this MemoryTransport is not open")
        _refuse_streams(address)
        return MemorySender(self._publisher, address.name)

    async def inbox(self, sink: Sink, /) -> str:
        """Begin to feed what is sent to an inbox of its own, and return that."""
        inbox = MemoryInbox(self.server, sink, self._settings.inbox_prefix)
        self._inboxes.append(inbox)
        return inbox.name

    async def declare(self, addresses: Sequence[Address], topology: Topology, /) -> Sequence[str]:
        """Return no difference: on core NATS there is nothing to declare."""
        for address in addresses:
            _refuse_streams(address)
        return []

    async def delete_stream(self, name: str, /) -> None:
        """Do nothing: there are no streams."""


def _refuse_streams(address: Address) -> None:
    if (stream := stream_of(address)) is not None:
        raise TransportError(f'the embedded NATS has no streams: "{stream.name}" needs a server')
