"""A transport beside a client that knows nothing of it: librdkafka for the real Kafka, the log for the embedded one."""

import asyncio
import time
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    ConfigResource,  # pyright: ignore[reportPrivateImportUsage]  # the package does not say what it exports
    ResourceType,  # pyright: ignore[reportPrivateImportUsage]
)
from confluent_kafka.cimpl import NewPartitions, NewTopic

from faststream_oo.address import Address
from faststream_oo.kafka import KafkaSettings, Topic, address
from faststream_oo.kafka.transport import KafkaSource, KafkaTransport
from faststream_oo.kafka.transports.aiokafka import AiokafkaTransport
from faststream_oo.kafka.transports.confluent import ConfluentTransport
from faststream_oo.kafka.transports.memory import MemoryTransport
from faststream_oo.kafka.transports.memory.transactions import Transaction
from tests.integration.kafka.worlds import EmbeddedWorld
from tests.integration.worlds import Headers, Written
from tests.unit.kafka.sinks import RecordingSink


def numbers(first: int, end: int) -> list[bytes | None]:
    """Return values that count."""
    return [b"%d" % number for number in range(first, end)]


class RawKafka:
    """The real Kafka by librdkafka."""

    def __init__(self, servers: str) -> None:
        self.settings = KafkaSettings(servers=servers.split(","))
        self._servers: dict[str, str | int | float | bool] = {"bootstrap.servers": servers}
        # Its futures have no type.
        self._admin: Any = AdminClient(self._servers)
        self._producer = Producer({**self._servers, "linger.ms": 0, "partitioner": "murmur2_random"})

    async def create(self, name: str, partitions: int = 1, **config: str) -> str:
        whole = f"{name}-{uuid.uuid4().hex[:10]}"
        named = {key.replace("_", "."): value for key, value in config.items()}
        await self.create_exactly(whole, partitions, named)
        return whole

    async def create_exactly(self, name: str, partitions: int = 1, config: dict[str, str] | None = None) -> None:
        topic = NewTopic(name, num_partitions=partitions, replication_factor=1, config=config or {})
        made = self._admin.create_topics([topic])
        await asyncio.to_thread(made[name].result, 10)

    async def put(
        self, topic: str, value: bytes | None, key: bytes | None = None, headers: Headers = (), **place: int
    ) -> None:
        await self.put_all(topic, [value], key, headers, **place)

    async def put_all(
        self,
        topic: str,
        values: Sequence[bytes | None],
        key: bytes | None = None,
        headers: Headers = (),
        **place: int,
    ) -> None:
        for value in values:
            self._producer.produce(topic, value, key, headers=list(headers), **place)  # type: ignore[arg-type]  # one int
        assert await asyncio.to_thread(self._producer.flush, 10) == 0

    async def read(self, topic: str) -> Sequence[Written]:
        return await asyncio.to_thread(self._read, topic)

    async def largest(self, topic: str) -> int:
        """Return the bytes that a batch of the topic may have."""
        resource = ConfigResource(ResourceType.TOPIC, topic)
        found = await asyncio.to_thread(self._admin.describe_configs([resource])[resource].result, 10)
        return int(found["max.message.bytes"].value)

    async def grow(self, topic: str, total: int) -> None:
        """Give a topic more partitions, up to a number."""
        await self._done(self._admin.create_partitions([NewPartitions(topic, total)]))
        deadline = time.monotonic() + 30
        # The producer asks again only when it is made to.
        while len((await asyncio.to_thread(self._producer.list_topics, topic, 10)).topics[topic].partitions) < total:
            assert time.monotonic() < deadline, "the partitions were not made in time"

    async def delete(self, topic: str) -> None:
        await self._done(self._admin.delete_topics([topic]))

    async def delete_records(self, topic: str, before: int) -> None:
        """Forget the records of the first partition below an offset."""
        await self._done(self._admin.delete_records([TopicPartition(topic, 0, before)]))

    async def transaction(self, topic: str) -> "RawTransaction":
        """Begin a transaction over the first partition."""
        transaction = RawTransaction({**self._servers, "transactional.id": uuid.uuid4().hex}, topic)
        await transaction.begin()
        return transaction

    async def compact(self, topic: str, left: int) -> None:
        """Return when the cleaner of a topic has been there and has left so many records."""
        deadline = time.monotonic() + 90
        while len(await self.read(topic)) > left:
            assert time.monotonic() < deadline, "the cleaner was not there in time"
            await asyncio.sleep(0.2)

    async def committed(self, group: str, topic: str, partition: int = 0) -> int:
        """Return what a group committed."""
        asked = ConsumerGroupTopicPartitions(group, [TopicPartition(topic, partition)])
        (found,) = await self._done(self._admin.list_consumer_group_offsets([asked]))
        return int(found.topic_partitions[0].offset)

    async def commit(self, group: str, topic: str, offset: int, partition: int = 0) -> None:
        """Set what a group without members committed."""
        wanted = ConsumerGroupTopicPartitions(group, [TopicPartition(topic, partition, offset)])
        await self._done(self._admin.alter_consumer_group_offsets([wanted]))

    @asynccontextmanager
    async def heir(self, group: str, topic: str) -> AsyncGenerator["Heir"]:
        """Join a group by librdkafka, whose connections no `Network` cuts."""
        wanted: dict[str, str | int | float | bool] = {
            **self._servers,
            "group.id": group,
            "partition.assignment.strategy": "roundrobin",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
        consumer = Consumer(wanted)
        consumer.subscribe([topic])
        try:
            yield Heir(consumer)
        finally:
            await asyncio.to_thread(consumer.close)

    async def _done(self, asked: dict[Any, Any]) -> list[Any]:
        return [await asyncio.to_thread(future.result, 10) for future in asked.values()]

    def _read(self, topic: str) -> Sequence[Written]:
        consumer = Consumer({**self._servers, "group.id": uuid.uuid4().hex, "enable.auto.commit": False})
        try:
            found: list[Any] = []
            for number in consumer.list_topics(topic, 10).topics[topic].partitions:
                first, end = consumer.get_watermark_offsets(TopicPartition(topic, number), 10)
                consumer.assign([TopicPartition(topic, number, first)])
                while first < end:
                    (record,) = consumer.consume(1, 10)
                    assert record.error() is None
                    first = int(record.offset() or 0) + 1
                    found.append(record)
            return [Written(one.value(), one.key(), one.headers() or []) for one in found]
        finally:
            consumer.close()


class RawTransaction:
    """A transaction over the first partition of a topic."""

    def __init__(self, options: dict[str, str | int | float | bool], topic: str) -> None:
        self._options = options
        self._producer = Producer(options)
        self._topic = topic

    async def begin(self) -> None:
        await asyncio.to_thread(self._producer.init_transactions, 10)
        self._producer.begin_transaction()

    async def put(self, *values: bytes) -> None:
        for value in values:
            self._producer.produce(self._topic, value, partition=0)
        assert await asyncio.to_thread(self._producer.flush, 10) == 0

    async def commit(self) -> None:
        await self._end(self._producer.commit_transaction)

    async def abort(self) -> None:
        await self._end(self._producer.abort_transaction)

    async def _end(self, end: Callable[[float], object]) -> None:
        await asyncio.to_thread(end, 10)
        await asyncio.to_thread(Producer(self._options).init_transactions, 10)  # waits until the marker is written


class Heir:
    """A member that takes over."""

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer

    async def take(self, count: int) -> list[bytes | None]:
        """Read so many records, and commit them."""
        return await asyncio.to_thread(self._take, count)

    def _take(self, count: int) -> list[bytes | None]:
        records = self._consumer.consume(count, 30)
        self._consumer.commit(asynchronous=False)
        return [record.value() for record in records]


class MemoryTransaction:
    """The same on the embedded one."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def put(self, *values: bytes) -> None:
        for value in values:
            self._transaction.write((value, None, ()))

    async def commit(self) -> None:
        self._transaction.commit()

    async def abort(self) -> None:
        self._transaction.abort()


class RawMemory(EmbeddedWorld):
    """The embedded Kafka, looked into."""

    async def create_exactly(self, name: str, partitions: int = 1, config: dict[str, str] | None = None) -> None:
        self.cluster.create_topic(name, partitions, config or {})

    async def put_all(
        self,
        topic: str,
        values: Sequence[bytes | None],
        key: bytes | None = None,
        headers: Headers = (),
        **place: int,
    ) -> None:
        for value in values:
            await self.put(topic, value, key, headers, **place)

    async def grow(self, topic: str, total: int) -> None:
        self.cluster.add_partitions(topic, total)

    async def delete(self, topic: str) -> None:
        self.cluster.delete_topic(topic)

    async def delete_records(self, topic: str, before: int) -> None:
        self.cluster.delete_records(topic, 0, before)

    async def transaction(self, topic: str) -> "MemoryTransaction":
        return MemoryTransaction(self.cluster.begin(topic))

    async def compact(self, topic: str, left: int) -> None:
        log = self.cluster.log(topic, 0)
        self.cluster.compact(topic, 0, log.end - 1)  # the last segment is not cleaned
        assert len(log.records) == left

    async def committed(self, group: str, topic: str, partition: int = 0) -> int:
        return self.cluster.group(group).offsets[address.TopicPartition(topic, partition)]

    async def commit(self, group: str, topic: str, offset: int, partition: int = 0) -> None:
        self.cluster.group(group).commit(address.TopicPartition(topic, partition), offset)

    async def largest(self, topic: str) -> int:
        return self.cluster.topics[topic].max_message_bytes


Raw = RawKafka | RawMemory
Begin = Callable[..., Awaitable[tuple[KafkaSource, RecordingSink]]]
"""Start a source of an address over a sink, with further source options; all are closed at the end."""


CLIENTS: Mapping[str, Callable[[KafkaSettings], KafkaTransport]] = {
    "aiokafka": AiokafkaTransport,
    "confluent": ConfluentTransport,
}
of_clients = pytest.mark.parametrize("driver", list(CLIENTS), indirect=True)
only_aiokafka = pytest.mark.parametrize("driver", ["aiokafka"], indirect=True)
only_confluent = pytest.mark.parametrize("driver", ["confluent"], indirect=True)

CONFLUENT_NAMES = {
    "heartbeat_interval_ms": "heartbeat.interval.ms",
    "metadata_max_age_ms": "topic.metadata.refresh.interval.ms",
    "partition_assignment_strategy": "partition.assignment.strategy",
}


@pytest.fixture(params=["memory", *CLIENTS])
def driver(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def raw(driver: str, request: pytest.FixtureRequest) -> Raw:
    """Who is on the other side."""
    return RawMemory() if driver == "memory" else RawKafka(request.getfixturevalue("kafka_servers"))


@pytest.fixture
async def transport(raw: Raw, driver: str) -> AsyncGenerator[KafkaTransport]:
    """An open transport."""
    made: KafkaTransport
    if isinstance(raw, RawMemory):
        made = MemoryTransport(raw.settings)
        with raw.below():
            await made.open()
    else:
        made = CLIENTS[driver](raw.settings)
        await made.open()
    yield made
    await made.close()


@pytest.fixture
async def begin(transport: KafkaTransport, driver: str) -> AsyncGenerator[Begin]:
    sources: list[KafkaSource] = []

    async def begin(
        address: str | Address, sink: RecordingSink | None = None, **options: object
    ) -> tuple[KafkaSource, RecordingSink]:
        address = Topic(address) if isinstance(address, str) else address
        # Members hear of a rebalance with their next heartbeat.
        config = {"heartbeat_interval_ms": 100, **cast(dict[str, int], options.pop("config", {}))}
        if driver == "confluent":
            config = {CONFLUENT_NAMES[name]: value for name, value in config.items()}
        source = transport.source(address, {"config": config, **options})
        sources.append(source)
        sink = sink or RecordingSink()
        await source.start(sink)
        return source, sink

    yield begin
    await asyncio.gather(*(source.close() for source in sources))


class Network:
    """The connections of this process, which a test can cut."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._connect = loop.create_connection
        self._open: list[Any] = []
        self._refuses = False

    async def create_connection(self, *args: Any, **options: Any) -> Any:
        if self._refuses:
            raise ConnectionRefusedError(111, "refused by the test")
        transport, protocol = await self._connect(*args, **options)
        self._open.append(transport)
        return transport, protocol

    def cut(self) -> None:
        """End every connection, and refuse others."""
        self._refuses = True
        while self._open:
            self._open.pop().abort()

    def silence(self) -> None:
        """Let nothing be heard any more over the connections that are open, and refuse others."""
        self._refuses = True
        for transport in self._open:
            if not transport.is_closing():
                transport.pause_reading()

    def mend(self) -> None:
        """Let connections be made again."""
        self._refuses = False

    def hear(self) -> None:
        """Let what was silenced be heard again, and what came in meanwhile."""
        self._refuses = False
        for transport in self._open:
            if not transport.is_closing():
                transport.resume_reading()


@pytest.fixture
async def network(monkeypatch: pytest.MonkeyPatch) -> Network:
    """Asked for before the transport, so that its connections are known."""
    loop = asyncio.get_running_loop()
    network = Network(loop)
    monkeypatch.setattr(loop, "create_connection", network.create_connection)
    return network
