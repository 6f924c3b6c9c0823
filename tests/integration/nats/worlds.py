"""NATS as somebody outside the framework sees it: the real one by a raw client, and the embedded one.

Nothing is kept, so what a test wants to read is listened to from the moment its address is made.
"""

import uuid
from abc import abstractmethod
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, suppress
from typing import Any, ClassVar, Self, TypeVar, cast

from attrs import evolve
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, RetentionPolicy
from nats.js.errors import NotFoundError

from faststream_oo.address import Address
from faststream_oo.clock import LoopClock
from faststream_oo.current import Embedding, embedded
from faststream_oo.errors import TransportError
from faststream_oo.nats import (
    JetStream,
    NatsBroker,
    NatsConsumer,
    NatsOutgoing,
    NatsProducer,
    NatsSettings,
    Pull,
    Subject,
    consumes,
    produces,
)
from faststream_oo.nats.claim import Limits
from faststream_oo.nats.message import Received
from faststream_oo.nats.transport import NatsTransport
from faststream_oo.nats.transports.memory import MemoryServer, MemoryTransport
from faststream_oo.nats.transports.memory.jetstream import Kept
from faststream_oo.nats.transports.memory.server import Delivered, Interest
from faststream_oo.nats.transports.memory.streams import StreamConfig
from faststream_oo.nats.transports.nats_py import NatsPyTransport
from tests.integration.worlds import Headers, Method, Served, World, Written


class NatsWorld(World):
    """A NATS system: subjects, and who listens to them."""

    protocol = "nats"
    consumer = NatsConsumer
    outgoing = NatsOutgoing
    consumes = staticmethod(consumes)
    producer = NatsProducer
    produces = staticmethod(produces)
    hostile: ClassVar[Headers] = [("h", "1"), ("H", "2"), ("empty", ""), ("text", "ü € \x7f"), ("~!#$%&'*+-.^_`|", "x")]
    settings: NatsSettings

    def __init__(self) -> None:
        super().__init__()
        self._heard: dict[str, list[Received]] = {}

    @property
    def options(self) -> Mapping[str, Any]:
        return {"group": self.group, "dead_letter": f"dlq.{self.group}"}

    def broker(self, limits: Limits | None = None) -> NatsBroker:
        return NatsBroker(self.settings, transport=None if limits is None else self.transport(limits))

    @abstractmethod
    def transport(self, limits: Limits, /) -> NatsTransport:
        """Return a transport of its own, not opened."""

    def letters(self, address: str, /) -> str:
        return f"dlq.{self.group}"

    async def create(self, name: str, /) -> str:
        whole = f"{name}-{uuid.uuid4().hex[:10]}"
        for subject in (whole, f"{whole}.>", self.letters(whole)):
            if subject not in self._heard:
                self._heard[subject] = await self.listen(subject)
        return whole

    @abstractmethod
    async def listen(self, pattern: str, group: str | None = None, /) -> list[Received]:
        """Subscribe past the framework, and return the list that what arrives is put into."""

    async def put(self, address: str, body: bytes, key: bytes | None = None, headers: Headers = ()) -> None:
        named = dict(headers) if key is None else {**dict(headers), "fsoo-key": key.decode()}
        await self.send(address, body, named)

    @abstractmethod
    async def send(
        self, subject: str, body: bytes = b"", headers: Mapping[str, str] | None = None, reply: str = ""
    ) -> None:
        """Publish past the framework, and return when the server has delivered it."""

    async def read(self, address: str, /) -> Sequence[Written]:
        return [
            Written(
                one.data, key.encode() if (key := headers.get("fsoo-key")) is not None else None, [*headers.items()]
            )
            for one in self._heard.get(address, ())
            for headers in [one.headers or {}]
        ]


def streams_of(client: Client) -> JetStreamContext:
    """Return the streams that a raw client reaches."""
    return client.jetstream()  # pyright: ignore[reportUnknownMemberType] - `opts`


async def hearing(client: Client, pattern: str, group: str | None = None, /) -> list[Received]:
    """Subscribe with a raw client, and return the list that what arrives is put into."""
    heard: list[Received] = []

    async def hear(received: Any) -> None:
        heard.append(received)

    await client.subscribe(pattern, queue=group or "", cb=hear)  # pyright: ignore[reportUnknownMemberType]
    await flushed(client)
    return heard


async def flushed(client: Client, /) -> None:
    """Return when the server has everything that a raw client was given."""
    for _ in range(2):  # the client writes a PING past what is still in its buffer
        await client.flush()


class RealWorld(NatsWorld):
    """A real NATS by nats-py, raw."""

    def __init__(self, server: str) -> None:
        super().__init__()
        self.settings = NatsSettings(servers=[server])
        self.client = Client()

    async def __aenter__(self) -> Self:
        await self.client.connect(list(self.settings.servers))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.client.close()

    @property
    def streams(self) -> JetStreamContext:
        return streams_of(self.client)

    def transport(self, limits: Limits, /) -> NatsTransport:
        return NatsPyTransport(self.settings, limits=limits)

    async def listen(self, pattern: str, group: str | None = None, /) -> list[Received]:
        return await hearing(self.client, pattern, group)

    async def send(
        self, subject: str, body: bytes = b"", headers: Mapping[str, str] | None = None, reply: str = ""
    ) -> None:
        await self.client.publish(subject, body, reply, dict(headers) if headers else None)
        await flushed(self.client)


def listened(server: MemoryServer, pattern: str, group: str | None = None, /) -> list[Received]:
    """Subscribe at an embedded server, and return the list that what arrives is put into."""
    heard: list[Received] = []
    server.subscribe(Interest(pattern, group, heard.append))
    return heard


class EmbeddedWorld(NatsWorld):
    """The embedded NATS, looked into."""

    fuzzed = 1000

    def __init__(self, embedding: Embedding | None = None) -> None:
        super().__init__()
        self._embedding = embedding or Embedding(LoopClock())
        self.settings = NatsSettings()
        self.server: MemoryServer = self._embedding.cluster(("nats", self.settings.servers), MemoryServer)

    def below(self) -> AbstractContextManager[object]:
        return embedded(self._embedding)

    def transport(self, limits: Limits, /) -> NatsTransport:
        return MemoryTransport(self.settings, limits=limits)

    async def listen(self, pattern: str, group: str | None = None, /) -> list[Received]:
        return listened(self.server, pattern, group)

    async def send(
        self, subject: str, body: bytes = b"", headers: Mapping[str, str] | None = None, reply: str = ""
    ) -> None:
        self.server.publish((subject, body, reply, dict(headers) if headers else None))


# Streams --------------------------------------------------------------------------------------------------------------


def stored(address: str) -> Subject:
    """Return an address of a test as a subject of the stream of that name, which stores what is below it too."""
    return Subject(address, stream=JetStream(address, subjects=[address, f"{address}.>"]))


class StreamBroker(NatsBroker):
    """A broker for which text is short for a subject of a stream of that name."""

    def native(self, address: str | Address, /) -> Address:
        return stored(address) if isinstance(address, str) else address


def _consumes(address: str, /, **options: Any) -> Callable[[Method], Method]:
    return consumes(stored(address), **options)


def _produces(address: str, /, **options: Any) -> Callable[[Method], Method]:
    return produces(stored(address), **options)


class StreamWorld(World):
    """A NATS system with JetStream: each address is a stream of its own."""

    protocol = "nats"
    consumer = NatsConsumer
    outgoing = NatsOutgoing
    consumes = staticmethod(_consumes)
    producer = NatsProducer
    produces = staticmethod(_produces)
    hostile = NatsWorld.hostile
    impatient: ClassVar[Mapping[str, Any]] = {"via": Pull(ack_wait=1.0, heartbeat=0.5)}
    settings: NatsSettings

    def broker(self) -> NatsBroker:
        return self.broker_of()

    def broker_of(self, **settings: Any) -> NatsBroker:
        """Return a broker with these settings, not opened."""
        return StreamBroker(evolve(self.settings, **settings))

    @asynccontextmanager
    async def serving_alone(self, *methods: Method, **options: Any) -> AsyncGenerator[Served]:
        """Serve one consumer without a group."""
        group, self.group = self.group, ""
        try:
            async with self.serving(*methods, **options) as served:
                yield served
        finally:
            self.group = group

    @property
    def options(self) -> Mapping[str, Any]:
        return {"group": self.group} if self.group else {}

    def forget(self, *streams: str) -> None:
        """Remove streams with the test."""

    def letters(self, address: str, /) -> str:
        return f"dlq.{self.group}.{address}"

    def name(self, name: str) -> str:
        """Return a name of this test's own."""
        return f"{name}-{uuid.uuid4().hex[:10]}"

    @abstractmethod
    async def stored(self, stream: str, subject: str, /) -> Sequence[Received]:
        """Return what a stream holds of a subject, in order; none when there is no such stream."""

    @abstractmethod
    async def remove(self, stream: str, consumer: str | None = None, /) -> None:
        """Delete a stream, or one of its consumers, as an operator would."""

    @abstractmethod
    async def listen(self, pattern: str, /) -> list[Received]:
        """Subscribe past the framework, and return the list that what arrives is put into."""

    @abstractmethod
    async def unsettled(self, stream: str, /) -> int:
        """Return how many messages the group was given and did not settle, as the server counts them."""

    @abstractmethod
    async def purge(self, stream: str, /) -> None:
        """Delete what a stream holds, as an operator would."""

    async def read(self, address: str, /) -> Sequence[Written]:
        letters = address.startswith("dlq.")
        stream = f"DLQ_{address.split('.', 2)[2]}" if letters else address
        return [
            Written(
                one.data or b"",
                key.encode() if (key := headers.get("fsoo-key")) is not None else None,
                [*headers.items()],
            )
            for one in await self.stored(stream, address)
            for headers in [one.headers or {}]
        ]


class RealStreamWorld(StreamWorld):
    """A real JetStream by nats-py, raw."""

    def __init__(self, server: str) -> None:
        super().__init__()
        self.settings = NatsSettings(servers=[server])
        self.client = Client()
        self._made: list[str] = []

    @property
    def streams(self) -> JetStreamContext:
        return streams_of(self.client)

    async def __aenter__(self) -> Self:
        await self.client.connect(list(self.settings.servers))
        return self

    async def __aexit__(self, *_: object) -> None:
        for stream in self._made:
            await self.remove(stream)
            await self.remove(f"DLQ_{stream}")
        await self.client.close()

    def name(self, name: str) -> str:
        whole = super().name(name)
        self._made.append(whole)
        return whole

    def forget(self, *streams: str) -> None:
        self._made += streams

    async def made(self, name: str, /) -> str:
        async with RealStreamWorld(self.settings.servers[0]) as other:
            whole = await other.create(name)
            other._made.clear()
        return whole

    async def create(self, name: str, /) -> str:
        whole = self.name(name)
        await self.streams.add_stream(  # pyright: ignore[reportUnknownMemberType] - `params`
            name=whole, subjects=[whole, f"{whole}.>"]
        )
        return whole

    async def put(self, address: str, body: bytes, key: bytes | None = None, headers: Headers = ()) -> None:
        named = dict(headers) if key is None else {**dict(headers), "fsoo-key": key.decode()}
        await self.streams.publish(address, body, headers=named or None)

    async def stored(self, stream: str, subject: str, /) -> Sequence[Received]:
        try:
            info = await self.streams.stream_info(stream, subjects_filter=subject)
        except NotFoundError:
            return []
        if not (count := (info.state.subjects or {}).get(subject, 0)):
            return []
        if info.config.retention != RetentionPolicy.LIMITS:  # one more consumer would change what is kept
            return [one async for one in self._looked_up(stream, subject)]
        reading = await self.streams.pull_subscribe(
            subject, stream=stream, config=ConsumerConfig(ack_policy=AckPolicy.NONE, inactive_threshold=5.0)
        )
        found: list[Received] = []
        try:
            while len(found) < count:
                found += await reading.fetch(count - len(found))
        except TimeoutError:  # some of it went meanwhile
            return await self.stored(stream, subject)
        finally:
            await reading.unsubscribe()
        return found

    async def _looked_up(self, stream: str, subject: str) -> AsyncGenerator[Received]:
        place = 0
        with suppress(NotFoundError):
            while True:
                found = cast(Any, await self.streams.get_msg(stream, seq=place + 1, subject=subject, next=True))
                place = found.seq
                yield Delivered(subject, found.data or b"", "", found.headers)

    async def listen(self, pattern: str, /) -> list[Received]:
        return await hearing(self.client, pattern)

    async def unsettled(self, stream: str, /) -> int:
        return (await self.streams.consumer_info(stream, self.group)).num_ack_pending or 0

    async def purge(self, stream: str, /) -> None:
        await self.streams.purge_stream(stream)

    async def remove(self, stream: str, consumer: str | None = None, /) -> None:
        with suppress(NotFoundError):
            if consumer is None:
                await self.streams.delete_stream(stream)
            else:
                await self.streams.delete_consumer(stream, consumer)


class EmbeddedStreamWorld(StreamWorld):
    """The streams of the embedded NATS, looked into."""

    fuzzed = 1000

    def __init__(self, embedding: Embedding | None = None) -> None:
        super().__init__()
        self._embedding = embedding or Embedding(LoopClock())
        self.settings = NatsSettings()
        self.server: MemoryServer = self._embedding.cluster(("nats", self.settings.servers), MemoryServer)

    def below(self) -> AbstractContextManager[object]:
        return embedded(self._embedding)

    async def create(self, name: str, /) -> str:
        whole = self.name(name)
        self.server.jetstream.add_stream(StreamConfig(whole, subjects=[whole, f"{whole}.>"]))
        return whole

    async def put(self, address: str, body: bytes, key: bytes | None = None, headers: Headers = ()) -> None:
        named = dict(headers) if key is None else {**dict(headers), "fsoo-key": key.decode()}
        assert isinstance(self.server.publish((address, body, "", named)), Kept)

    async def stored(self, stream: str, subject: str, /) -> Sequence[Received]:
        there = self.server.jetstream.streams.get(stream)
        found = [] if there is None else [one for one in there.from_place(1) if one.subject == subject]
        return [Delivered(one.subject, one.data, "", one.headers) for one in found]

    async def listen(self, pattern: str, /) -> list[Received]:
        return listened(self.server, pattern)

    async def unsettled(self, stream: str, /) -> int:
        return len(self.server.jetstream.consumer(stream, self.group).pending)

    async def purge(self, stream: str, /) -> None:
        self.server.jetstream.stream(stream).purge()

    async def remove(self, stream: str, consumer: str | None = None, /) -> None:
        with suppress(TransportError):
            if consumer is None:
                self.server.jetstream.delete_stream(stream)
            else:
                self.server.jetstream.delete_consumer(stream, consumer)


W = TypeVar("W", NatsWorld, StreamWorld)


def strict(world: W) -> W:
    """Return a world in which nobody makes what an application may not make, as nobody does on a real server."""
    if isinstance(world, EmbeddedWorld | EmbeddedStreamWorld):
        made = type(world)(Embedding(LoopClock(), memory=False))
        made.settings = evolve(made.settings, driver="memory")
        return cast(W, made)
    return world
