"""FastStream on Kafka: a handler at least once, and publishing, with its own idea of an order."""

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from attrs import asdict
from faststream import AckPolicy, confluent, kafka
from pydantic import BaseModel

from benchmarks.orders import portions
from benchmarks.runner import Meter, Run


class Order(BaseModel):
    order_id: str
    customer: str
    amount: int
    price: float
    paid: bool
    note: str


def batches_of(count: int) -> Sequence[Sequence[Order]]:
    """Return what the other sides send, as FastStream takes it."""
    return [[Order(**asdict(one)) for one in many] for many in portions(count)]


def opened(driver: str, servers: str) -> Any:
    """Return a broker that loses nothing, and logs nothing."""
    if driver == "confluent":
        return confluent.KafkaBroker(servers, acks="all", enable_idempotence=True, linger_ms=2, logger=None)
    return kafka.KafkaBroker(servers, acks="all", enable_idempotence=True, logger=None)


def sides(driver: str, servers: str, topic: str) -> Mapping[str, Run]:
    """Return the ways to do something on a topic, by name."""
    return {way.__name__: partial(way, driver, servers, topic) for way in (consume, publish, publish_and_wait)}


async def consume(driver: str, servers: str, topic: str, meter: Meter) -> None:
    """Handle at least once."""
    broker = opened(driver, servers)

    @broker.subscriber(
        topic, group_id=uuid.uuid4().hex, auto_offset_reset="earliest", isolation_level="read_committed",
        ack_policy=AckPolicy.NACK_ON_ERROR,
    )  # fmt: skip
    async def handle(order: Order) -> None:
        meter.handled()

    await broker.start()
    await meter.done.wait()
    meter.end()
    await broker.stop()


async def publish(driver: str, servers: str, topic: str, meter: Meter) -> None:
    """Send in order, then wait for all."""
    batches = batches_of(meter.count)
    async with opened(driver, servers) as broker:
        await broker.start()
        for many in batches:
            await asyncio.gather(
                *[await broker.publish(order, topic, key=order.order_id.encode(), no_confirm=True) for order in many]
            )
            meter.sent(len(many))
        meter.end()


async def publish_and_wait(driver: str, servers: str, topic: str, meter: Meter) -> None:
    """Publish with a call for each that waits for its confirm."""
    batches = batches_of(meter.count)
    async with opened(driver, servers) as broker:
        await broker.start()
        for many in batches:
            await asyncio.gather(*(broker.publish(order, topic, key=order.order_id.encode()) for order in many))
            meter.sent(len(many))
        meter.end()
