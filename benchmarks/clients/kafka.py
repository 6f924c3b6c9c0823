"""Kafka by aiokafka."""

import asyncio
import os
import uuid
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from typing import Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from benchmarks.orders import IN_FLIGHT, Order, decoder, encoder, portions
from benchmarks.runner import Comparison, Meter, Run, Target
from faststream_oo import Application, Batch, Key
from faststream_oo.kafka import (
    KafkaBroker,
    KafkaConsumer,
    KafkaOutgoing,
    KafkaProducer,
    KafkaSettings,
    consumes,
    produces,
)

SERVERS: Final = os.environ.get("KAFKA_SERVERS", "127.0.0.1:9092")
MESSAGES: Final = 20_000
PARTITIONS: Final = 4


@asynccontextmanager
async def comparisons(servers: str, count: int) -> AsyncGenerator[Sequence[Comparison]]:
    """Make a topic with messages, and one to publish to; delete them afterwards."""
    settings = KafkaSettings(servers=[servers], topology="off")
    theirs = faststream("aiokafka", servers)
    async with topics(servers, count) as (source, target):
        yield [
            Comparison(
                "consume",
                partial(raw_consume, servers, source),
                consume_sides(settings, source),
                {"one lane": Target(plus=3), "16 lanes by key": Target(plus=3, beside="one lane")},
                theirs("consume", source),
                stock=count,
            ),
            Comparison(
                f"publish, {IN_FLIGHT} in flight",
                partial(raw_publish, servers, target),
                publish_sides(settings, target),
                dict.fromkeys(("@produces of a Batch", "a Batch of KafkaOutgoing"), Target(plus=3)),
                theirs("publish", target),
                share=1 / 3,
            ),
            Comparison(
                f"publish, {IN_FLIGHT} calls that each wait",
                partial(raw_publish_and_wait, servers, target),
                {"@produces": partial(our_publish, settings, target)},
                {"@produces": Target(plus=3)},
                theirs("publish_and_wait", target),
                share=1 / 3,
            ),
            Comparison(
                f"consume and publish, {IN_FLIGHT} in flight",
                partial(raw_forward, servers, source, target),
                {"@consumes @produces": partial(our_forward, settings, source, target)},
                {"@consumes @produces": Target(plus=6)},
                stock=count,
            ),
        ]


def consume_sides(settings: KafkaSettings, topic: str) -> Mapping[str, Run]:
    """Return our ways to consume, whatever the client below."""
    return {
        "one lane": partial(our_consume, settings, topic, 1),
        "16 lanes by key": partial(our_consume, settings, topic, 16),
    }


def publish_sides(settings: KafkaSettings, topic: str) -> Mapping[str, Run]:
    """Return our ways to publish with many in flight, whatever the client below."""
    return {
        "@produces of a Batch": partial(our_producer, settings, topic),
        "a Batch of KafkaOutgoing": partial(our_batches, settings, topic),
    }


def faststream(driver: str, servers: str) -> Callable[[str, str], Mapping[str, Run]]:
    """Return what gives FastStream's way to do something on a topic, nothing where it is not installed."""
    if find_spec("faststream") is None:
        return lambda _what, _topic: {}
    module = import_module("benchmarks.faststream.kafka")
    name = f"FastStream {version('faststream')}"
    return lambda what, topic: {name: module.sides(driver, servers, topic)[what]}


@asynccontextmanager
async def topics(servers: str, count: int) -> AsyncGenerator[tuple[str, str]]:
    """Make a topic that holds `count` orders, and an empty one."""
    source, target = (f"bench-{uuid.uuid4().hex[:8]}-{end}" for end in ("in", "out"))
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(source, PARTITIONS, 1), NewTopic(target, PARTITIONS, 1)])
        await raw_publish(servers, source, Meter(count))
        yield source, target
        await admin.delete_topics([source, target])
    finally:
        await admin.close()


# The client alone -----------------------------------------------------------------------------------------------------


@asynccontextmanager
async def raw_consumer(servers: str, topic: str) -> AsyncGenerator[AIOKafkaConsumer]:
    """Open a consumer of a new group, from the first record on."""
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=servers, group_id=uuid.uuid4().hex, enable_auto_commit=False,
        auto_offset_reset="earliest", isolation_level="read_committed",
    )  # fmt: skip
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


async def raw_consume(servers: str, topic: str, meter: Meter) -> None:
    """Read, decode and handle; commit each batch once it was handled."""
    decode = decoder()

    async def handle(order: Order) -> None:
        meter.handled()

    async with raw_consumer(servers, topic) as consumer:
        while not meter.done.is_set():
            for partition, records in (await consumer.getmany(timeout_ms=1000, max_records=500)).items():
                for record in records:
                    await handle(decode(record.value))
                await consumer.commit({TopicPartition(*partition): records[-1].offset + 1})
        meter.end()


async def raw_forward(servers: str, source: str, target: str, meter: Meter) -> None:
    """Read, decode, handle and send what comes out; commit each batch once all of that is confirmed."""
    decode, encode, number = decoder(), encoder(), 0

    async def handle(order: Order) -> Order:
        meter.handled()
        return order

    async with raw_consumer(servers, source) as consumer, raw_producer(servers) as producer:
        while not meter.done.is_set():
            for partition, records in (await consumer.getmany(timeout_ms=1000, max_records=IN_FLIGHT)).items():
                confirms = []
                for record in records:
                    order = await handle(decode(record.value))
                    number += 1
                    conversation = dict(record.headers)["fsoo-id"]
                    headers = [("fsoo-id", b"0123456789ab-%x" % number), ("fsoo-correlation-id", conversation)]
                    confirms.append(
                        await producer.send(target, encode(order), key=order.order_id.encode(), headers=headers)
                    )
                await asyncio.gather(*confirms)
                await consumer.commit({TopicPartition(*partition): records[-1].offset + 1})
        meter.end()


@asynccontextmanager
async def raw_producer(servers: str) -> AsyncGenerator[AIOKafkaProducer]:
    """Open a producer that loses nothing."""
    producer = AIOKafkaProducer(bootstrap_servers=servers, acks="all", enable_idempotence=True)
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


async def raw_publish(servers: str, topic: str, meter: Meter) -> None:
    """Send in order, with key and an identity in a header as we do; then wait for all."""
    encode, number, batches = encoder(), 0, portions(meter.count)
    async with raw_producer(servers) as producer:
        for many in batches:
            confirms = []
            for order in many:
                number += 1
                headers = [("fsoo-id", b"0123456789ab-%x" % number)]
                confirms.append(await producer.send(topic, encode(order), key=order.order_id.encode(), headers=headers))
            await asyncio.gather(*confirms)
            meter.sent(len(many))
        meter.end()


async def raw_publish_and_wait(servers: str, topic: str, meter: Meter) -> None:
    """The same with a call for each that waits for its confirm."""
    encode, number, batches = encoder(), 0, portions(meter.count)
    async with raw_producer(servers) as producer:

        async def publish(order: Order) -> None:
            nonlocal number
            number += 1
            headers = [("fsoo-id", b"0123456789ab-%x" % number)]
            await producer.send_and_wait(topic, encode(order), key=order.order_id.encode(), headers=headers)

        for many in batches:
            await asyncio.gather(*(publish(order) for order in many))
            meter.sent(len(many))
        meter.end()


# Ours -----------------------------------------------------------------------------------------------------------------


async def our_consume(settings: KafkaSettings, topic: str, lanes: int, meter: Meter) -> None:
    """The same with a consumer class."""

    class Orders(
        KafkaConsumer, group=uuid.uuid4().hex, concurrency=lanes, ordered_by=Key() if lanes > 1 else "partition"
    ):
        @consumes(topic)
        async def order(self, order: Order) -> None:
            meter.handled()

    broker = KafkaBroker(settings)
    async with Application(consumers=[Orders(broker)]):
        await meter.done.wait()
        await broker.subscriptions[0].commit()
        meter.end()


async def our_batches(settings: KafkaSettings, topic: str, meter: Meter) -> None:
    """A Batch by hand, with the key of each."""
    batches = portions(meter.count)
    async with KafkaBroker(settings) as broker:
        for many in batches:
            await broker.publish(topic, Batch(KafkaOutgoing(order, key=order.order_id) for order in many))
            meter.sent(len(many))
        meter.end()


async def our_producer(settings: KafkaSettings, topic: str, meter: Meter) -> None:
    """A producer's method that returns a Batch."""

    class Placed(KafkaProducer):
        @produces(topic, key="order_id")
        async def placed(self, many: Sequence[Order]) -> Batch[Order]:
            return Batch(many)

    batches = portions(meter.count)
    async with KafkaBroker(settings) as broker:
        producer = Placed(broker)
        for many in batches:
            await producer.placed(many)
            meter.sent(len(many))
        meter.end()


async def our_publish(settings: KafkaSettings, topic: str, meter: Meter) -> None:
    """A call of a producer's method for each, that waits for its confirm."""

    class Placed(KafkaProducer):
        @produces(topic, key="order_id")
        async def placed(self, order: Order) -> Order:
            return order

    batches = portions(meter.count)
    async with KafkaBroker(settings) as broker:
        producer = Placed(broker)
        for many in batches:
            await asyncio.gather(*(producer.placed(order) for order in many))
            meter.sent(len(many))
        meter.end()


async def our_forward(settings: KafkaSettings, source: str, target: str, meter: Meter) -> None:
    """A method that publishes what it returns: each input is settled once its output is confirmed."""

    class Orders(KafkaConsumer, group=uuid.uuid4().hex, prefetch=IN_FLIGHT):
        @consumes(source)
        @produces(target, key="order_id")
        async def order(self, order: Order) -> Order:
            meter.handled()
            return order

    broker = KafkaBroker(settings)
    async with Application(consumers=[Orders(broker)]):
        await meter.done.wait()
        [subscription] = broker.subscriptions
        while subscription.in_flight:  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0.001)
        await subscription.commit()
        meter.end()
