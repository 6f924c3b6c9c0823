"""Redis by redis-py with hiredis: a list, a stream with a group, and a channel."""

import asyncio
import os
import sys
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any, Final

from redis.asyncio import Redis

from benchmarks.orders import IN_FLIGHT, Order, decoder, encoder, portions
from benchmarks.runner import Comparison, Meter, Run, Target
from faststream_oo import Application, Batch, Key
from faststream_oo.redis import (
    Channel,
    List,
    RedisBroker,
    RedisConsumer,
    RedisProducer,
    RedisSettings,
    Stream,
    consumes,
    produces,
)
from faststream_oo.redis.address import RedisAddress
from faststream_oo.redis.client.senders import wrapped

SERVERS: Final = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0")
MESSAGES: Final = 20_000

_TAKE: Final = """
local found = redis.call('LRANGE', KEYS[1], 0, ARGV[1] - 1)
if #found > 0 then
  redis.call('LTRIM', KEYS[1], #found, -1)
  redis.call('RPUSH', KEYS[2], unpack(found))
end
return found
"""
_GROUP: Final = "bench"
_READ: Final = 100
"""Messages of one read."""

Call = Callable[[Redis, str, bytes], Awaitable[object]]


@asynccontextmanager
async def comparisons(servers: str, count: int) -> AsyncGenerator[Sequence[Comparison]]:
    """Choose keys that nobody else uses, and delete them at the end."""
    own = f"bench:{uuid.uuid4().hex[:8]}"
    addresses: Mapping[str, RedisAddress] = {
        "list": List(f"{own}:list"),
        "stream": Stream(f"{own}:stream"),
        "channel": Channel(f"{own}:channel"),
    }
    in_targets = {"list": Target(plus=5), "stream": Target(plus=4), "channel": Target(times=0.9)}
    raws = {"list": raw_list, "stream": raw_stream, "channel": raw_channel}
    yield [
        *(
            Comparison(
                f"consume, {kind}",
                filled(servers, address, partial(raws[kind], servers, address.name)),
                {
                    "one lane": filled(servers, address, partial(our_consume, servers, address, 1)),
                    "16 lanes by key": filled(servers, address, partial(our_consume, servers, address, 16)),
                },
                {"one lane": in_targets[kind], "16 lanes by key": Target(plus=3, beside="one lane")},
                {name: filled(servers, address, run) for name, run in theirs("consume", servers, address).items()},
            )
            for kind, address in addresses.items()
        ),
        *(
            Comparison(
                f"publish, {kind}, {IN_FLIGHT} in flight",
                emptied(servers, address, partial(raw_publish, servers, address.name, _CALLS[kind])),
                {
                    "@produces": emptied(servers, address, partial(our_publish, servers, address)),
                    "@produces of a Batch": emptied(servers, address, partial(our_batches, servers, address)),
                },
                dict.fromkeys(("@produces", "@produces of a Batch"), Target(times=0.4)),
                {name: emptied(servers, address, run) for name, run in theirs("publish", servers, address).items()},
                share=1 / 3,
            )
            for kind, address in addresses.items()
        ),
    ]
    async with client(servers) as raw:
        async for key in raw.scan_iter(f"{own}*"):  # an emptied list is gone already
            await raw.delete(key)


def theirs(what: str, servers: str, address: RedisAddress) -> Mapping[str, Run]:
    """Return FastStream's way to do something, nothing where it is not installed."""
    if find_spec("faststream") is None:
        return {}
    module = import_module("benchmarks.faststream.redis")
    kind = type(address).__name__.lower()
    return {f"FastStream {version('faststream')}": partial(getattr(module, what), servers, kind, address.name)}


@asynccontextmanager
async def client(servers: str) -> AsyncGenerator[Redis]:
    """Open a client with as many connections as there are calls in flight."""
    raw = Redis.from_url(servers, legacy_responses=False, max_connections=IN_FLIGHT + 1)
    try:
        yield raw
    finally:
        await raw.aclose()


# What there is to handle ----------------------------------------------------------------------------------------------


def identified(number: int, order: Order) -> Mapping[str, str]:
    """Return headers as we send them."""
    return {"fsoo-id": f"0123456789ab-{number:x}", "fsoo-key": order.order_id}


def enveloped(body: bytes, headers: Mapping[str, str]) -> bytes:
    """Return an element of a list or a message of a channel, with headers around its body."""
    return wrapped("binary", body, [(name.encode(), value.encode()) for name, value in headers.items()])


def filled(servers: str, address: RedisAddress, run: Run) -> Run:
    """Put there what a run is to handle, and nothing else; a channel is published to once it is listened to."""

    async def prepared(meter: Meter) -> None:
        if not isinstance(address, Channel):
            async with client(servers) as raw:
                await raw.delete(address.name)
                await fill(raw, address, meter.count)
                if isinstance(address, Stream):
                    await raw.xgroup_create(address.name, _GROUP, "0")
        await run(meter)

    return prepared


def emptied(servers: str, address: RedisAddress, run: Run) -> Run:
    """Let no run find what the one before left."""

    async def prepared(meter: Meter) -> None:
        async with client(servers) as raw:
            await raw.delete(address.name)
        await run(meter)

    return prepared


async def fill(raw: Redis, address: RedisAddress, count: int) -> None:
    """Publish so many orders, many in one write."""
    encode, number = encoder(), 0
    for many in portions(count):
        pipeline = raw.pipeline(transaction=False)
        for order in many:
            number += 1
            body, headers = encode(order), identified(number, order)
            match address:
                case Stream():
                    pipeline.xadd(address.name, {"body": body, **{f"h:{name}": text for name, text in headers.items()}})
                case List():
                    pipeline.rpush(address.name, enveloped(body, headers))
                case Channel():
                    pipeline.publish(address.name, enveloped(body, headers))
        await pipeline.execute()


@asynccontextmanager
async def fed(servers: str, channel: str, count: int) -> AsyncGenerator[None]:
    """Have so many orders published to a channel by a process of its own, from here on."""
    feeder = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.clients.redis", servers, channel, str(count)
    )
    yield
    if await feeder.wait():
        raise RuntimeError("what feeds the listeners failed")


async def handled(meter: Meter) -> None:
    """Return when everything was handled; fail when not: a channel delivers nothing twice."""
    async with asyncio.timeout(60):
        await meter.done.wait()
    meter.end()


# The client alone -----------------------------------------------------------------------------------------------------


def opener() -> Callable[[bytes], Order]:
    """Return what decodes the body of an envelope without looking at the headers."""
    decode = decoder()
    return lambda data: decode(data[int.from_bytes(data[14:18], "big") :])


async def raw_list(servers: str, key: str, meter: Meter) -> None:
    """Move many to a list of this worker, handle them, then forget them there."""
    decode, held = opener(), f"{key}:held"

    async def handle(order: Order) -> None:
        meter.handled()

    async with client(servers) as raw:
        take = raw.register_script(_TAKE)
        while not meter.done.is_set():
            found: Any = await take(keys=[key, held], args=[_READ])
            for element in found:
                await handle(decode(element))
            await raw.ltrim(held, len(found), -1)
        meter.end()


async def raw_stream(servers: str, key: str, meter: Meter) -> None:
    """Read many, handle them, acknowledge them together."""
    decode = decoder()

    async def handle(order: Order) -> None:
        meter.handled()

    async with client(servers) as raw:
        while not meter.done.is_set():
            found: Any = await raw.xreadgroup(_GROUP, "raw", {key: ">"}, count=_READ)
            entries = found[key.encode()]
            for _, fields in entries:
                await handle(decode(fields[b"body"]))
            await raw.xack(key, _GROUP, *[entry for entry, _ in entries])
        meter.end()


async def raw_channel(servers: str, channel: str, meter: Meter) -> None:
    """Decode and handle what is heard."""
    decode = opener()

    async def handle(order: Order) -> None:
        meter.handled()

    async with client(servers) as raw, raw.pubsub() as listener:
        await listener.subscribe(channel)
        await listener.get_message(timeout=5.0)
        async with fed(servers, channel, meter.count):
            async for message in listener.listen():
                await handle(decode(message["data"]))
                if meter.done.is_set():
                    break
            await handled(meter)


async def raw_publish(servers: str, key: str, call: Call, meter: Meter) -> None:
    """A call for each, so many at once."""
    encode, number, batches = encoder(), 0, portions(meter.count)
    async with client(servers) as raw:

        async def publish(order: Order) -> None:
            nonlocal number
            number += 1
            await call(raw, key, enveloped(encode(order), identified(number, order)))

        async def add(order: Order) -> None:
            nonlocal number
            number += 1
            fields = {"body": encode(order), **{f"h:{name}": text for name, text in identified(number, order).items()}}
            await raw.xadd(key, fields)

        one = add if call is _CALLS["stream"] else publish
        for many in batches:
            await asyncio.gather(*(one(order) for order in many))
            meter.sent(len(many))
        meter.end()


_CALLS: Final[Mapping[str, Call]] = {"list": Redis.rpush, "stream": Redis.xadd, "channel": Redis.publish}


# Ours -----------------------------------------------------------------------------------------------------------------


async def our_consume(servers: str, address: RedisAddress, lanes: int, meter: Meter) -> None:
    """The same with a consumer class."""

    class Orders(RedisConsumer, concurrency=lanes, ordered_by=Key() if lanes > 1 else None):
        @consumes(address, **({"group": _GROUP} if isinstance(address, Stream) else {}))
        async def order(self, order: Order) -> None:
            meter.handled()

    async with Application(consumers=[Orders(RedisBroker(RedisSettings(url=servers)))]):
        if isinstance(address, Channel):
            async with fed(servers, address.name, meter.count):
                await handled(meter)
            return
        await meter.done.wait()
    meter.end()  # everything is settled


async def our_publish(servers: str, address: RedisAddress, meter: Meter) -> None:
    """A call of a producer's method for each, so many at once."""

    class Placed(RedisProducer):
        @produces(address, key="order_id")
        async def placed(self, order: Order) -> Order:
            return order

    batches = portions(meter.count)
    async with RedisBroker(RedisSettings(url=servers)) as broker:
        producer = Placed(broker)
        for many in batches:
            await asyncio.gather(*(producer.placed(order) for order in many))
            meter.sent(len(many))
        meter.end()


async def our_batches(servers: str, address: RedisAddress, meter: Meter) -> None:
    """A producer's method that returns a Batch."""

    class Placed(RedisProducer):
        @produces(address, key="order_id")
        async def placed(self, many: Sequence[Order]) -> Batch[Order]:
            return Batch(many)

    batches = portions(meter.count)
    async with RedisBroker(RedisSettings(url=servers)) as broker:
        producer = Placed(broker)
        for many in batches:
            await producer.placed(many)
            meter.sent(len(many))
        meter.end()


async def feed(servers: str, channel: str, count: int) -> None:
    """Publish so many orders to a channel."""
    async with client(servers) as raw:
        await fill(raw, Channel(channel), count)


if __name__ == "__main__":
    asyncio.run(feed(sys.argv[1], sys.argv[2], int(sys.argv[3])))
