"""Core NATS by nats-py; what is consumed comes from a process of its own, as the server keeps nothing."""

import asyncio
import os
import sys
import uuid
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from typing import Final

from nats.aio.client import Client
from nats.aio.msg import Msg

from benchmarks.orders import IN_FLIGHT, Order, decoder, encoder, portions
from benchmarks.runner import Comparison, Meter, Run, Target
from faststream_oo import Application, Batch, Key
from faststream_oo.nats import (
    NatsBroker,
    NatsConsumer,
    NatsOutgoing,
    NatsProducer,
    NatsSettings,
    consumes,
    produces,
)

SERVERS: Final = os.environ.get("NATS_SERVERS", "nats://127.0.0.1:4222")
MESSAGES: Final = 20_000


@asynccontextmanager
async def comparisons(servers: str, count: int) -> AsyncGenerator[Sequence[Comparison]]:
    """Choose a subject that nobody else uses."""
    settings = NatsSettings(servers=[servers])
    subject = f"bench.{uuid.uuid4().hex[:8]}"
    yield [
        Comparison(
            "consume",
            partial(raw_consume, servers, subject),
            {
                "one lane": partial(our_consume, settings, subject, 1),
                "16 lanes by key": partial(our_consume, settings, subject, 16),
            },
            {"one lane": Target(plus=4), "16 lanes by key": Target(plus=6, beside="one lane")},
            theirs("consume", servers, subject),
        ),
        Comparison(
            f"publish, {IN_FLIGHT} in a loop",
            partial(raw_publish, servers, subject),
            {
                "@produces of a Batch": partial(our_producer, settings, subject),
                "a Batch of NatsOutgoing": partial(our_batches, settings, subject),
            },
            dict.fromkeys(("@produces of a Batch", "a Batch of NatsOutgoing"), Target(plus=3)),
            theirs("publish", servers, subject),
            share=1 / 3,
        ),
        Comparison(
            f"publish, {IN_FLIGHT} calls in flight",
            partial(raw_publish_at_once, servers, subject),
            {"@produces": partial(our_publish, settings, subject)},
            {"@produces": Target(plus=3)},
        ),
    ]


def theirs(what: str, servers: str, subject: str) -> Mapping[str, Run]:
    """Return FastStream's way to do something, nothing where it is not installed."""
    if find_spec("faststream") is None:
        return {}
    module = import_module("benchmarks.faststream.nats")
    return {f"FastStream {version('faststream')}": partial(getattr(module, what), servers, subject)}


@asynccontextmanager
async def fed(servers: str, subject: str, count: int) -> AsyncGenerator[None]:
    """Have so many orders published by a process of its own, from here on."""
    feeder = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.clients.nats", servers, subject, str(count)
    )
    yield
    if await feeder.wait():
        raise RuntimeError("what feeds the consumers failed")


async def handled(meter: Meter) -> None:
    """Return when everything was handled; fail when not: the server delivers nothing twice."""
    async with asyncio.timeout(60):
        await meter.done.wait()
    meter.end()


# The client alone -----------------------------------------------------------------------------------------------------


@asynccontextmanager
async def connected(servers: str) -> AsyncGenerator[Client]:
    """Open a client; everything that was sent has arrived when it is closed."""
    client = Client()
    await client.connect(servers)
    try:
        yield client
    finally:
        await client.close()


async def raw_consume(servers: str, subject: str, meter: Meter) -> None:
    """Decode and handle what is delivered."""
    decode = decoder()

    async def handle(order: Order) -> None:
        meter.handled()

    async def received(message: Msg) -> None:
        await handle(decode(message.data))

    async with connected(servers) as client:
        await client.subscribe(subject, queue="bench", cb=received)
        await client.flush()
        async with fed(servers, subject, meter.count):
            await handled(meter)


async def raw_publish(servers: str, subject: str, meter: Meter) -> None:
    """Send in order, with key and an identity in headers as we do; then wait until the server has all of it."""
    encode, number, batches = encoder(), 0, portions(meter.count)
    async with connected(servers) as client:
        for many in batches:
            for order in many:
                number += 1
                headers = {"fsoo-id": f"0123456789ab-{number:x}", "fsoo-key": order.order_id}
                await client.publish(subject, encode(order), headers=headers)
            await asyncio.sleep(0)
            meter.sent(len(many))
        await client.flush()
        meter.end()


async def raw_publish_at_once(servers: str, subject: str, meter: Meter) -> None:
    """The same with a call for each, all at once."""
    encode, number, batches = encoder(), 0, portions(meter.count)
    async with connected(servers) as client:

        async def publish(order: Order) -> None:
            nonlocal number
            number += 1
            headers = {"fsoo-id": f"0123456789ab-{number:x}", "fsoo-key": order.order_id}
            await client.publish(subject, encode(order), headers=headers)

        for many in batches:
            await asyncio.gather(*(publish(order) for order in many))
            meter.sent(len(many))
        await client.flush()
        meter.end()


# Ours -----------------------------------------------------------------------------------------------------------------


async def our_consume(settings: NatsSettings, subject: str, lanes: int, meter: Meter) -> None:
    """The same with a consumer class."""

    class Orders(NatsConsumer, group="bench", concurrency=lanes, ordered_by=Key() if lanes > 1 else None):
        @consumes(subject)
        async def order(self, order: Order) -> None:
            meter.handled()

    async with Application(consumers=[Orders(NatsBroker(settings))]), fed(settings.servers[0], subject, meter.count):
        await handled(meter)


async def our_batches(settings: NatsSettings, subject: str, meter: Meter) -> None:
    """A Batch by hand, with the key of each."""
    batches = portions(meter.count)
    async with NatsBroker(settings) as broker:
        for many in batches:
            await broker.publish(subject, Batch(NatsOutgoing(order, key=order.order_id) for order in many))
            await asyncio.sleep(0)
            meter.sent(len(many))
        await broker.ping()
        meter.end()


async def our_producer(settings: NatsSettings, subject: str, meter: Meter) -> None:
    """A producer's method that returns a Batch."""

    class Placed(NatsProducer):
        @produces(subject, key="order_id")
        async def placed(self, many: Sequence[Order]) -> Batch[Order]:
            return Batch(many)

    batches = portions(meter.count)
    async with NatsBroker(settings) as broker:
        producer = Placed(broker)
        for many in batches:
            await producer.placed(many)
            await asyncio.sleep(0)
            meter.sent(len(many))
        await broker.ping()
        meter.end()


async def our_publish(settings: NatsSettings, subject: str, meter: Meter) -> None:
    """A call of a producer's method for each, all at once."""

    class Placed(NatsProducer):
        @produces(subject, key="order_id")
        async def placed(self, order: Order) -> Order:
            return order

    batches = portions(meter.count)
    async with NatsBroker(settings) as broker:
        producer = Placed(broker)
        for many in batches:
            await asyncio.gather(*(producer.placed(order) for order in many))
            meter.sent(len(many))
        await broker.ping()
        meter.end()


if __name__ == "__main__":
    asyncio.run(raw_publish(sys.argv[1], sys.argv[2], Meter(int(sys.argv[3]))))
