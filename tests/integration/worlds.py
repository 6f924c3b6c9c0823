"""A Kafka as somebody outside the framework sees it: the real one by a raw client, or the embedded one."""

import asyncio
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol, Self

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from faststream_oo.current import Embedding, embedded
from faststream_oo.kafka import KafkaSettings
from faststream_oo.kafka.transports.memory import MemoryCluster

Headers = list[tuple[str, bytes | None]]


async def until(holds: Callable[[], object], seconds: float = 30.0) -> None:
    """Return when something holds; fail after a deadline."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "did not happen in time"
        await asyncio.sleep(0.005)


class World(Protocol):
    """What a test does beside the application."""

    settings: KafkaSettings

    def below(self) -> AbstractContextManager[object]:
        """Return what an application is made and started in."""
        ...

    async def create(self, name: str, partitions: int = 1, **config: str) -> str:
        """Create a topic with a name of its own, and return that."""
        ...

    async def put(
        self, topic: str, value: bytes | None, key: bytes | None = None, headers: Headers | None = None, **place: int
    ) -> None:
        """Write one record."""

    async def read(self, topic: str) -> Sequence[Any]:
        """Return every record of a topic, by partition and offset; none when it does not exist."""
        ...


class RealWorld:
    """A real Kafka by aiokafka, raw."""

    def __init__(self, servers: str) -> None:
        self.settings = KafkaSettings(servers=[servers])
        self._servers = servers
        self._producer: Any = None

    async def __aenter__(self) -> Self:
        self._producer = AIOKafkaProducer(bootstrap_servers=self._servers, acks="all", max_request_size=4_000_000)
        await self._producer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._producer.stop()

    def below(self) -> AbstractContextManager[object]:
        return nullcontext()

    async def create(self, name: str, partitions: int = 1, **config: str) -> str:
        whole = f"{name}-{uuid.uuid4().hex[:10]}"
        admin = AIOKafkaAdminClient(bootstrap_servers=self._servers)
        await admin.start()
        try:
            named = {key.replace("_", "."): value for key, value in config.items()}
            await admin.create_topics([NewTopic(whole, partitions, 1, topic_configs=named)])
        finally:
            await admin.close()
        return whole

    async def _count(self, topic: str) -> int:
        admin = AIOKafkaAdminClient(bootstrap_servers=self._servers)
        await admin.start()
        try:
            (facts,) = await admin.describe_topics([topic])
            return len(facts["partitions"])
        finally:
            await admin.close()

    async def put(
        self, topic: str, value: bytes | None, key: bytes | None = None, headers: Headers | None = None, **place: int
    ) -> None:
        await self._producer.send_and_wait(topic, value, key=key, headers=headers or [], **place)

    async def read(self, topic: str) -> Sequence[Any]:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._servers, enable_auto_commit=False, max_partition_fetch_bytes=8_000_000
        )
        await consumer.start()
        try:
            if topic not in await consumer.topics():
                return []
            parts = [TopicPartition(topic, number) for number in range(await self._count(topic))]
            found: list[Any] = []
            consumer.assign(parts)
            await consumer.seek_to_beginning(*parts)
            ends = await consumer.end_offsets(parts)
            while sum(ends.values()) > sum([await consumer.position(part) for part in parts]):
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    found.extend(records)
            return sorted(found, key=lambda record: (record.partition, record.offset))
        finally:
            await consumer.stop()


class EmbeddedWorld:
    """The embedded Kafka, looked into."""

    def __init__(self, embedding: Embedding) -> None:
        self.settings = KafkaSettings()
        self.cluster: MemoryCluster = embedding.cluster(("kafka", self.settings.servers), MemoryCluster)
        self._embedding = embedding

    def below(self) -> AbstractContextManager[object]:
        return embedded(self._embedding)

    async def create(self, name: str, partitions: int = 1, **config: str) -> str:
        whole = f"{name}-{uuid.uuid4().hex[:10]}"
        self.cluster.create_topic(whole, partitions, {key.replace("_", "."): value for key, value in config.items()})
        return whole

    async def put(
        self, topic: str, value: bytes | None, key: bytes | None = None, headers: Headers | None = None, **place: int
    ) -> None:
        log = self.cluster.log(topic, place.get("partition", 0))
        log.append(self.cluster.now(), 0, (value, key, tuple(headers or ())))

    async def read(self, topic: str) -> Sequence[Any]:
        return [record for log in self.cluster.topics.get(topic, ()) for record in log.read(log.first, log.end)]
