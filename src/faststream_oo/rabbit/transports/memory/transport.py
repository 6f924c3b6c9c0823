"""The transport to an embedded RabbitMQ."""

from collections.abc import Mapping, Sequence
from typing import Any, cast
from urllib.parse import urlsplit

from faststream_oo.address import Address
from faststream_oo.current import EMBEDDING, clock
from faststream_oo.errors import ConnectError, TransportError
from faststream_oo.options import Topology
from faststream_oo.rabbit.address import Binding, Exchange, Queue
from faststream_oo.rabbit.channels import ChannelSource
from faststream_oo.rabbit.declared import declared
from faststream_oo.rabbit.options import RabbitSettings, RabbitSourceOptions
from faststream_oo.rabbit.transports.memory.comparing import declare
from faststream_oo.rabbit.transports.memory.confirming import MemoryPublisher, MemorySender
from faststream_oo.rabbit.transports.memory.consuming import MemorySeat
from faststream_oo.rabbit.transports.memory.vhost import MemoryServer
from faststream_oo.transport import Sink


class MemoryTransport:
    """A connection to an embedded RabbitMQ: that of the embedding with these URLs, else one of its own.

    Args:
        settings: Of the broker. `url` tells servers of one embedding apart.
    """

    def __init__(self, settings: RabbitSettings) -> None:
        self._settings = settings
        self._server: MemoryServer | None = None
        self._foreign = False
        self._publisher: MemoryPublisher | None = None
        self._made: dict[Address, Topology] = {}

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
            raise ConnectError("rabbit", self._settings.servers, "the embedded RabbitMQ is down")
        user = urlsplit(self._settings.urls[0]).username or "guest"
        self._publisher = MemoryPublisher(server, user, foreign=self._foreign)
        server.clients.append(self)

    def _find(self) -> MemoryServer:
        embedding = EMBEDDING.get()
        if embedding is None:
            return MemoryServer(clock())
        self._foreign = True
        found: MemoryServer = embedding.cluster(("rabbit", self._settings.servers), MemoryServer)
        return found

    async def close(self) -> None:
        """Give up what waits for a server that is down, and disconnect."""
        if self._publisher is not None:
            self._publisher.close()
            self._publisher = None
            self.server.clients.remove(self)
            self.server.disconnected(self)

    def lost(self) -> None:
        """Let what is published wait from now on."""

    def found(self) -> None:
        """Make again what was declared, and publish what waited."""
        if self._publisher is not None:
            made = [address for address, topology in self._made.items() if topology == "create"]
            declare(self.server, declared(made), "create", self, foreign=self._foreign)
            self._publisher.found()

    async def ping(self) -> None:
        """Return when the server answers. Raises TransportError."""
        self.server.check_online()

    def source(self, address: Address, options: Mapping[str, object], /) -> ChannelSource:
        """Return the intake of one subscription, not started; the options are those of `RabbitSourceOptions`."""
        server, queue = self.server, cast(Queue, address)
        chosen = RabbitSourceOptions(**cast("Mapping[str, Any]", options))

        async def restored() -> None:
            await self.declare([queue], self._made.get(queue, "off"))

        async def count() -> int:
            server.check_online()
            return len(server.queue(queue.name, self))

        return ChannelSource(
            queue.name,
            lambda sink: MemorySeat.open(server, self, queue, chosen, sink),
            restored,
            count,
            settles=chosen.settles,
            clock=server.clock,
        )

    def sender(self, address: Address, /) -> MemorySender:
        """Return a sender to one queue or exchange. Raises TransportError before `open`."""
        if self._publisher is None:
            raise TransportError("this MemoryTransport is not open")
        return MemorySender(cast("Queue | Exchange", address), self._publisher)

    async def declare(self, addresses: Sequence[Address], topology: Topology, /) -> Sequence[str]:
        """Apply the mode and return the differences found; in an embedding external ones simply exist."""
        self.server.check_online()
        wanted = declared(addresses, [one for one in self._made if isinstance(one, Queue)])
        self._made.update(dict.fromkeys(addresses, topology))
        return declare(self.server, wanted, topology, self, foreign=self._foreign)

    async def bind(self, to: Queue | Exchange, binding: Binding, /) -> None:
        """Make a binding. Raises TransportError."""
        self.server.check_online()
        self.server.bind(to, binding)

    async def unbind(self, to: Queue | Exchange, binding: Binding, /) -> None:
        """Remove a binding; one that is not there is no error. Raises TransportError."""
        self.server.check_online()
        self.server.unbind(to, binding)

    async def delete(self, address: Queue | Exchange, /, *, if_unused: bool) -> None:
        """Delete a queue or an exchange; one that is not there is no error. Raises TransportError."""
        self.server.check_online()
        self._made.pop(address, None)
        self.server.delete(address, self, if_unused=if_unused)

    async def purge(self, queue: Queue, /) -> int:
        """Delete the waiting messages of a queue, and return how many. Raises TransportError."""
        self.server.check_online()
        return self.server.queue(queue.name, self).purge()

    async def inbox(self, sink: Sink, /) -> str:
        """Begin to feed direct replies. Raises TransportError before `open`."""
        if self._publisher is None:
            raise TransportError("this MemoryTransport is not open")
        return self._publisher.inbox(sink)
