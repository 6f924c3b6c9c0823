"""FastStream on JetStream: a pull subscriber that acknowledges, and publishing."""

import asyncio
import uuid

from faststream.nats import JStream, NatsBroker, PullSub

from benchmarks.clients.jetstream import handled
from benchmarks.faststream.kafka import Order, batches_of
from benchmarks.runner import Meter


async def consume(servers: str, stream: str, subject: str, meter: Meter) -> None:
    """Handle what is fetched."""
    broker = NatsBroker(servers, logger=None)

    @broker.subscriber(
        subject,
        durable=uuid.uuid4().hex,
        stream=JStream(stream, declare=False),
        pull_sub=PullSub(batch_size=200, timeout=10.0),
    )
    async def handle(order: Order) -> None:
        meter.handled()

    async with broker:
        await broker.start()
        await handled(meter)
        await broker.ping(5.0)
        meter.end()


async def publish(servers: str, stream: str, subject: str, meter: Meter) -> None:
    """Publish so many at once, with the key in a header, and wait until all are stored."""
    batches = batches_of(meter.count)
    async with NatsBroker(servers, logger=None) as broker:
        await broker.start()
        for many in batches:
            await asyncio.gather(
                *(
                    broker.publish(order, subject, stream=stream, headers={"key": order.order_id}, timeout=30.0)
                    for order in many
                )
            )
            meter.sent(len(many))
        meter.end()
