"""FastStream on aio-pika: a handler at least once, and publishing, with its own idea of an order."""

import asyncio

from faststream import AckPolicy
from faststream.rabbit import Channel, RabbitBroker, RabbitQueue

from benchmarks.faststream.kafka import Order, batches_of
from benchmarks.runner import Meter

PREFETCH = 100


def opened(url: str) -> RabbitBroker:
    """Return a broker that loses nothing, and logs nothing."""
    channel = Channel(prefetch_count=PREFETCH, publisher_confirms=True, on_return_raises=True)
    return RabbitBroker(url, default_channel=channel, logger=None)


async def consume(url: str, queue: str, meter: Meter) -> None:
    """Handle at least once."""
    broker = opened(url)

    @broker.subscriber(RabbitQueue(queue, declare=False), ack_policy=AckPolicy.NACK_ON_ERROR)
    async def handle(order: Order) -> None:
        meter.handled()

    await broker.start()
    await meter.done.wait()
    meter.end()
    await broker.stop()


async def publish(url: str, queue: str, meter: Meter) -> None:
    """Publish persistent messages, so many at once."""
    batches = batches_of(meter.count)
    async with opened(url) as broker:
        await broker.start()
        for many in batches:
            await asyncio.gather(*(broker.publish(order, queue, persist=True) for order in many))
            meter.sent(len(many))
        meter.end()
