"""What streams do beside what every broker does: groups, leases, and what happens when somebody deletes them."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from faststream_oo import Retry
from faststream_oo.errors import SetupError, TransportError
from faststream_oo.redis import RedisSettings, Stream, consumes
from tests.integration.kinds import of
from tests.integration.private import PrivateBroker
from tests.integration.redis.worlds import RealWorld, RedisWorld
from tests.integration.worlds import Served, until

every = of("redis-stream")


class Numbers:
    """A stream of its own, its group, and a handler that notes the numbers of its entries."""

    def __init__(self, world: RedisWorld, address: str) -> None:
        self.address = address
        self.handled: list[int] = []
        self.begun = asyncio.Event()
        self.go = asyncio.Event()
        """Cleared, every attempt waits for it."""
        self.go.set()
        self._world = world

        @world.consumes(address)
        async def number(consumer: Any, number: int) -> None:
            self.begun.set()
            await self.go.wait()
            self.handled.append(number)

        self.method = number

    def serving(self, **options: Any) -> AbstractAsyncContextManager[Served]:
        """Serve the handler with class keywords."""
        return self._world.serving(self.method, **options)

    async def refused(self, error: type[Exception], match: str) -> None:
        """See that it cannot be served."""
        with pytest.raises(error, match=match):
            async with self.serving():
                raise AssertionError("it has begun")

    async def put(self, *numbers: int) -> None:
        """Add entries."""
        for number in numbers:
            await self._world.put(self.address, b"%d" % number)

    async def put_as(self, entry: str, number: int) -> None:
        """Add an entry under an id of one's own."""
        await self._world.call("XADD", self.address, entry, "body", str(number))

    async def make_group(self) -> None:
        """Make the group, at the beginning of the stream."""
        await self._world.call("XGROUP", "CREATE", self.address, self._world.group, "0", "MKSTREAM")

    async def destroy_group(self) -> None:
        """Delete the group."""
        await self._world.call("XGROUP", "DESTROY", self.address, self._world.group)

    async def left_by(self, consumer: str, *numbers: int) -> None:
        """Add entries to a new group, and let a consumer read them that is not heard of again."""
        await self.make_group()
        await self.put(*numbers)
        group = ("GROUP", self._world.group, consumer)
        await self._world.call("XREADGROUP", *group, "COUNT", 10, "STREAMS", self.address, ">")

    async def left_waiting(self, delay: float, **options: Any) -> float:
        """Stop while an entry waits for its retry, and return when its last attempt was made."""
        failed: list[float] = []

        @self._world.consumes(self.address)
        async def failing(consumer: Any, number: int) -> Retry:
            failed.append(time.monotonic())
            return Retry(after=delay)

        async with self._world.serving(failing, **options):
            await self.put(1)
            await until(lambda: failed)
        return failed[-1]

    async def waits(self) -> tuple[int, int]:
        """Return for how many milliseconds the only pending entry is idle, and how often it was delivered."""
        ((_, _, idle, deliveries),) = await self._world.call("XPENDING", self.address, self._world.group, "-", "+", 10)
        return idle, deliveries

    async def pending(self) -> int:
        """Return how many entries the group was given and did not acknowledge."""
        summary: Any = await self._world.call("XPENDING", self.address, self._world.group)
        return int(summary[0])

    async def settled(self) -> None:
        """Return once nothing is pending."""
        await self._world.answered(lambda summary: summary[0] == 0, "XPENDING", self.address, self._world.group)

    async def consumers(self) -> int:
        """Return how many the group has."""
        return len(await self._world.call("XINFO", "CONSUMERS", self.address, self._world.group))


async def numbers_of(world: RedisWorld) -> Numbers:
    return Numbers(world, await world.create("numbers"))


@pytest.fixture
async def numbers(world: RedisWorld) -> Numbers:
    """A stream of the world under test."""
    return await numbers_of(world)


@every
async def test_what_a_dead_worker_left_is_taken_over_after_a_while(numbers: Numbers) -> None:
    begin = time.monotonic()
    await numbers.left_by("dead", 1)
    async with numbers.serving(claim_after=0.5):
        await numbers.put(2)
        await until(lambda: len(numbers.handled) == 2)
        assert time.monotonic() - begin >= 0.5
        await numbers.settled()

    assert numbers.handled == [2, 1]


@every
async def test_what_is_handled_for_longer_than_a_lease_is_not_taken_over(world: RedisWorld, numbers: Numbers) -> None:
    started: list[int] = []
    finished: list[int] = []

    @world.consumes(numbers.address)
    async def number(self: Any, number: int) -> None:
        started.append(number)
        await asyncio.sleep(2.5)
        finished.append(number)

    options: dict[str, Any] = {"claim_after": 1.0, "concurrency": 4}
    async with world.serving(number, **options), world.serving(number, **options):
        await numbers.put(0, 1, 2, 3)
        await until(lambda: len(finished) == 4)
        await numbers.settled()

    assert sorted(started) == sorted(finished) == [0, 1, 2, 3]


@every
async def test_what_a_stop_gave_back_is_taken_at_once_by_who_comes(numbers: Numbers) -> None:
    numbers.go.clear()
    async with numbers.serving(drain_timeout=0.1):
        await numbers.put(0, 1, 2)
        await numbers.begun.wait()
    assert await numbers.pending() > 0
    numbers.go.set()
    async with numbers.serving():  # its lease is a minute
        await until(lambda: sorted(numbers.handled) == [0, 1, 2])


@every
async def test_what_comes_after_a_stop_is_for_who_is_left(numbers: Numbers) -> None:
    """The read that waited in the one that stopped takes nothing with it."""
    async with numbers.serving():
        async with numbers.serving():
            await numbers.put(0)
            await until(lambda: numbers.handled == [0])
            await numbers.settled()
        await numbers.put(1, 2, 3)
        await until(lambda: sorted(numbers.handled) == [0, 1, 2, 3])  # the lease is a minute
        await numbers.settled()


@every
async def test_the_lease_of_what_waits_for_a_retry_at_a_stop_lasts_for_the_rest_of_its_delay(numbers: Numbers) -> None:
    failed = await numbers.left_waiting(3.0)
    idle, deliveries = await numbers.waits()
    assert (idle >= 57_000, deliveries) == (True, 1)  # of a lease of a minute
    numbers.go.clear()
    async with numbers.serving():
        await numbers.begun.wait()
        assert time.monotonic() - failed >= 2.9
        assert (await numbers.waits())[1] == 2
        numbers.go.set()
        await numbers.settled()


@every
async def test_a_delay_beyond_the_lease_is_cut_to_it(numbers: Numbers) -> None:
    failed = await numbers.left_waiting(600.0, claim_after=2.0)
    async with numbers.serving(claim_after=2.0):
        await numbers.begun.wait()
        assert time.monotonic() - failed >= 1.9
        await numbers.settled()


@every
async def test_a_polite_stop_takes_its_consumer_out_of_the_group_unless_it_left_something(numbers: Numbers) -> None:
    async with numbers.serving():
        await numbers.put(1)
        await numbers.begun.wait()
        await numbers.settled()
        assert await numbers.consumers() == 1
    assert await numbers.consumers() == 0

    numbers.go.clear()
    numbers.begun.clear()
    async with numbers.serving(drain_timeout=0.1):
        await numbers.put(2)
        await numbers.begun.wait()
    assert await numbers.consumers() == 1
    assert await numbers.pending() == 1


@every
async def test_the_name_of_a_killed_worker_is_forgotten_once_nothing_is_pending_under_it(
    world: RedisWorld, numbers: Numbers
) -> None:
    await numbers.left_by("killed", 1)
    async with numbers.serving(claim_after=0.1):
        await until(lambda: numbers.handled == [1])
        await world.answered(lambda names: len(names) == 1, "XINFO", "CONSUMERS", numbers.address, world.group)


@every
@pytest.mark.parametrize("what", ["stream", "group"])
async def test_work_goes_on_after_somebody_deleted_the_stream_or_its_group(
    world: RedisWorld, numbers: Numbers, what: str
) -> None:
    async with numbers.serving():
        await numbers.put(1)
        await until(lambda: numbers.handled == [1])
        if what == "stream":
            await world.call("DEL", numbers.address)
        else:
            await numbers.destroy_group()
        await numbers.put(2, 3, 4)
        await until(lambda: len(numbers.handled) == 4)

    assert numbers.handled == [1, 2, 3, 4]


@every
@pytest.mark.parametrize("later", [["5-1"], ["5-1", "5-7"], ["3-0"]])
@pytest.mark.parametrize("waits", [True, False])
async def test_of_a_stream_that_was_made_again_everything_is_new(
    world: RedisWorld, numbers: Numbers, later: Sequence[str], *, waits: bool
) -> None:
    """Also what has an id that is not above the last one of the stream before; whether a read waits in it or not."""
    await numbers.make_group()
    await numbers.put_as("5-5", 0)
    async with numbers.serving() as served:
        await numbers.settled()
        if not waits:
            await served.subscription.pause()
        await world.call("DEL", numbers.address)
        for number, name in enumerate(later, start=1):
            await numbers.put_as(name, number)
        if not waits:
            await served.subscription.resume()
        await until(lambda: len(numbers.handled) > len(later))

    assert numbers.handled == [*range(len(later) + 1)]


@every
async def test_a_group_that_is_deleted_goes_on_where_it_was_though_the_last_entry_is_gone(
    world: RedisWorld, numbers: Numbers
) -> None:
    await numbers.make_group()
    await numbers.put_as("3-0", 0)
    await numbers.put_as("5-5", 1)
    async with numbers.serving() as served:
        await numbers.settled()
        await served.subscription.pause()
        await world.call("XDEL", numbers.address, "5-5")
        await numbers.destroy_group()
        await numbers.put_as("5-7", 2)
        await served.subscription.resume()
        await until(lambda: len(numbers.handled) == 3)

    assert numbers.handled == [0, 1, 2]


@every
async def test_a_group_that_began_at_the_end_and_was_deleted_unread_misses_nothing(numbers: Numbers) -> None:
    await numbers.put(0)
    async with numbers.serving(start="latest") as served:
        await served.subscription.pause()
        await numbers.put(1)
        await numbers.destroy_group()
        await numbers.put(2)
        await served.subscription.resume()
        await until(lambda: len(numbers.handled) == 2)

    assert numbers.handled == [1, 2]


@every
async def test_a_group_that_had_read_before_and_was_deleted_goes_on_where_it_was(numbers: Numbers) -> None:
    await numbers.put(0)
    async with numbers.serving():
        await until(lambda: numbers.handled == [0])
    async with numbers.serving():  # it was given nothing yet
        await numbers.destroy_group()
        await numbers.put(1)
        await until(lambda: len(numbers.handled) == 2)

    assert numbers.handled == [0, 1]


@every
async def test_a_pause_leaves_what_comes_to_other_workers(numbers: Numbers) -> None:
    async with numbers.serving() as served:
        await numbers.put(0)
        await until(lambda: numbers.handled == [0])
        await numbers.settled()
        await served.subscription.pause()
        await numbers.put(1, 2, 3)
        assert await numbers.pending() == 0
        assert await served.subscription.lag() == 3
        await served.subscription.resume()
        await until(lambda: numbers.handled == [0, 1, 2, 3])
        assert await served.subscription.lag() == 0


@every
@pytest.mark.parametrize(("start", "expected"), [("earliest", [0, 1, 2, 3]), ("latest", [3]), ("id", [2, 3])])
async def test_a_new_group_begins_where_start_says(
    world: RedisWorld, numbers: Numbers, start: str, expected: list[int]
) -> None:
    await numbers.put(0, 1, 2)
    if start == "id":
        start = (await world.call("XRANGE", numbers.address, "-", "+"))[1][0].decode()
    async with numbers.serving(start=start):
        await numbers.put(3)
        await until(lambda: len(numbers.handled) == len(expected))

    assert numbers.handled == expected


@every
async def test_without_a_group_every_worker_gets_everything_from_then_on_and_settles_nothing(
    world: RedisWorld, numbers: Numbers
) -> None:
    await numbers.put(0)
    world.alone = True
    async with numbers.serving(delivery="at_most_once"), numbers.serving(delivery="at_most_once") as served:
        await numbers.put(1, 2)
        await until(lambda: len(numbers.handled) == 4)
        assert await served.subscription.lag() == 0

    assert sorted(numbers.handled) == [1, 1, 2, 2]
    assert await world.call("XINFO", "GROUPS", numbers.address) == []


@every
async def test_without_a_group_what_comes_between_two_reads_is_not_missed(world: RedisWorld, numbers: Numbers) -> None:
    world.alone = True
    async with numbers.serving(delivery="at_most_once") as served:
        await served.subscription.pause()
        await numbers.put(1, 2)
        await served.subscription.resume()
        await until(lambda: numbers.handled == [1, 2])


@every
async def test_at_most_once_in_a_group_shares_and_leaves_nothing_pending(numbers: Numbers) -> None:
    numbers.go.clear()
    async with numbers.serving(delivery="at_most_once", drain_timeout=0.1):
        await numbers.put(1)
        await numbers.begun.wait()
        assert await numbers.pending() == 0


@every
async def test_what_was_deleted_while_it_was_pending_is_forgotten(world: RedisWorld, numbers: Numbers) -> None:
    await numbers.left_by("dead", 0, 1, 2)
    await world.call("XTRIM", numbers.address, "MAXLEN", 1)
    async with numbers.serving(claim_after=0.3):
        await until(lambda: numbers.handled == [2])
        await numbers.settled()


@every
async def test_a_key_that_is_no_stream_is_refused_with_its_type(world: RedisWorld, numbers: Numbers) -> None:
    await world.call("RPUSH", numbers.address, "x")
    await numbers.refused(TransportError, f'"{numbers.address}" is a list, no stream')


# Only where the settings, or the server itself, are the test's own -------------------------------------------------

real = pytest.mark.parametrize("world", ["redis-stream"], indirect=True)


@real
async def test_a_group_that_is_missing_is_refused_where_nothing_may_be_made(world: RealWorld, numbers: Numbers) -> None:
    world.settings = RedisSettings(url=world.settings.url, topology="verify")

    await numbers.refused(
        SetupError, f'stream "{numbers.address}" does not exist. Hint: make it, or redis.topology: create'
    )
    await numbers.put(1)
    missing = f'group "{world.group}" of stream "{numbers.address}" does not exist; topology'
    await numbers.refused(TransportError, missing)
    await numbers.make_group()
    async with numbers.serving():
        await until(lambda: numbers.handled == [1])


@real
async def test_a_subscription_fails_whose_group_is_deleted_where_nothing_may_be_made(
    world: RealWorld, numbers: Numbers
) -> None:
    world.settings = RedisSettings(url=world.settings.url, topology="verify")
    await numbers.make_group()
    await world.call("XGROUP", "CREATE", world.letters(numbers.address), "any", "0", "MKSTREAM")

    async with numbers.serving() as served:
        await numbers.destroy_group()
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


@pytest.mark.timeout(120)
async def test_lost_connections_lose_no_entry(private_broker: Callable[[str], PrivateBroker]) -> None:
    """Each connection but the test's own is ended again and again, under load: what was read with it is not forgotten."""
    async with RealWorld(private_broker("redis").address) as world:
        numbers, count = await numbers_of(world), 2000
        async with numbers.serving(concurrency=4) as served:
            publish = world.publisher(served.broker, numbers.address)
            publishing = asyncio.ensure_future(asyncio.gather(*(publish(each) for each in range(count))))
            for _ in range(10):
                await asyncio.sleep(0.05)
                await world.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            await publishing
            await until(lambda: len(set(numbers.handled)) == count)  # the lease is a minute: nothing waits for it
            await numbers.settled()

    assert set(numbers.handled) == set(range(count))


async def test_a_value_that_the_server_refuses_fails_alone(private_broker: Callable[[str], PrivateBroker]) -> None:
    async with RealWorld(private_broker("redis").address) as world:
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
    async with RealWorld(private_broker("redis").address) as world, world.broker() as broker:
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
    async with RealWorld(private_broker("redis").address) as world:
        numbers = await numbers_of(world)
        async with numbers.serving() as served:
            await numbers.put(1)
            await until(lambda: numbers.handled == [1])
            await world.call("CONFIG", "SET", "min-replicas-to-write", 1)
            try:
                await served.subscription.pause()  # and so ends the read that waits
                await served.subscription.resume()
                await until(lambda: served.subscription.state == "degraded")
            finally:
                await world.call("CONFIG", "SET", "min-replicas-to-write", 0)
            await numbers.put(2)
            await until(lambda: numbers.handled == [1, 2] and served.subscription.state == "running")
