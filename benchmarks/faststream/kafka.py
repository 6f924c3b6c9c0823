"""FastStream on aiokafka: a handler at least once, and publishing, with its own idea of an order."""

import asyncio
import uuid
from collections.abc import Sequence

from attrs import asdict
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from pydantic import BaseModel

from benchmarks.orders import portions
from benchmarks.runner import Meter


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


def opened(servers: str) -> KafkaBroker:
    """Return a broker that loses nothing, and logs nothing."""
    return KafkaBroker(servers, acks="all", enable_idempotence=True, logger=None)


async def consume(servers: str, topic: str, meter: Meter) -> None:
    """Handle at least once."""
    broker = opened(servers)

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


async def publish(servers: str, topic: str, meter: Meter) -> None:
    """Send in order, then wait for all."""
    batches = batches_of(meter.count)
    async with opened(servers) as broker:
        await broker.start()
        for many in batches:
            await asyncio.gather(
                *[
                    await broker.publish(order, topic, key=order.order_id.encode(), no_confirm=True)  # type: ignore[misc]
                    for order in many
                ]
            )
            meter.sent(len(many))
        meter.end()


async def publish_and_wait(servers: str, topic: str, meter: Meter) -> None:
    """Publish with a call for each that waits for its confirm."""
    batches = batches_of(meter.count)
    async with opened(servers) as broker:
        await broker.start()
        for many in batches:
            await asyncio.gather(*(broker.publish(order, topic, key=order.order_id.encode()) for order in many))
            meter.sent(len(many))
        meter.end()
