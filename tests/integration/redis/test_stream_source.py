"""What streams do beside what every broker does: groups, leases, and what happens when somebody deletes them."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from faststream_oo.errors import SetupError, TransportError
from faststream_oo.redis import RedisSettings, Stream, consumes
from tests.integration.kinds import of
from tests.integration.private import PrivateBroker
from tests.integration.redis.worlds import RealWorld, RedisWorld
from tests.integration.worlds import until

every = of("redis-stream")

LEASE = {"claim_after": 0.3}


async def pending(world: RedisWorld, address: str) -> int:
    """Return how many entries the group was given and did not acknowledge."""
    summary: Any = await world.call("XPENDING", address, world.group)
    return int(summary[0])


async def consumers(world: RedisWorld, address: str) -> int:
    return len(await world.call("XINFO", "CONSUMERS", address, world.group))


@every
async def test_what_a_dead_worker_left_is_taken_over_after_a_while(world: RedisWorld) -> None:
    address = await world.create("dead")
    handled: list[tuple[int, float]] = []

    @world.consumes(address)
    async def number(self: Any, number: int) -> None:
        handled.append((number, time.monotonic()))

    await world.call("XGROUP", "CREATE", address, world.group, "0", "MKSTREAM")
    await world.put(address, b"1")
    begin = time.monotonic()
    await world.call("XREADGROUP", "GROUP", world.group, "dead", "COUNT", 10, "STREAMS", address, ">")
    async with world.serving(number, claim_after=0.5):
        await world.put(address, b"2")
        await until(lambda: len(handled) == 2)
        assert [number for number, _ in handled] == [2, 1]
        assert handled[1][1] - begin >= 0.5
        await until_pending(world, address, 0)


async def until_pending(world: RedisWorld, address: str, count: int) -> None:
    deadline = time.monotonic() + 30
    while await pending(world, address) != count:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


@every
async def test_what_is_handled_for_longer_than_a_lease_is_not_taken_over(world: RedisWorld) -> None:
    address = await world.create("slow")
    started: list[int] = []
    finished: list[int] = []

    @world.consumes(address)
    async def number(self: Any, number: int) -> None:
        started.append(number)
        await asyncio.sleep(2.5)
        finished.append(number)

    options: dict[str, Any] = {"claim_after": 1.0, "concurrency": 4}
    async with world.serving(number, **options), world.serving(number, **options) as second:
        await asyncio.gather(*(second.publish(address, number) for number in range(4)))
        await until(lambda: len(finished) == 4)
        await until_pending(world, address, 0)

    assert sorted(started) == sorted(finished) == [0, 1, 2, 3]


@every
async def test_what_a_stop_gave_back_is_taken_at_once_by_who_comes(world: RedisWorld) -> None:
    address = await world.create("given")
    started = asyncio.Event()
    handled: list[int] = []

    @world.consumes(address)
    async def stuck(self: Any, number: int) -> None:
        started.set()
        await asyncio.Event().wait()

    @world.consumes(address)
    async def number(self: Any, number: int) -> None:
        handled.append(number)

    async with world.serving(stuck, drain_timeout=0.1) as served:
        for each in range(3):
            await served.publish(address, each)
        await started.wait()
    assert await pending(world, address) > 0
    async with world.serving(number):  # its lease is a minute
        await until(lambda: sorted(handled) == [0, 1, 2])


@every
async def test_a_polite_stop_takes_its_consumer_out_of_the_group_unless_it_left_something(world: RedisWorld) -> None:
    address = await world.create("names")
    started = asyncio.Event()
    stay = False

    @world.consumes(address)
    async def number(self: Any, number: int) -> None:
        started.set()
        if stay:
            await asyncio.Event().wait()

    async with world.serving(number) as served:
        await served.publish(address, 1)
        await started.wait()
        await until_pending(world, address, 0)
        assert await consumers(world, address) == 1
    assert await consumers(world, address) == 0

    stay = True
    started.clear()
    async with world.serving(number, drain_timeout=0.1) as served:
        await served.publish(address, 2)
        await started.wait()
    assert await consumers(world, address) == 1
    assert await pending(world, address) == 1


@every
async def test_the_name_of_a_killed_worker_is_forgotten_once_nothing_is_pending_under_it(world: RedisWorld) -> None:
    address = await world.create("killed")
    handled: list[int] = []

    @world.consumes(address)
    async def number(self: Any, number: int) -> None:
        handled.append(number)

    await world.call("XGROUP", "CREATE", address, world.group, "0", "MKSTREAM")
    await world.put(address, b"1")
    await world.call("XREADGROUP", "GROUP", world.group, "killed", "COUNT", 10, "STREAMS", address, ">")
    async with world.serving(number, claim_after=0.1):
        await until(lambda: handled == [1])
        deadline = time.monotonic() + 30
        while await consumers(world, address) > 1:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)


@every
@pytest.mark.parametrize("command", ["DEL", "XGROUP"])
async def test_work_goes_on_after_somebody_deleted_the_stream_or_its_group(world: RedisWorld, command: str) -> None:
    address = await world.create("deleted")
    handled: list[int] = []

    @world.consumes(address)
    async def number(self: Any, number: int) -> None:
        handled.append(number)

    async with world.serving(number) as served:
        await served.publish(address, 1)
        await until(lambda: handled == [1])
        await world.call(*(("DEL", address) if command == "DEL" else ("XGROUP", "DESTROY", address, world.group)))
        for each in range(2, 5):
            await served.publish(address, each)
        await until(lambda: len(handled) == 4)

    assert handled == [1, 2, 3, 4]


@every
async def test_a_group_that_began_at_the_end_and_was_deleted_unread_misses_nothing(world: RedisWorld) -> None:
    address = await world.create("unread")
    handled: list[int] = []

    @world.consumes(address)
    async def number(self: Any, number: int) -> None:
        handled.append(number)

    await world.put(address, b"0")
    async with world.serving(number, start="latest") as served:
        await served.subscription.pause()
        await world.put(address, b"1")
        await world.call("XGROUP", "DESTROY", address, world.group)
        await world.put(address, b"2")
        await served.subscription.resume()
        await until(lambda: len(handled) == 2)

    assert handled == [1, 2]


@every
async def test_a_group_that_had_read_before_and_was_deleted_goes_on_where_it_was(world: RedisWorld) -> None:
    address = await world.create("before")
    handled: list[int] = []

    @world.consumes(address)
    async def number(self: Any, number: int) -> None:
        handled.append(number)

    await world.put(address, b"0")
    async with world.serving(number):
        await until(lambda: handled == [0])
    async with world.serving(number):  # it was given nothing yet
        await world.call("XGROUP", "DESTROY", address, world.group)
        await world.put(address, b"1")
        await until(lambda: len(handled) == 2)

    assert handled == [0, 1]


@every
async def test_a_pause_leaves_what_comes_to_other_workers(world: RedisWorld) -> None:
    address = await world.create("pause")
    handled: list[int] = []

    @world.consumes(address)
    async def number(self: Any, number: int) -> None:
        handled.append(number)

    async with world.serving(number) as served:
        await served.publish(address, 0)
        await until(lambda: handled == [0])
        await until_pending(world, address, 0)
        await served.subscription.pause()
        for each in range(1, 4):
            await served.publish(address, each)
        assert await pending(world, address) == 0
        assert await served.subscription.lag() == 3
        await served.subscription.resume()
        await until(lambda: handled == [0, 1, 2, 3])
        assert await served.subscription.lag() == 0


@every
@pytest.mark.parametrize(("start", "expected"), [("earliest", [0, 1, 2, 3]), ("latest", [3]), ("id", [2, 3])])
async def test_a_new_group_begins_where_start_says(world: RedisWorld, start: str, expected: list[int]) -> None:
    address = await world.create("start")
    handled: list[int] = []

    @world.consumes(address)
    async def number(self: Any, number: int) -> None:
        handled.append(number)

    for each in range(3):
        await world.put(address, str(each).encode())
    entries: Any = await world.call("XRANGE", address, "-", "+")
    if start == "id":
        start = entries[1][0].decode()
    async with world.serving(number, start=start):
        await world.put(address, b"3")
        await until(lambda: len(handled) == len(expected))

    assert handled == expected


@every
async def test_without_a_group_every_worker_gets_everything_from_then_on_and_settles_nothing(world: RedisWorld) -> None:
    address = await world.create("everybody")
    handled: list[int] = []

    @world.consumes(address, delivery="at_most_once")
    async def number(self: Any, number: int) -> None:
        handled.append(number)

    await world.put(address, b"0")
    world.alone = True
    async with world.serving(number), world.serving(number) as served:
        for each in (1, 2):
            await served.publish(address, each)
        await until(lambda: len(handled) == 4)
        assert await served.subscription.lag() == 0

    assert sorted(handled) == [1, 1, 2, 2]
    assert await world.call("XINFO", "GROUPS", address) == []


@every
async def test_at_most_once_in_a_group_shares_and_leaves_nothing_pending(world: RedisWorld) -> None:
    address = await world.create("once")
    started = asyncio.Event()

    @world.consumes(address, delivery="at_most_once")
    async def number(self: Any, number: int) -> None:
        started.set()

    async with world.serving(number) as served:
        await served.publish(address, 1)
        await started.wait()
        assert await pending(world, address) == 0


@every
async def test_what_was_deleted_while_it_was_pending_is_forgotten(world: RedisWorld) -> None:
    address = await world.create("trimmed")
    handled: list[int] = []

    @world.consumes(address)
    async def number(self: Any, number: int) -> None:
        handled.append(number)

    await world.call("XGROUP", "CREATE", address, world.group, "0", "MKSTREAM")
    for each in range(3):
        await world.put(address, str(each).encode())
    await world.call("XREADGROUP", "GROUP", world.group, "dead", "COUNT", 10, "STREAMS", address, ">")
    await world.call("XTRIM", address, "MAXLEN", 1)
    async with world.serving(number, **LEASE):
        await until(lambda: handled == [2])
        await until_pending(world, address, 0)


# Only where the settings, or the server itself, are the test's own -------------------------------------------------

real = pytest.mark.parametrize("world", ["redis-stream"], indirect=True)


@real
async def test_a_group_that_is_missing_is_refused_where_nothing_may_be_made(world: RealWorld) -> None:
    address = await world.create("missing")
    world.settings = RedisSettings(url=world.settings.url, topology="verify")

    handled: list[int] = []

    @world.consumes(address)
    async def number(self: Any, number: int) -> None:
        handled.append(number)

    with pytest.raises(SetupError, match=f'stream "{address}" does not exist'):
        async with world.serving(number):
            raise AssertionError("it has begun")
    await world.put(address, b"1")
    with pytest.raises(TransportError, match=f'group "{world.group}" of stream "{address}" does not exist; topology'):
        async with world.serving(number):
            raise AssertionError("it has begun")
    await world.call("XGROUP", "CREATE", address, world.group, "0")
    async with world.serving(number):
        await until(lambda: handled == [1])


@real
async def test_a_subscription_fails_whose_group_is_deleted_where_nothing_may_be_made(world: RealWorld) -> None:
    address = await world.create("deleted")
    world.settings = RedisSettings(url=world.settings.url, topology="verify")
    await world.call("XGROUP", "CREATE", address, world.group, "0", "MKSTREAM")
    await world.call("XGROUP", "CREATE", world.letters(address), "any", "0", "MKSTREAM")

    @world.consumes(address)
    async def number(self: Any, number: int) -> None: ...

    async with world.serving(number) as served:
        await world.call("XGROUP", "DESTROY", address, world.group)
        await until(lambda: served.subscription.state == "failed")


@real
async def test_an_external_stream_is_never_made(world: RealWorld) -> None:
    address = await world.create("external")

    @consumes(Stream(address, external=True))
    async def number(self: Any, number: int) -> None: ...

    with pytest.raises(TransportError, match=f'stream "{address}" does not exist'):
        async with world.serving(number):
            raise AssertionError("it has begun")
    assert await world.call("EXISTS", address) == 0


@real
async def test_a_key_that_is_no_stream_is_refused_with_its_type(world: RealWorld) -> None:
    address = await world.create("list")
    await world.call("RPUSH", address, "x")

    @world.consumes(address)
    async def number(self: Any, number: int) -> None: ...

    with pytest.raises(TransportError, match=f'"{address}" is a list, no stream'):
        async with world.serving(number):
            raise AssertionError("it has begun")


@pytest.mark.timeout(120)
async def test_lost_connections_lose_no_entry(private_broker: Callable[[str], PrivateBroker]) -> None:
    """Each connection but the test's own is ended again and again, under load: what was read with it is not forgotten."""
    server = private_broker("redis")
    async with RealWorld(server.address) as world:
        address, count = await world.create("cut"), 2000
        handled: set[int] = set()

        @world.consumes(address)
        async def number(self: Any, number: int) -> None:
            handled.add(number)

        async with world.serving(number, concurrency=4) as served:
            publish = world.publisher(served.broker, address)
            publishing = asyncio.ensure_future(asyncio.gather(*(publish(each) for each in range(count))))
            for _ in range(10):
                await asyncio.sleep(0.05)
                await world.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            await publishing
            await until(lambda: len(handled) == count)  # the lease is a minute: nothing waits for it
            await until_pending(world, address, 0)

    assert handled == set(range(count))


async def test_a_value_that_the_server_refuses_fails_alone(private_broker: Callable[[str], PrivateBroker]) -> None:
    server = private_broker("redis")
    async with RealWorld(server.address) as world:
        address = await world.create("large")
        await world.call("CONFIG", "SET", "proto-max-bulk-len", 1024 * 1024)
        try:
            async with world.broker() as broker:
                small = [asyncio.ensure_future(broker.publish(address, each)) for each in range(10)]
                with pytest.raises(TransportError):
                    await broker.publish(address, b"x" * 2 * 1024 * 1024)
                await asyncio.gather(*small)
                await broker.publish(address, 10)
        finally:
            await world.call("CONFIG", "SET", "proto-max-bulk-len", 512 * 1024 * 1024)
        assert {int(one.body or b"") for one in await world.read(address)} == set(range(11))


async def test_a_server_without_memory_refuses_a_publish_in_its_words(
    private_broker: Callable[[str], PrivateBroker],
) -> None:
    server = private_broker("redis")
    async with RealWorld(server.address) as world, world.broker() as broker:
        address = await world.create("full")
        await world.call("CONFIG", "SET", "maxmemory", 1)
        try:
            with pytest.raises(TransportError, match="OOM command not allowed"):
                await broker.publish(address, 1)
        finally:
            await world.call("CONFIG", "SET", "maxmemory", 0)
        await broker.publish(address, 1)


async def test_a_server_that_takes_no_writes_for_now_is_waited_for(
    private_broker: Callable[[str], PrivateBroker],
) -> None:
    server = private_broker("redis")
    async with RealWorld(server.address) as world:
        address = await world.create("alone")
        handled: list[int] = []

        @world.consumes(address)
        async def number(self: Any, number: int) -> None:
            handled.append(number)

        async with world.serving(number) as served:
            await served.publish(address, 1)
            await until(lambda: handled == [1])
            await world.call("CONFIG", "SET", "min-replicas-to-write", 1)
            try:
                await served.subscription.pause()  # and so ends the read that waits
                await served.subscription.resume()
                await until(lambda: served.subscription.state == "degraded")
            finally:
                await world.call("CONFIG", "SET", "min-replicas-to-write", 0)
            await served.publish(address, 2)
            await until(lambda: handled == [1, 2] and served.subscription.state == "running")
