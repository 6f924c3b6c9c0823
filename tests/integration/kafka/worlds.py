"""Kafka as somebody outside the framework sees it: the real one by a raw client, and the embedded one."""

import uuid
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, ClassVar, Self

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from attrs import evolve

from faststream_oo.clock import LoopClock
from faststream_oo.current import Embedding, embedded
from faststream_oo.kafka import (
    KafkaBroker,
    KafkaConsumer,
    KafkaOutgoing,
    KafkaProducer,
    KafkaSettings,
    consumes,
    produces,
)
from faststream_oo.kafka.transports.memory import MemoryCluster
from tests.integration.worlds import Headers, World, Written


class KafkaWorld(World):
    """A Kafka: topics with records."""

    protocol = "kafka"
    consumer = KafkaConsumer
    outgoing = KafkaOutgoing
    consumes = staticmethod(consumes)
    producer = KafkaProducer
    produces = staticmethod(produces)
    hostile: ClassVar[Headers] = [
        ("h", b"1"), ("h", b"2"), ("null", None), ("binary", b"\xff\xfe"), ("", b"empty name"), ("ü", b"x"),
    ]  # fmt: skip

    impatient: ClassVar[Mapping[str, Any]] = {"session_timeout": 6.0}
    settings: KafkaSettings

    def broker(self) -> KafkaBroker:
        return KafkaBroker(self.settings)

    def letters(self, address: str, /) -> str:
        return f"{address}.{self.group}.dlq"

    @abstractmethod
    async def create(self, name: str, /, partitions: int = 1, **config: str) -> str:
        """Make a topic with a name of its own, and return that."""

    @abstractmethod
    async def put(
        self, address: str, body: bytes | None, key: bytes | None = None, headers: Headers = (), **place: int
    ) -> None:
        """Write one record."""

    @abstractmethod
    async def records(self, topic: str) -> Sequence[Any]:
        """Return every record of a topic, by partition and offset; none when it does not exist."""

    async def read(self, address: str, /) -> Sequence[Written]:
        return [Written(one.value, one.key, one.headers) for one in await self.records(address)]


class RealWorld(KafkaWorld):
    """A real Kafka by aiokafka, raw."""

    enduring: ClassVar[Mapping[str, str | int]] = {"request_timeout_ms": 100_000}

    def __init__(self, servers: str) -> None:
        super().__init__()
        self.settings = KafkaSettings(servers=[servers])
        self._servers = servers
        self._producer: Any = None

    async def __aenter__(self) -> Self:
        self._producer = AIOKafkaProducer(bootstrap_servers=self._servers, acks="all", max_request_size=4_000_000)
        await self._producer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._producer.stop()

    def endure(self) -> None:
        self.settings = evolve(self.settings, config=self.enduring)

    async def create(self, name: str, /, partitions: int = 1, **config: str) -> str:
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
        self, address: str, body: bytes | None, key: bytes | None = None, headers: Headers = (), **place: int
    ) -> None:
        await self._producer.send_and_wait(address, body, key=key, headers=list(headers), **place)

    async def records(self, topic: str) -> Sequence[Any]:
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


class ConfluentWorld(RealWorld):
    """A real Kafka, the application on it by confluent-kafka."""

    enduring: ClassVar[Mapping[str, str | int]] = {"message.timeout.ms": 100_000}

    def __init__(self, servers: str) -> None:
        super().__init__(servers)
        self.settings = KafkaSettings(driver="confluent", servers=[servers])


class EmbeddedWorld(KafkaWorld):
    """The embedded Kafka, looked into."""

    fuzzed = 1000

    def __init__(self, embedding: Embedding | None = None) -> None:
        super().__init__()
        embedding = embedding or Embedding(LoopClock())
        self.settings = KafkaSettings()
        self.cluster: MemoryCluster = embedding.cluster(("kafka", self.settings.servers), MemoryCluster)
        self._embedding = embedding

    def below(self) -> AbstractContextManager[object]:
        return embedded(self._embedding)

    async def create(self, name: str, /, partitions: int = 1, **config: str) -> str:
        whole = f"{name}-{uuid.uuid4().hex[:10]}"
        self.cluster.create_topic(whole, partitions, {key.replace("_", "."): value for key, value in config.items()})
        return whole

    async def put(
        self, address: str, body: bytes | None, key: bytes | None = None, headers: Headers = (), **place: int
    ) -> None:
        log = self.cluster.log(address, place.get("partition", 0))
        log.append(self.cluster.now(), 0, (body, key, tuple(headers)))

    async def records(self, topic: str) -> Sequence[Any]:
        return [record for log in self.cluster.topics.get(topic, ()) for record in log.read(log.first, log.end)]
