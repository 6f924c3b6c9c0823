"""The transport: a connection that consumes, and one that publishes.

A server that lacks memory or disk reads nothing more from connections that publish; acknowledgements must not wait behind
that.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from faststream_oo.address import Address
from faststream_oo.clock import LoopClock
from faststream_oo.encryption import encryption
from faststream_oo.errors import SetupError
from faststream_oo.options import Topology
from faststream_oo.rabbit.address import Binding, Exchange, Queue
from faststream_oo.rabbit.channels import ChannelSource
from faststream_oo.rabbit.options import RabbitSettings, RabbitSourceOptions
from faststream_oo.rabbit.transports.aio_pika.declarer import Declarer
from faststream_oo.rabbit.transports.aio_pika.link import Link
from faststream_oo.rabbit.transports.aio_pika.login import check_config
from faststream_oo.rabbit.transports.aio_pika.publisher import Publisher, RabbitSender
from faststream_oo.rabbit.transports.aio_pika.seat import AioPikaSeat
from faststream_oo.transport import Sink

_log: Final = logging.getLogger("faststream_oo")
_CLOSE_SECONDS: Final = 5.0


class AioPikaTransport:
    """RabbitMQ by aiormq, the layer below aio-pika: confirmed and mandatory publishing, a channel a subscription.

    Args:
        settings: Connection and defaults.

    Raises:
        SetupError: Credentials or encryption cannot be as they are set.
    """

    def __init__(self, settings: RabbitSettings) -> None:
        if problems := check_config(settings):
            raise SetupError(problems)
        self._settings = settings
        self._intake = Link(settings, "consumes", lambda reason: None)
        self._outlet = Link(settings, "publishes", self._changed)
        self._declarer = Declarer(self._intake)
        self._publisher = Publisher(self._outlet, self._declarer)

    async def open(self) -> None:
        """Connect, twice.

        Raises:
            ConnectError: The server cannot be reached, or refuses us.
            SetupError: A file of `tls` cannot be used.
        """
        tls = encryption(self._settings.tls, "rabbit")
        try:
            await self._intake.open(tls)
            await self._outlet.open(tls)
            await self._publisher.start()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Send what was accepted, as far as that is possible in a few seconds, and disconnect."""
        await self._publisher.close(_CLOSE_SECONDS)
        try:
            await self._declarer.close()
        finally:
            await self._outlet.close()
            await self._intake.close()

    def _changed(self, reason: str | None) -> None:
        fields = {"broker": "rabbit", "servers": self._settings.servers, "cause": reason}
        if reason is None:
            _log.info("publishing to %s goes on", self._settings.servers, extra={"fields": fields})
        else:
            text = "lost the connection to %s, what is published waits: %s"
            _log.warning(text, self._settings.servers, reason, extra={"fields": fields})

    async def ping(self) -> None:
        """Return when the server answers. Raises TransportError."""
        await self._declarer.ping()

    def source(self, address: Address, options: Mapping[str, object], /) -> ChannelSource:
        """Return the intake of one subscription, not started; the options are those of `RabbitSourceOptions`."""
        queue, chosen = cast(Queue, address), RabbitSourceOptions(**cast("Mapping[str, Any]", options))
        return ChannelSource(
            queue.name,
            lambda sink: AioPikaSeat.open(self._intake, queue, chosen, sink),
            lambda: self._declarer.restore(queue),
            lambda: self._declarer.count(queue.name),
            settles=chosen.settles,
            clock=LoopClock(),
        )

    def sender(self, address: Address, /) -> RabbitSender:
        """Return a sender to one queue or exchange."""
        return RabbitSender(cast("Queue | Exchange", address), self._publisher)

    async def declare(self, addresses: Sequence[Address], topology: Topology, /) -> Sequence[str]:
        """Create what is missing, if the mode says so, and return the differences. Raises TransportError."""
        return await self._declarer.declare(addresses, topology)

    async def bind(self, to: Queue | Exchange, binding: Binding, /) -> None:
        """Make a binding. Raises TransportError."""
        await self._declarer.bind(to, binding)

    async def unbind(self, to: Queue | Exchange, binding: Binding, /) -> None:
        """Remove a binding; one that is not there is no error. Raises TransportError."""
        await self._declarer.unbind(to, binding)

    async def delete(self, address: Queue | Exchange, /, *, if_unused: bool) -> None:
        """Delete a queue or an exchange; one that is not there is no error. Raises TransportError."""
        await self._declarer.delete(address, if_unused=if_unused)

    async def purge(self, queue: Queue, /) -> int:
        """Delete the waiting messages of a queue, and return how many. Raises TransportError."""
        return await self._declarer.purge(queue.name)

    async def inbox(self, sink: Sink, /) -> str:
        """Begin to feed direct replies; they come over the channel that publishes. Raises TransportError."""
        return await self._publisher.inbox(sink)
