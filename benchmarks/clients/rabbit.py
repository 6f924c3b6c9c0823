"""RabbitMQ by aio-pika."""

import asyncio
import os
import uuid
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from typing import Final

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage

from benchmarks.orders import IN_FLIGHT, Order, decoder, encoder, portions
from benchmarks.runner import Comparison, Meter, Run, Target
from faststream_oo import Application, Batch, Header
from faststream_oo.rabbit import Queue, RabbitBroker, RabbitConsumer, RabbitProducer, RabbitSettings, consumes, produces

SERVERS: Final = os.environ.get("RABBIT_URL", "amqp://guest:guest@127.0.0.1:5672/")
MESSAGES: Final = 5_000
PREFETCH: Final = 100


@asynccontextmanager
async def comparisons(url: str, count: int) -> AsyncGenerator[Sequence[Comparison]]:
    """Make two queues, and delete them afterwards."""
    settings = RabbitSettings(url=url)
    theirs = faststream(url)
    source, target = (Queue(f"bench-{uuid.uuid4().hex[:8]}-{end}", type="classic") for end in ("in", "out"))
    async with RabbitBroker(settings) as broker:
        await broker.declare(source, target)

        def filled(run: Run) -> Run:
            return partial(after_filling, broker, source, run)

        def emptied(run: Run) -> Run:
            return partial(after_emptying, broker, target, run)

        yield [
            Comparison(
                "consume",
                filled(partial(raw_consume, url, source.name)),
                {
                    "one lane": filled(partial(our_consume, settings, source, 1)),
                    "16 lanes by header": filled(partial(our_consume, settings, source, 16)),
                },
                {"one lane": Target(times=0.75), "16 lanes by header": Target(times=0.75)},
                {name: filled(run) for name, run in theirs("consume", source.name).items()},
            ),
            Comparison(
                f"publish, {IN_FLIGHT} in flight",
                emptied(partial(raw_publish, url, target.name)),
                {
                    "@produces of a Batch": emptied(partial(our_producer, settings, target)),
                    "@produces": emptied(partial(our_publish, settings, target)),
                },
                dict.fromkeys(("@produces of a Batch", "@produces"), Target(times=0.75)),
                {name: emptied(run) for name, run in theirs("publish", target.name).items()},
                share=1 / 3,
            ),
        ]
        await broker.delete(source)
        await broker.delete(target)


def faststream(url: str) -> Callable[[str, str], Mapping[str, Run]]:
    """Return what gives FastStream's way to do something with a queue, nothing where it is not installed."""
    if find_spec("faststream") is None:
        return lambda _what, _queue: {}
    module = import_module("benchmarks.faststream.rabbit")
    name = f"FastStream {version('faststream')}"
    return lambda what, queue: {name: partial(getattr(module, what), url, queue)}


async def after_filling(broker: RabbitBroker, queue: Queue, run: Run, meter: Meter) -> None:
    """Put the messages there that a run is to handle, and no others."""
    await broker.purge(queue)
    for many in portions(meter.count):
        await broker.publish(queue, Batch(many))
    await run(meter)


async def after_emptying(broker: RabbitBroker, queue: Queue, run: Run, meter: Meter) -> None:
    """Let no run find what the one before left."""
    await broker.purge(queue)
    await run(meter)


# The client alone -----------------------------------------------------------------------------------------------------


@asynccontextmanager
async def raw_channel(url: str) -> AsyncGenerator[AbstractChannel]:
    """Open a channel that confirms, and returns what no queue takes."""
    async with await aio_pika.connect_robust(url) as connection:
        yield await connection.channel(publisher_confirms=True, on_return_raises=True)


async def raw_consume(url: str, name: str, meter: Meter) -> None:
    """Decode, handle and acknowledge each."""
    decode = decoder()

    async def handle(order: Order) -> None:
        meter.handled()

    async def take(message: AbstractIncomingMessage) -> None:
        await handle(decode(message.body))
        await message.ack()

    async with raw_channel(url) as channel:
        await channel.set_qos(prefetch_count=PREFETCH)
        queue = await channel.get_queue(name)
        await queue.consume(take)
        await meter.done.wait()
        await channel.get_queue(name)  # answered behind the acknowledgements
        meter.end()


async def raw_publish(url: str, name: str, meter: Meter) -> None:
    """Publish persistent messages with an identity, so many at once."""
    encode, number, batches = encoder(), 0, portions(meter.count)
    async with raw_channel(url) as channel:
        exchange = channel.default_exchange

        async def publish(order: Order) -> None:
            nonlocal number
            number += 1
            message = aio_pika.Message(
                encode(order),
                delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
                message_id=f"0123456789ab-{number:x}",
                headers={"fsoo-key": order.order_id},
            )
            await exchange.publish(message, routing_key=name)

        for many in batches:
            await asyncio.gather(*(publish(order) for order in many))
            meter.sent(len(many))
        meter.end()


# Ours -----------------------------------------------------------------------------------------------------------------


async def our_consume(settings: RabbitSettings, queue: Queue, lanes: int, meter: Meter) -> None:
    """The same with a consumer class."""

    class Orders(
        RabbitConsumer, prefetch=PREFETCH, concurrency=lanes, ordered_by=Header("fsoo-id") if lanes > 1 else None
    ):
        @consumes(queue)
        async def order(self, order: Order) -> None:
            meter.handled()

    broker = RabbitBroker(settings)
    async with Application(consumers=[Orders(broker)]):
        await meter.done.wait()
        [subscription] = broker.subscriptions
        while subscription.in_flight:  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0.001)
        await broker.ping()
        meter.end()


async def our_producer(settings: RabbitSettings, queue: Queue, meter: Meter) -> None:
    """A producer's method that returns a Batch."""

    class Placed(RabbitProducer):
        @produces(queue, key="order_id")
        async def placed(self, many: Sequence[Order]) -> Batch[Order]:
            return Batch(many)

    batches = portions(meter.count)
    async with RabbitBroker(settings) as broker:
        producer = Placed(broker)
        for many in batches:
            await producer.placed(many)
            meter.sent(len(many))
        meter.end()


async def our_publish(settings: RabbitSettings, queue: Queue, meter: Meter) -> None:
    """A call of a producer's method for each, that waits for its confirm."""

    class Placed(RabbitProducer):
        @produces(queue, key="order_id")
        async def placed(self, order: Order) -> Order:
            return order

    batches = portions(meter.count)
    async with RabbitBroker(settings) as broker:
        producer = Placed(broker)
        for many in batches:
            await asyncio.gather(*(producer.placed(order) for order in many))
            meter.sent(len(many))
        meter.end()
