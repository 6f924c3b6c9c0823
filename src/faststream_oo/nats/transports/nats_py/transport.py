"""The transport: one connection for everything."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from faststream_oo.address import Address
from faststream_oo.errors import PublishError, TransportError
from faststream_oo.nats.address import stream_of
from faststream_oo.nats.claim import Limits
from faststream_oo.nats.options import NatsSettings, NatsSourceOptions
from faststream_oo.nats.transports.nats_py.connection import NatsConnection
from faststream_oo.nats.transports.nats_py.inbox import NatsInbox
from faststream_oo.nats.transports.nats_py.listening import NatsPySource
from faststream_oo.nats.transports.nats_py.sending import Publisher, SubjectSender
from faststream_oo.options import Topology
from faststream_oo.transport import Sink

_CLOSE_SECONDS: Final = 5.0
"""Longest time that is waited for what was accepted."""


class NatsPyTransport:
    """Core NATS by nats-py, at most once: published without a confirm, reconnected by the client.

    Args:
        settings: Connection and defaults.
        limits: Of the client's buffer of each subscription.
    """

    def __init__(self, settings: NatsSettings, *, limits: Limits | None = None) -> None:
        self._settings = settings
        self._limits = limits or Limits()
        self._connection: NatsConnection | None = None
        self._publisher: Publisher | None = None

    async def open(self) -> None:
        """Connect, once. Raises ConnectError."""
        connection = NatsConnection(self._settings)
        await connection.open()
        self._connection = connection
        self._publisher = Publisher(connection)

    async def close(self) -> None:
        """Send what was accepted, as far as that is possible in a few seconds, and disconnect."""
        connection, publisher = self._connection, self._publisher
        self._connection = self._publisher = None
        if connection is None or publisher is None:
            return
        await publisher.close(_CLOSE_SECONDS)
        try:
            if connection.online.is_set():
                await connection.flush()
        finally:
            await connection.close()

    async def ping(self) -> None:
        """Return when the server answers. Raises TransportError."""
        await self._connected.flush()

    def source(self, address: Address, options: Mapping[str, object], /) -> NatsPySource:
        """Return the intake of one subscription, not started; the options are those of `NatsSourceOptions`."""
        _refuse_streams(address)
        return NatsPySource(self._connected, address, NatsSourceOptions(**cast(Any, options)), self._limits)

    def sender(self, address: Address, /) -> SubjectSender:
        """Return a sender to one subject."""
        if self._publisher is None:
            raise PublishError("this NatsPyTransport is not open")
        _refuse_streams(address)
        return SubjectSender(self._publisher, address.name)

    async def inbox(self, sink: Sink, /) -> str:
        """Begin to feed what is sent to an inbox of its own, and return that. Raises TransportError."""
        return await NatsInbox(self._connected, sink, self._limits).open()

    async def declare(self, addresses: Sequence[Address], topology: Topology, /) -> Sequence[str]:
        """Return no difference: on core NATS there is nothing to declare."""
        for address in addresses:
            _refuse_streams(address)
        return []

    async def delete_stream(self, name: str, /) -> None:
        """Do nothing: there are no streams."""

    @property
    def _connected(self) -> NatsConnection:
        if self._connection is None:
            raise TransportError("this NatsPyTransport is not open")
        return self._connection


def _refuse_streams(address: Address) -> None:
    if (stream := stream_of(address)) is not None:
        raise TransportError(f'streams are not there yet: "{stream.name}"')
