"""What is particular to lists: order, leases, and what is left at the server."""

import asyncio
import logging
from typing import Any

import pytest

from faststream_oo import Key, Message
from faststream_oo.redis.client.list import ListSource
from tests.integration.kinds import of
from tests.integration.redis.flavours import ListWorld
from tests.integration.worlds import Served, until

pytestmark = of("redis-list")


def source_of(served: Served) -> Any:
    source = served.broker.running[0].source
    assert isinstance(source, ListSource)
    return source


async def fill(world: ListWorld, address: str, count: int) -> None:
    for number in range(count):
        await world.put(address, b"%d" % number)


async def test_a_stop_gives_back_what_had_not_begun_at_the_head_in_order_and_leaves_no_other_key(
    world: ListWorld,
) -> None:
    address = await world.create("back")
    begun = asyncio.Event()

    @world.consumes(address)
    async def number(self: Any, number: int) -> None:
        begun.set()
        await asyncio.Event().wait()

    await fill(world, address, 30)
    async with world.serving(number, drain_timeout=0.05):
        await begun.wait()
        await world.put(address, b"30")

    assert [int(one.body or b"") for one in await world.read(address)] == list(range(31))
    assert await world.call("KEYS", f"{address}*") == [address.encode()]


async def test_what_ended_behind_a_slow_message_leaves_the_server_without_it(world: ListWorld) -> None:
    address = await world.create("slow")
    handled: list[int] = []
    finish = asyncio.Event()

    @world.consumes(address)
    async def number(self: Any, number: int) -> None:
        if number == 0:
            await finish.wait()
        handled.append(number)

    await fill(world, address, 300)
    async with world.serving(number, concurrency=4, ordered_by=None) as served:
        await until(lambda: len(handled) == 299)
        await source_of(served).flush()
        (held,) = [key for key in await world.call("KEYS", f"{address}*") if b":processing:" in key]
        left = await world.call("LRANGE", held, 0, -1)
        finish.set()
        await until(lambda: len(handled) == 300)

    assert left[0] == b"0"
    assert len(left) <= 1 + 32  # it, and what is not worth a step of its own
    assert await world.read(address) == []


async def test_elements_that_are_alike_are_each_handled_once(world: ListWorld) -> None:
    address = await world.create("alike")
    handled = 0

    @world.consumes(address)
    async def number(self: Any, number: int) -> None:
        nonlocal handled
        if handled % 7 == 0:
            await asyncio.sleep(0.001)
        handled += 1

    for _ in range(200):
        await world.put(address, b"7")
    async with world.serving(number, concurrency=8, ordered_by=None) as served:
        await until(lambda: handled == 200 and served.subscription.in_flight == 0)

    assert await world.call("KEYS", f"{address}*") == []


async def test_a_worker_that_was_silent_for_too_long_begins_anew(
    world: ListWorld, caplog: pytest.LogCaptureFixture
) -> None:
    address = await world.create("silent")
    handled: list[int] = []
    go = asyncio.Event()

    @world.consumes(address)
    async def number(self: Any, number: int) -> None:
        await go.wait()
        handled.append(number)

    caplog.set_level(logging.WARNING, "faststream_oo")
    await fill(world, address, 10)
    async with world.serving(number, claim_after=30.0) as served:
        await until(lambda: served.subscription.in_flight == 10)
        # As if nobody had heard of it for 30 seconds, and another worker had looked.
        await world.call("ZREM", f"{address}:workers", source_of(served)._claim.node)
        go.set()
        await world.put(address, b"10")
        await until(lambda: handled[-1:] == [10] and served.subscription.in_flight == 0)

    assert len([line for line in caplog.messages if "others handle what it held" in line]) == 1
    assert handled[-11:] == list(range(11))  # what it held came again, in order


async def test_messages_of_a_dead_worker_come_back_in_order_when_its_lease_is_over(world: ListWorld) -> None:
    address = await world.create("dead")
    await fill(world, address, 3)
    await world.call("RPUSH", f"{address}:processing:gone", "10", "11")
    await world.call("RPUSH", f"{address}:arriving:gone", "12")
    await world.call("ZADD", f"{address}:workers", 0, "gone")
    handled: list[int] = []

    @world.consumes(address)
    async def number(self: Any, number: int) -> None:
        handled.append(number)

    async with world.serving(number):
        await until(lambda: len(handled) == 6)

    assert handled == [10, 11, 12, 0, 1, 2]


async def test_at_most_once_what_is_read_is_gone(world: ListWorld) -> None:
    address = await world.create("once")
    begun = asyncio.Event()

    @world.consumes(address, delivery="at_most_once")
    async def number(self: Any, number: int) -> None:
        begun.set()
        await asyncio.Event().wait()

    async with world.serving(number, drain_timeout=0.05):
        await world.put(address, b"1")
        await begun.wait()
        assert await world.call("KEYS", f"{address}*") == []

    assert await world.read(address) == []


async def test_two_workers_share_a_list_and_each_key_keeps_its_order_in_each(world: ListWorld) -> None:
    address = await world.create("shared")
    handled: dict[int, list[int]] = {1: [], 2: []}

    def worker(name: int) -> Any:
        @world.consumes(address)
        async def number(self: Any, number: int, message: Message) -> None:
            await asyncio.sleep(0)
            handled[name].append(number)

        return number

    options: dict[str, Any] = {"prefetch": 10, "concurrency": 2, "ordered_by": Key()}
    async with world.serving(worker(1), **options), world.serving(worker(2), **options):
        await fill(world, address, 200)
        await until(lambda: len(handled[1]) + len(handled[2]) == 200)

    assert sorted(handled[1] + handled[2]) == list(range(200))
    assert handled[1]
    assert handled[2]


async def test_lag_is_what_nobody_has_taken(world: ListWorld) -> None:
    address = await world.create("lag")

    handled: list[int] = []

    @world.consumes(address)
    async def number(self: Any, number: int) -> None:
        handled.append(number)

    async with world.serving(number) as served:
        await served.subscription.pause()
        await fill(world, address, 3)
        assert await served.subscription.lag() == 3
        await served.subscription.resume()
        await until(lambda: handled == [0, 1, 2])
        assert await served.subscription.lag() == 0


async def test_a_lost_connection_is_made_again_and_nothing_is_lost_or_doubled(world: ListWorld) -> None:
    address = await world.create("reconnect")
    handled: list[int] = []

    @world.consumes(address)
    async def number(self: Any, number: int) -> None:
        await asyncio.sleep(0.001)
        handled.append(number)

    async with world.serving(number, prefetch=20) as served:
        for round_ in range(3):
            for number_ in range(round_ * 50, round_ * 50 + 50):
                await world.put(address, b"%d" % number_)
            await until(lambda: len(handled) > round_ * 50 + 10)  # noqa: B023 - awaited in the turn
            await world.call("CLIENT", "KILL", "ID", source_of(served)._client)
            await until(lambda: len(handled) >= round_ * 50 + 50)  # noqa: B023 - awaited in the turn

    assert handled == list(range(150))
