"""JetStream by nats-py: a stream that is there, read by new durable consumers, and confirmed publishes."""

import asyncio
import os
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from typing import Final, cast

from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from benchmarks.orders import IN_FLIGHT, Order, decoder, encoder, portions
from benchmarks.runner import Comparison, Meter, Run, Target
from faststream_oo import Application, Batch, Key
from faststream_oo.intake import Intake
from faststream_oo.nats import (
    JetStream,
    NatsBroker,
    NatsConsumer,
    NatsProducer,
    NatsSettings,
    Subject,
    consumes,
    produces,
)

SERVERS: Final = os.environ.get("NATS_SERVERS", "nats://127.0.0.1:4222")
MESSAGES: Final = 10_000

_FETCH: Final = 200
"""Messages of one fetch of the client alone."""


@asynccontextmanager
async def comparisons(servers: str, count: int) -> AsyncGenerator[Sequence[Comparison]]:
    """Make a stream that nobody else uses, with what is to be consumed, and delete it at the end."""
    settings = NatsSettings(servers=[servers])
    name = f"bench-{uuid.uuid4().hex[:8]}"
    full = Subject(f"{name}.full", stream=JetStream(name, subjects=[f"{name}.*"]))
    new = full.named(f"{name}.new")
    async with NatsBroker(settings) as broker:
        producer = placing(full)(broker)
        for many in portions(count):
            await producer.placed(many)
    yield [
        Comparison(
            "consume",
            partial(raw_consume, servers, full),
            {
                "one lane": partial(our_consume, settings, full, 1),
                "16 lanes by key": partial(our_consume, settings, full, 16),
            },
            {"one lane": Target(times=0.6), "16 lanes by key": Target(plus=6, beside="one lane")},
            theirs("consume", servers, full),
            stock=count,
        ),
        Comparison(
            f"publish, {IN_FLIGHT} in a loop",
            partial(raw_publish, servers, new),
            {"@produces of a Batch": partial(our_batches, settings, new)},
            {"@produces of a Batch": Target(times=0.7)},
            theirs("publish", servers, new),
            share=1 / 3,
        ),
        Comparison(
            f"publish, {IN_FLIGHT} calls in flight",
            partial(raw_publish_at_once, servers, new),
            {"@produces": partial(our_publish, settings, new)},
            {"@produces": Target(times=0.7)},
        ),
    ]
    async with connected(servers) as streams:
        for stream in (name, f"DLQ_{name}"):
            with suppress(NotFoundError):
                await streams.delete_stream(stream)


def theirs(what: str, servers: str, address: Subject) -> Mapping[str, Run]:
    """Return FastStream's way to do something, nothing where it is not installed."""
    if find_spec("faststream") is None:
        return {}
    module = import_module("benchmarks.faststream.jetstream")
    assert address.stream is not None
    return {
        f"FastStream {version('faststream')}": partial(
            getattr(module, what), servers, address.stream.name, address.name
        )
    }


async def handled(meter: Meter) -> None:
    """Return when everything was handled; fail when not."""
    async with asyncio.timeout(120):
        await meter.done.wait()


# The client alone -----------------------------------------------------------------------------------------------------


@asynccontextmanager
async def connected(servers: str) -> AsyncGenerator[JetStreamContext]:
    """Open a client; everything that was sent has arrived when it is closed."""
    client = Client()
    await client.connect(servers)
    try:
        yield client.jetstream(publish_async_max_pending=10 * IN_FLIGHT)
        await client.flush()
    finally:
        await client.close()


async def raw_consume(servers: str, address: Subject, meter: Meter) -> None:
    """Fetch, decode and handle, and acknowledge each message; the server has heard of all of it in the end."""
    decode, name = decoder(), uuid.uuid4().hex
    assert address.stream is not None

    async def handle(order: Order) -> None:
        meter.handled()

    async with connected(servers) as streams:
        fetching = await streams.pull_subscribe(address.name, durable=name, stream=address.stream.name)
        left = meter.count
        while left:
            for message in await fetching.fetch(min(_FETCH, left), timeout=10.0):
                await handle(decode(message.data))
                await message.ack()
                left -= 1
        await streams.account_info()  # the server has heard everything before it
        meter.end()
        await streams.delete_consumer(address.stream.name, name)


Publish = Callable[[Order], Awaitable[asyncio.Future[object]]]
"""Hands an order to the client, and returns its confirmation."""


@asynccontextmanager
async def publishing(servers: str, subject: str) -> AsyncGenerator[Publish]:
    """Give what publishes an order, with key and an identity in headers as we do."""
    encode, number, own = encoder(), 0, uuid.uuid4().hex[:12]
    async with connected(servers) as streams:

        async def publish(order: Order) -> asyncio.Future[object]:
            nonlocal number
            number += 1
            headers = {"Nats-Msg-Id": f"{own}-{number:x}", "fsoo-key": order.order_id}
            return cast("asyncio.Future[object]", await streams.publish_async(subject, encode(order), headers=headers))

        yield publish


async def raw_publish(servers: str, address: Subject, meter: Meter) -> None:
    """Publish so many, and wait until all are stored."""
    batches = portions(meter.count)
    async with publishing(servers, address.name) as publish:
        for many in batches:
            await asyncio.gather(*[await publish(order) for order in many])
            meter.sent(len(many))
        meter.end()


async def raw_publish_at_once(servers: str, address: Subject, meter: Meter) -> None:
    """The same with a call for each, all at once."""
    batches = portions(meter.count)
    async with publishing(servers, address.name) as publish:

        async def stored(order: Order) -> None:
            await (await publish(order))

        for many in batches:
            await asyncio.gather(*(stored(order) for order in many))
            meter.sent(len(many))
        meter.end()


# Ours -----------------------------------------------------------------------------------------------------------------


async def our_consume(settings: NatsSettings, address: Subject, lanes: int, meter: Meter) -> None:
    """The same with a consumer class."""
    name = uuid.uuid4().hex

    class Orders(NatsConsumer, group=name, concurrency=lanes, ordered_by=Key() if lanes > 1 else None):
        @consumes(address)
        async def order(self, order: Order) -> None:
            meter.handled()

    broker = NatsBroker(settings)
    async with Application(consumers=[Orders(broker)], brokers=[broker]):
        await handled(meter)
        await cast(Intake, broker.running[0]).source.flush()
        meter.end()
    async with connected(settings.servers[0]) as streams:
        assert address.stream is not None
        await streams.delete_consumer(address.stream.name, name)


def placing(address: Subject) -> type[NatsProducer]:
    """Return a producer of orders, one by one and in batches."""

    class Placed(NatsProducer):
        @produces(address, key="order_id")
        async def one(self, order: Order) -> Order:
            return order

        @produces(address, key="order_id")
        async def placed(self, many: Sequence[Order]) -> Batch[Order]:
            return Batch(many)

    return Placed


async def our_publish(settings: NatsSettings, address: Subject, meter: Meter) -> None:
    """A call of a producer's method for each, so many at once."""
    batches = portions(meter.count)
    async with NatsBroker(settings) as broker:
        producer = placing(address)(broker)
        for many in batches:
            await asyncio.gather(*(producer.one(order) for order in many))
            meter.sent(len(many))
        meter.end()


async def our_batches(settings: NatsSettings, address: Subject, meter: Meter) -> None:
    """A method that returns a Batch."""
    batches = portions(meter.count)
    async with NatsBroker(settings) as broker:
        producer = placing(address)(broker)
        for many in batches:
            await producer.placed(many)
            meter.sent(len(many))
        meter.end()
