"""The transport: one connection for everything."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar, cast
from weakref import WeakSet

from faststream_oo.address import Address
from faststream_oo.errors import TransportError
from faststream_oo.nats.address import JetStream, stream_of, subjects_of
from faststream_oo.nats.buckets import KeyValue, ObjectStore
from faststream_oo.nats.claim import Limits
from faststream_oo.nats.client.bucket import BytesBucket
from faststream_oo.nats.client.following import Following, end
from faststream_oo.nats.client.making import check_there, declare_buckets
from faststream_oo.nats.client.objects import BytesObjects
from faststream_oo.nats.client.ordered import OrderedSource, changes_of, ordered_of
from faststream_oo.nats.leases import Acks
from faststream_oo.nats.options import NatsSettings, NatsSourceOptions
from faststream_oo.nats.transports.nats_py.attaching import Durable
from faststream_oo.nats.transports.nats_py.connection import NatsConnection
from faststream_oo.nats.transports.nats_py.inbox import NatsInbox
from faststream_oo.nats.transports.nats_py.keeping import NatsBuckets, NatsLink
from faststream_oo.nats.transports.nats_py.listening import NatsPySource
from faststream_oo.nats.transports.nats_py.managing import Manager
from faststream_oo.nats.transports.nats_py.reading import StreamSource
from faststream_oo.nats.transports.nats_py.sending import Publisher, SubjectSender
from faststream_oo.nats.transports.nats_py.storing import Confirmations, StreamSender
from faststream_oo.options import Topology
from faststream_oo.transport import Sink

T = TypeVar("T")

_CLOSE_SECONDS: Final = 5.0
"""Longest time that is waited for what was accepted."""


class NatsPyTransport:
    """NATS by nats-py, reconnected by the client: core NATS at most once, streams with every message confirmed.

    Args:
        settings: Connection and defaults.
        limits: Of the client's buffer of each subscription.
    """

    def __init__(self, settings: NatsSettings, *, limits: Limits | None = None) -> None:
        self._settings = settings
        self._limits = limits or Limits()
        self._connection: NatsConnection | None = None
        self._publisher: Publisher | None = None
        self._confirmations: Confirmations | None = None
        self._manager: Manager | None = None
        self._followings: WeakSet[Following] = WeakSet()

    async def open(self) -> None:
        """Connect, once. Raises ConnectError."""
        connection = NatsConnection(self._settings)
        await connection.open()
        self._connection = connection
        self._publisher = Publisher(connection)
        self._confirmations = Confirmations(connection, self._publisher)
        self._manager = Manager(connection.client)

    async def close(self) -> None:
        """Send what was accepted, as far as that is possible in a few seconds, and disconnect."""
        connection, publisher = self._connection, self._publisher
        self._connection = self._publisher = None
        if connection is None or publisher is None:
            return
        connection.leaving = True
        end(self._followings)
        if self._confirmations is not None:
            await self._confirmations.close(_CLOSE_SECONDS)
        await publisher.close(_CLOSE_SECONDS)
        try:
            if connection.online.is_set():
                await connection.flush()
        finally:
            await connection.close()

    async def ping(self) -> None:
        """Return when the server answers. Raises TransportError."""
        await self._connected.flush()

    def source(self, address: Address, options: Mapping[str, object], /) -> NatsPySource | StreamSource | OrderedSource:
        """Return the intake of one subscription, not started; the options are those of `NatsSourceOptions`."""
        chosen = NatsSourceOptions(**cast(Any, options))
        stream = stream_of(address)

        async def again() -> None:
            self._open(self._manager).forget("" if stream is None else stream.name)
            await self.declare([address], self._settings.topology)

        if isinstance(address, KeyValue | ObjectStore):
            return changes_of(address, self._link(address.stream), again)
        if stream is None:
            return NatsPySource(self._connected, address, chosen, self._limits)
        if chosen.ordered:
            return ordered_of(address, chosen, self._link(stream.name), again)
        return self._reading(address, stream, chosen)

    def _reading(self, address: Address, stream: JetStream, options: NatsSourceOptions) -> StreamSource:
        connection, publisher, manager = self._connected, self._open(self._publisher), self._open(self._manager)
        patterns, topology = [subject.pattern for subject in subjects_of(address)], self._settings.topology
        acks = Acks(publisher.hand)
        consumer = Durable(connection, manager, stream.name, patterns, options, topology, acks.tell)
        return StreamSource(
            connection, publisher, manager, address, consumer, acks, settles=options.settles, topology=topology
        )

    def sender(self, address: Address, /) -> SubjectSender | StreamSender:
        """Return a sender to one subject."""
        if stream_of(address) is None:
            return SubjectSender(self._open(self._publisher), address.name)
        return StreamSender(self._open(self._confirmations), address.name)

    async def inbox(self, sink: Sink, /) -> str:
        """Begin to feed what is sent to an inbox of its own, and return that. Raises TransportError."""
        return await NatsInbox(self._connected, sink, self._limits).open()

    async def declare(self, addresses: Sequence[Address], topology: Topology, /) -> Sequence[str]:
        """Apply the mode to the streams and buckets among addresses, and return the differences. Raises TransportError."""
        with self._connected.explaining():
            return [
                *await self._open(self._manager).declare(addresses, topology),
                *await declare_buckets(NatsBuckets(self._open(self._manager)), addresses, topology),
            ]

    async def open_bucket(self, bucket: KeyValue, /) -> BytesBucket:
        """Return a key-value bucket. Raises TransportError when there is none."""
        await check_there(NatsBuckets(self._open(self._manager)), bucket)
        return BytesBucket(bucket, self._link(bucket.stream))

    async def open_objects(self, bucket: ObjectStore, /) -> BytesObjects:
        """Return an object store. Raises TransportError when there is none."""
        await check_there(NatsBuckets(self._open(self._manager)), bucket)
        return BytesObjects(bucket, self._link(bucket.stream))

    def _link(self, stream: str) -> NatsLink:
        return NatsLink(self._connected, self._open(self._manager), stream, self._followings)

    async def delete_stream(self, name: str, /) -> None:
        """Delete a stream with what it holds; one that is not there is no error. Raises TransportError."""
        await self._open(self._manager).delete(name)

    @property
    def _connected(self) -> NatsConnection:
        return self._open(self._connection)

    def _open(self, part: T | None) -> T:
        if part is None:
            raise TransportError("this NatsPyTransport is not open")
        return part
