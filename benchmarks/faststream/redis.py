"""FastStream on Redis: a handler, and publishing, on a list, a stream with a group, and a channel."""

import asyncio
from typing import Any

from faststream.redis import RedisBroker, StreamSub

from benchmarks.clients.redis import client, fed, fill, handled
from benchmarks.faststream.kafka import Order, batches_of
from benchmarks.runner import Meter
from faststream_oo.redis import List


def opened(servers: str) -> RedisBroker:
    """Return a broker that logs nothing."""
    return RedisBroker(servers, logger=None)


def place(kind: str, key: str) -> dict[str, Any]:
    """Return the argument that says where."""
    if kind == "stream":
        return {"stream": StreamSub(key, group="theirs", consumer="theirs", last_id="0", max_records=100)}
    return {kind: key}


async def consume(servers: str, kind: str, key: str, meter: Meter) -> None:
    """Handle what is there; what others left in our format is not theirs."""
    broker = opened(servers)

    @broker.subscriber(**place(kind, key))
    async def handle(order: Order) -> None:
        meter.handled()

    if kind != "channel":
        async with client(servers) as raw:
            await raw.delete(key)
            await fill_theirs(servers, kind, key, meter.count)
    await broker.start()
    if kind == "channel":
        async with fed(servers, key, meter.count):
            await handled(meter)
    else:
        await handled(meter)
    await broker.stop()


async def fill_theirs(servers: str, kind: str, key: str, count: int) -> None:
    """Publish as FastStream reads it: lists in the format that both know, streams in its own."""
    if kind == "list":
        async with client(servers) as raw:
            await fill(raw, List(key), count)
        return
    async with opened(servers) as broker:
        for many in batches_of(count):
            await asyncio.gather(*(broker.publish(order, **{kind: key}) for order in many))


async def publish(servers: str, kind: str, key: str, meter: Meter) -> None:
    """Send with the key in a header, so many at once."""
    batches = batches_of(meter.count)
    async with opened(servers) as broker:
        for many in batches:
            await asyncio.gather(
                *(broker.publish(order, headers={"key": order.order_id}, **{kind: key}) for order in many)
            )
            meter.sent(len(many))
        meter.end()
