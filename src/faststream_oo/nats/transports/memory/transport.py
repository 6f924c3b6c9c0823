"""The transport to an embedded NATS."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeAlias, cast
from weakref import WeakSet

from faststream_oo.address import Address
from faststream_oo.current import EMBEDDING, clock
from faststream_oo.errors import ConnectError, PublishError, TransportError
from faststream_oo.nats.address import concrete_problem, stream_of
from faststream_oo.nats.buckets import KeyValue, ObjectStore
from faststream_oo.nats.claim import Limits
from faststream_oo.nats.client.bucket import BytesBucket
from faststream_oo.nats.client.following import Following, end
from faststream_oo.nats.client.making import check_there, declare_buckets
from faststream_oo.nats.client.objects import BytesObjects
from faststream_oo.nats.client.ordered import OrderedSource, changes_of, ordered_of
from faststream_oo.nats.leases import Acks, Told
from faststream_oo.nats.message import NatsReceipt
from faststream_oo.nats.options import NatsSettings, NatsSourceOptions
from faststream_oo.nats.packets import Packet, Shapes, packet, stored_packet
from faststream_oo.nats.transports.memory.describing import MemoryBuckets, declare_streams
from faststream_oo.nats.transports.memory.inbox import MemoryInbox
from faststream_oo.nats.transports.memory.jetstream import Answer, Kept
from faststream_oo.nats.transports.memory.listeners import MemorySource
from faststream_oo.nats.transports.memory.pushing import MemoryLink
from faststream_oo.nats.transports.memory.server import MemoryServer
from faststream_oo.nats.transports.memory.taking import MemoryStreamSource
from faststream_oo.options import Topology
from faststream_oo.transport import Frame, Sink

Read: TypeAlias = Callable[[asyncio.Future[Any], str, Answer], None]
"""Tells who waits for a message what the server answered to it on its subject."""


class MemorySender:
    """Publishes to one subject.

    Args:
        subject: Where to.
        publish: Accepts a message to it, and returns what tells when it is there.
    """

    def __init__(self, subject: str, publish: "Callable[[str, Frame], asyncio.Future[Any] | None]") -> None:
        self._subject = subject
        self._publish = publish
        self._problem = concrete_problem(subject)

    def send(self, frame: Frame, /) -> asyncio.Future[Any] | None:
        """Deliver a message now; while the server is down it waits. Raises PublishError for what NATS would refuse."""
        if self._problem is not None:
            raise PublishError(self._problem)
        return self._publish(self._subject, frame)


class MemoryPublisher:
    """Publishes what one connection sends, in the order of the calls.

    Args:
        server: Where to.
    """

    def __init__(self, server: MemoryServer) -> None:
        self._server = server
        self._shapes: Shapes = {}
        self._waiting: deque[tuple[Packet, asyncio.Future[Any] | None, Read]] = deque()
        self._closed = False
        self.acks = Acks(self.tell)
        """What consumers are told."""

    def publish(self, subject: str, frame: Frame, /) -> asyncio.Future[None] | None:
        """Publish now, or when the server is back."""
        ready = packet(subject, frame, self._server.max_payload, self._shapes)
        if self._server.online.is_set() and not self._closed:
            self._server.publish(ready)
            return None
        return self._accepted(ready, _nothing)

    def store(self, subject: str, frame: Frame, /) -> asyncio.Future[NatsReceipt]:
        """Publish to a stream now, or when the server is back; the future tells what the stream answered."""
        accepted = self._accepted(stored_packet(subject, "", frame, self._server.max_payload, self._shapes), _stored)
        if self._server.online.is_set():
            self.back()
        return accepted

    def tell(self, told: Sequence[Told], /) -> None:
        """Tell consumers what became of messages, now or when the server is back."""
        self._waiting.extend((one, None, _nothing) for one in told)
        if self._server.online.is_set():
            self.back()

    def _accepted(self, ready: Packet, read: "Read") -> asyncio.Future[Any]:
        if self._closed:
            raise PublishError("the NATS transport is closed")
        accepted: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append((ready, accepted, read))
        return accepted

    def away(self, reason: str, /) -> None:
        """Let what is sent wait from now on."""

    def back(self) -> None:
        """Publish what waited, but for what was given up meanwhile."""
        while self._waiting:
            ready, accepted, read = self._waiting.popleft()
            if accepted is None or not accepted.done():
                answer = self._server.publish(ready)
                if accepted is not None:
                    read(accepted, ready[0], answer)

    def close(self) -> None:
        """Give up what still waits, and accept nothing more."""
        self._closed = True
        while self._waiting:
            _, accepted, _ = self._waiting.popleft()
            if accepted is not None and not accepted.done():
                accepted.set_exception(PublishError("the embedded NATS was down until the end"))
                accepted.exception()  # nobody has to wait for it


def _nothing(accepted: asyncio.Future[Any], _subject: str, _answer: Answer) -> None:
    """Core NATS answers nothing."""
    accepted.set_result(None)


def _stored(accepted: asyncio.Future[Any], subject: str, answer: Answer) -> None:
    """Tell who waits what a stream said, or that there is none."""
    if isinstance(answer, Kept):
        accepted.set_result(NatsReceipt(stream=answer.stream, sequence=answer.sequence, duplicate=answer.duplicate))
        return
    why = f'no stream stores "{subject}"' if answer is None else f'"{subject}": {answer}'
    accepted.set_exception(PublishError(why))
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
        self._followings: WeakSet[Following] = WeakSet()

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
        end(self._followings)
        while self._inboxes:
            self._inboxes.pop().close()
        if self._publisher is not None:
            self.server.clients.remove(self._publisher)
            self._publisher.close()
            self._publisher = None

    async def ping(self) -> None:
        """Return when the server answers."""
        self.server.check_online()

    def source(
        self, address: Address, options: Mapping[str, object], /
    ) -> MemorySource | MemoryStreamSource | OrderedSource:
        """Return the intake of one subscription, not started; the options are those of `NatsSourceOptions`."""
        chosen = NatsSourceOptions(**cast("Mapping[str, Any]", options))
        stream = stream_of(address)

        def again() -> Awaitable[object]:
            return self.declare([address], self._settings.topology)

        if isinstance(address, KeyValue | ObjectStore):
            return changes_of(address, self._link(address.stream), again)
        if stream is None:
            return MemorySource(self.server, address, chosen, self._limits)
        if chosen.ordered:
            return ordered_of(address, chosen, self._link(stream.name), again)
        return MemoryStreamSource(
            self.server, stream, address, chosen, self._open.acks, self._settings.topology, foreign=_foreign()
        )

    def sender(self, address: Address, /) -> MemorySender:
        """Return a sender to one subject."""
        publisher = self._open
        return MemorySender(address.name, publisher.publish if stream_of(address) is None else publisher.store)

    @property
    def _open(self) -> MemoryPublisher:
        if self._publisher is None:
            raise TransportError("this MemoryTransport is not open")
        return self._publisher

    async def inbox(self, sink: Sink, /) -> str:
        """Begin to feed what is sent to an inbox of its own, and return that."""
        inbox = MemoryInbox(self.server, sink, self._settings.inbox_prefix)
        self._inboxes.append(inbox)
        return inbox.name

    async def declare(self, addresses: Sequence[Address], topology: Topology, /) -> Sequence[str]:
        """Make or compare streams and buckets, and return the differences. Raises TransportError while the server is down."""
        foreign = _foreign()
        return [
            *declare_streams(self.server, addresses, topology, foreign=foreign),
            *await declare_buckets(MemoryBuckets(self.server), addresses, topology, foreign=foreign),
        ]

    async def delete_stream(self, name: str, /) -> None:
        """Delete a stream with what it holds; one that is not there is no error. Raises TransportError."""
        self.server.check_online()
        if name in self.server.jetstream.streams:
            self.server.jetstream.delete_stream(name)

    def _link(self, stream: str) -> MemoryLink:
        return MemoryLink(self.server, stream, self._followings)

    async def open_bucket(self, bucket: KeyValue, /) -> BytesBucket:
        """Return a key-value bucket. Raises TransportError when there is none."""
        link = self._link(bucket.stream)
        await check_there(MemoryBuckets(self.server), bucket)
        return BytesBucket(bucket, link)

    async def open_objects(self, bucket: ObjectStore, /) -> BytesObjects:
        """Return an object store. Raises TransportError when there is none."""
        link = self._link(bucket.stream)
        await check_there(MemoryBuckets(self.server), bucket)
        return BytesObjects(bucket, link)


def _foreign() -> bool:
    """Whether nobody else is there to make what others own: in a world of tests, and with `--memory`."""
    embedding = EMBEDDING.get()
    return embedding is not None and embedding.memory
