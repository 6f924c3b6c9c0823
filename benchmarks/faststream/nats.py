"""FastStream on NATS: a handler, and publishing."""

import asyncio

from faststream.nats import NatsBroker

from benchmarks.clients.nats import fed, handled
from benchmarks.faststream.kafka import Order, batches_of
from benchmarks.runner import Meter


def opened(servers: str) -> NatsBroker:
    """Return a broker that logs nothing."""
    return NatsBroker(servers, logger=None)


async def consume(servers: str, subject: str, meter: Meter) -> None:
    """Handle what is delivered."""
    broker = opened(servers)

    @broker.subscriber(subject, queue="bench")
    async def handle(order: Order) -> None:
        meter.handled()

    await broker.start()
    await broker.ping(5.0)
    async with fed(servers, subject, meter.count):
        await handled(meter)
    await broker.stop()


async def publish(servers: str, subject: str, meter: Meter) -> None:
    """Send in order, with the key in a header."""
    batches = batches_of(meter.count)
    async with opened(servers) as broker:
        await broker.start()
        for many in batches:
            for order in many:
                await broker.publish(order, subject, headers={"key": order.order_id})
            await asyncio.sleep(0)
            meter.sent(len(many))
        await broker.ping(5.0)
        meter.end()
