"""CPU per message on a real Kafka: a careful aiokafka loop, and this framework, in interleaved rounds.

`python -m benchmarks [--servers HOST:PORT] [--messages N] [--rounds N]`
"""

import argparse
import asyncio
import os
import statistics
import time
import uuid
from collections.abc import Awaitable, Callable

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from attrs import frozen

from faststream_oo import Application, Batch, Key
from faststream_oo.codecs import make_converter
from faststream_oo.kafka import KafkaBroker, KafkaConsumer, KafkaOutgoing, KafkaSettings, consumes


@frozen
class Order:
    order_id: str
    customer: str
    amount: int
    price: float
    paid: bool
    note: str


ORDER = Order("order-000001", "customer-42", 3, 19.99, paid=True, note="x" * 190)
BODY = orjson.dumps({name: getattr(ORDER, name) for name in Order.__slots__ if name != "__weakref__"})


async def raw_consume(servers: str, topic: str, count: int) -> None:
    """Read, decode and count; commit each batch after it was handled."""
    structure = make_converter().copy(detailed_validation=False).get_structure_hook(Order)
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=servers, group_id=uuid.uuid4().hex, enable_auto_commit=False,
        auto_offset_reset="earliest", isolation_level="read_committed",
    )  # fmt: skip
    await consumer.start()
    seen = 0

    async def handle(order: Order) -> None:
        nonlocal seen
        seen += 1

    while seen < count:
        for partition, records in (await consumer.getmany(timeout_ms=1000, max_records=500)).items():
            for record in records:
                await handle(structure(orjson.loads(record.value), Order))
            await consumer.commit({TopicPartition(*partition): records[-1].offset + 1})
    await consumer.stop()


async def our_consume(servers: str, topic: str, count: int, lanes: int) -> None:
    """The same with a consumer class; leaving the application commits what was handled."""
    done = asyncio.Event()
    seen = 0
    ordered = Key() if lanes > 1 else "partition"

    class Orders(KafkaConsumer, group=uuid.uuid4().hex, concurrency=lanes, ordered_by=ordered):
        @consumes(topic)
        async def order(self, order: Order) -> None:
            nonlocal seen
            seen += 1
            if seen == count:
                done.set()

    broker = KafkaBroker(KafkaSettings(servers=[servers], topology="off"))
    async with Application(consumers=[Orders(broker)]):
        await done.wait()


async def raw_publish(servers: str, topic: str, count: int) -> None:
    """Send with 100 in flight."""
    producer = AIOKafkaProducer(bootstrap_servers=servers, acks="all", enable_idempotence=True)
    await producer.start()
    for first in range(0, count, 100):
        sent = [await producer.send(topic, BODY, key=str(n).encode()) for n in range(first, first + 100)]
        await asyncio.gather(*sent)
    await producer.stop()


async def our_publish(servers: str, topic: str, count: int) -> None:
    """Publish encoded bodies with 100 in flight."""
    async with KafkaBroker(KafkaSettings(servers=[servers], topology="off")) as broker:
        for first in range(0, count, 100):
            many = (KafkaOutgoing(BODY, key=str(n)) for n in range(first, first + 100))
            await asyncio.gather(*(broker.publish(topic, one) for one in many))


async def our_batches(servers: str, topic: str, count: int) -> None:
    """Publish the same as batches of 100."""
    async with KafkaBroker(KafkaSettings(servers=[servers], topology="off")) as broker:
        for first in range(0, count, 100):
            await broker.publish(topic, Batch(KafkaOutgoing(BODY, key=str(n)) for n in range(first, first + 100)))


async def measured(run: Callable[[], Awaitable[None]], count: int) -> float:
    """Return the CPU microseconds of this process for each message."""
    before = time.process_time()
    await run()
    return (time.process_time() - before) / count * 1e6


async def main(servers: str, count: int, rounds: int) -> None:
    """Fill a topic, run every side in turn, print medians and ratios."""
    topic = f"bench-{uuid.uuid4().hex[:8]}"
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 4, 1), NewTopic(f"{topic}-out", 4, 1)])
    await raw_publish(servers, topic, count)
    sides: dict[str, Callable[[], Awaitable[None]]] = {
        "consume raw": lambda: raw_consume(servers, topic, count),
        "consume": lambda: our_consume(servers, topic, count, 1),
        "consume 16 lanes": lambda: our_consume(servers, topic, count, 16),
        "publish raw": lambda: raw_publish(servers, f"{topic}-out", count),
        "publish as Batch": lambda: our_batches(servers, f"{topic}-out", count),
        "publish": lambda: our_publish(servers, f"{topic}-out", count),
    }
    figures: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, run in sides.items():
            figures[name].append(await measured(run, count))
    await admin.delete_topics([topic, f"{topic}-out"])
    await admin.close()
    print(f"\n{count:,} messages of {len(BODY)} bytes, median of {rounds} rounds, CPU µs a message\n")
    for name, all_of_it in figures.items():
        raw = figures[f"{name.split()[0]} raw"]
        spread = statistics.median(abs(one - statistics.median(raw)) for one in raw)
        mine, base = statistics.median(all_of_it), statistics.median(raw)
        print(f"{name:<20}{mine:>8.2f}  raw {mine - base:+7.2f}  ×{mine / base:.2f}  (raw spreads {spread:.2f})")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--servers", default=os.environ.get("KAFKA_SERVERS", "127.0.0.1:9092"))
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=9)
    given = parser.parse_args()
    asyncio.run(main(given.servers, given.messages, given.rounds))
