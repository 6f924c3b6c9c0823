"""RabbitMQ as somebody outside the framework sees it: the real one by a raw client, and the embedded one."""

import uuid
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, ClassVar, Self

import aiormq
from aiormq.abc import AbstractChannel, AbstractConnection, DeliveredMessage
from pamqp.commands import Basic

from faststream_oo.clock import LoopClock
from faststream_oo.current import Embedding, embedded
from faststream_oo.rabbit import (
    Queue,
    RabbitBroker,
    RabbitConsumer,
    RabbitOutgoing,
    RabbitProducer,
    RabbitSettings,
    consumes,
    produces,
)
from faststream_oo.rabbit.transports.memory import MemoryServer
from faststream_oo.rabbit.transports.memory.stored import arrived
from tests.integration.worlds import Headers, World, Written, until


class RabbitWorld(World):
    """A RabbitMQ: queues with messages, written to the default exchange."""

    protocol = "rabbit"
    consumer = RabbitConsumer
    outgoing = RabbitOutgoing
    consumes = staticmethod(consumes)
    producer = RabbitProducer
    produces = staticmethod(produces)
    # By name, as the client writes them.
    hostile: ClassVar[Headers] = [
        ("binary", bytearray(b"\xff\xfe")), ("h", "1"), ("half", 0.5), ("int", 7), ("large", 2**40),
        ("money", Decimal("1.25")), ("null", None), ("table", {"a": [1, "x", {"b": None}]}),
        ("time", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)), ("truth", True), ("x-custom", "kept"), ("ü", "x"),
    ]  # fmt: skip

    verifies: ClassVar[bool] = True
    """Whether the topology mode of the settings counts: in an embedding everything is made."""
    limits_every_quorum_queue = False
    """Whether a quorum queue has a delivery limit without asking for one."""
    equates_kinds_of_numbers = True
    """Whether 1 and 1.0 are the same header to an exchange."""
    settings: RabbitSettings

    @property
    def options(self) -> Mapping[str, Any]:
        return {}

    def broker(self) -> RabbitBroker:
        return RabbitBroker(self.settings)

    def letters(self, address: str, /) -> str:
        return f"{address}.dlq"

    def name(self, name: str) -> str:
        """Return a name of this test's own."""
        return f"{name}-{uuid.uuid4().hex[:10]}"

    @abstractmethod
    async def put(
        self, address: str, body: bytes, key: bytes | None = None, headers: Headers = (), **properties: Any
    ) -> None:
        """Write one message to a queue, or by `exchange=` to an exchange with the address as key."""

    @abstractmethod
    async def remove(self, queue: str) -> None:
        """Delete a queue, as an operator would."""

    @abstractmethod
    async def messages(self, queue: str) -> Sequence[Any]:
        """Return every message that waits in a queue; none when it does not exist."""

    async def read(self, address: str, /) -> Sequence[Written]:
        return [_written(one.body, one.header.properties.headers or {}) for one in await self.messages(address)]


def _written(body: bytes, headers: Mapping[str, Any]) -> Written:
    key = headers.get("fsoo-key")
    return Written(body, key.encode() if isinstance(key, str) else key, list(headers.items()))


def _headers(key: bytes | None, headers: Headers) -> dict[str, Any]:
    return {**dict(headers), **({} if key is None else {"fsoo-key": key.decode()})}


class RealWorld(RabbitWorld):
    """A real RabbitMQ by aiormq, raw."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.settings = RabbitSettings(url=url)
        self._url = url
        self._made: list[str] = []
        self._connection: AbstractConnection
        self._channel: AbstractChannel

    async def __aenter__(self) -> Self:
        self._connection = await aiormq.connect(self._url)
        self._channel = await self._connection.channel()
        newer = int(str(self._connection.server_properties["version"]).partition(".")[0]) >= 4
        self.limits_every_quorum_queue = newer
        self.equates_kinds_of_numbers = not newer
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._connection.close()
        async with aiormq.connect(self._url) as connection:  # the test may have killed the server
            channel = await connection.channel()
            for name in self._made:
                await channel.queue_delete(name)
                await channel.queue_delete(self.letters(name))
                await channel.exchange_delete(name)

    def name(self, name: str) -> str:
        whole = super().name(name)
        self._made.append(whole)
        return whole

    async def made(self, name: str, /) -> str:
        async with RealWorld(self._url) as other:
            whole = await other.create(name)
            other._made.clear()
        return whole

    async def create(self, name: str, /) -> str:
        whole = self.name(name)
        await self._channel.queue_declare(whole, durable=True, arguments={"x-queue-type": "quorum"})
        return whole

    async def put(
        self, address: str, body: bytes, key: bytes | None = None, headers: Headers = (), **properties: Any
    ) -> None:
        exchange = properties.pop("exchange", "")
        properties.setdefault("delivery_mode", 2)
        described = Basic.Properties(**properties, headers=_headers(key, headers))
        await self._channel.basic_publish(body, exchange=exchange, routing_key=address, properties=described)

    async def remove(self, queue: str) -> None:
        await self._channel.queue_delete(queue)

    async def messages(self, queue: str) -> Sequence[Any]:
        channel = await self._connection.channel()
        found: list[Any] = []
        try:
            waiting = (await channel.queue_declare(queue, passive=True)).message_count or 0
        except aiormq.exceptions.ChannelNotFoundEntity:
            return []

        async def take(delivered: DeliveredMessage) -> None:
            found.append(delivered)

        await channel.basic_qos(prefetch_count=max(1, waiting))  # of a quorum queue none means 2,000
        await channel.basic_consume(queue, take)
        await until(lambda: len(found) >= waiting)
        await channel.close()  # which puts them back where they were
        return found


class EmbeddedWorld(RabbitWorld):
    """The embedded RabbitMQ, looked into."""

    fuzzed = 1000
    verifies = False

    def __init__(self, embedding: Embedding | None = None) -> None:
        super().__init__()
        embedding = embedding or Embedding(LoopClock())
        self.settings = RabbitSettings()
        self.server: MemoryServer = embedding.cluster(("rabbit", self.settings.servers), MemoryServer)
        self.server.alone = True
        self._embedding = embedding

    def below(self) -> AbstractContextManager[object]:
        return embedded(self._embedding)

    async def create(self, name: str, /) -> str:
        whole = self.name(name)
        self.server.declare_queue(Queue(whole), None)
        return whole

    async def put(
        self, address: str, body: bytes, key: bytes | None = None, headers: Headers = (), **properties: Any
    ) -> None:
        exchange = properties.pop("exchange", "")
        described = arrived({"delivery_mode": 2, **properties, "headers": _headers(key, headers)})
        self.server.publish(exchange, address, described, body)

    async def remove(self, queue: str) -> None:
        self.server.delete_queue(queue)

    async def messages(self, queue: str) -> Sequence[Any]:
        there = self.server.queues.get(queue)
        counted = there is not None and there.declared.type == "quorum"
        return [stored.handed_out(counted=counted) for stored in there or ()]
