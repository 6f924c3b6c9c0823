"""Kafka by confluent-kafka: the client alone as its best design has it, one owner thread and collected reports."""

import asyncio
import threading
import uuid
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

from confluent_kafka import Consumer, KafkaError, Message, Producer

from benchmarks.clients import kafka
from benchmarks.orders import IN_FLIGHT, Order, decoder, encoder, portions
from benchmarks.runner import Comparison, Meter, Target
from faststream_oo.kafka import KafkaSettings

SERVERS: Final = kafka.SERVERS
MESSAGES: Final = kafka.MESSAGES
LINGER_MS: Final = 2
IN_HAND: Final = 500
"""Records that were read and are not handled, at most: our default."""


@asynccontextmanager
async def comparisons(servers: str, count: int) -> AsyncGenerator[Sequence[Comparison]]:
    """Make a topic with messages, and one to publish to; delete them afterwards."""
    settings = KafkaSettings(driver="confluent", servers=[servers], topology="off", linger=LINGER_MS / 1000)
    theirs = kafka.faststream("confluent", servers)
    async with kafka.topics(servers, count) as (source, target):
        yield [
            Comparison(
                "consume",
                partial(raw_consume, servers, source),
                kafka.consume_sides(settings, source),
                {"one lane": Target(plus=3), "16 lanes by key": Target(plus=3, beside="one lane")},
                theirs("consume", source),
                stock=count,
            ),
            Comparison(
                f"publish, {IN_FLIGHT} in flight",
                partial(raw_publish, servers, target),
                kafka.publish_sides(settings, target),
                dict.fromkeys(("@produces of a Batch", "a Batch of KafkaOutgoing"), Target(plus=3)),
                theirs("publish_and_wait", target),
                share=1 / 3,
            ),
        ]


async def raw_consume(servers: str, topic: str, meter: Meter) -> None:
    """Read on a thread, cross once a batch, decode and handle; the thread commits each batch once it was handled."""
    loop, decode = asyncio.get_running_loop(), decoder()
    consumer = Consumer({
        "bootstrap.servers": servers, "group.id": uuid.uuid4().hex, "auto.offset.reset": "earliest",
        "enable.auto.commit": False, "partition.assignment.strategy": "roundrobin", "queued.min.messages": 10_000,
        "queued.max.messages.kbytes": 16_384, "check.crcs": True,
    })  # fmt: skip
    consumer.subscribe([topic])
    batches: asyncio.Queue[list[Message]] = asyncio.Queue()
    ended: list[Message] = []
    handled = 0
    over, woken = threading.Event(), threading.Event()

    def own() -> None:
        read = 0
        while not over.is_set():
            woken.clear()
            while ended:
                consumer.commit(message=ended.pop(), asynchronous=True)
            room = min(IN_HAND - (read - handled), 500)
            if room <= 0:
                woken.wait(0.05)
                continue
            first = consumer.poll(0.05)
            if first is not None:
                batch = [first, *consumer.consume(room - 1, 0)]
                read += len(batch)
                loop.call_soon_threadsafe(batches.put_nowait, batch)
        consumer.close()

    async def handle(order: Order) -> None:
        meter.handled()

    thread = threading.Thread(target=own)
    thread.start()
    while not meter.done.is_set():
        batch = await batches.get()
        for message in batch:
            if message.error() is None:  # what went wrong comes as a message, too
                await handle(decode(message.value() or b""))
        last = {message.partition(): message for message in batch}
        ended.extend(last.values())
        handled += len(batch)
        woken.set()
    over.set()
    await asyncio.to_thread(thread.join)
    meter.end()


async def raw_publish(servers: str, topic: str, meter: Meter) -> None:
    """Send in order, with key and an identity in a header as we do; reports cross once a poll."""
    loop, encode, number = asyncio.get_running_loop(), encoder(), 0
    producer = Producer({
        "bootstrap.servers": servers, "acks": "all", "enable.idempotence": True, "linger.ms": LINGER_MS,
        "partitioner": "murmur2_random",
    })  # fmt: skip
    reports: list[tuple[asyncio.Future[int | None], KafkaError | None, Message]] = []
    over = threading.Event()

    def settle(found: list[tuple[asyncio.Future[int | None], KafkaError | None, Message]]) -> None:
        for confirm, error, message in found:
            assert error is None
            confirm.set_result(message.offset())

    def poll() -> None:
        nonlocal reports
        while not over.is_set():
            producer.poll(0.1)
            if reports:
                found, reports = reports, []
                loop.call_soon_threadsafe(settle, found)

    def report(confirm: "asyncio.Future[int | None]", error: KafkaError | None, message: Message) -> None:
        reports.append((confirm, error, message))

    thread = threading.Thread(target=poll)
    thread.start()
    for many in portions(meter.count):
        confirms: list[asyncio.Future[int | None]] = []
        for order in many:
            number += 1
            confirm: asyncio.Future[int | None] = loop.create_future()
            headers: list[tuple[str, str | bytes | None]] = [("fsoo-id", b"0123456789ab-%x" % number)]
            producer.produce(
                topic, encode(order), order.order_id.encode(), on_delivery=partial(report, confirm), headers=headers
            )
            confirms.append(confirm)
        await asyncio.gather(*confirms)
        meter.sent(len(many))
    over.set()
    await asyncio.to_thread(thread.join)
    meter.end()
