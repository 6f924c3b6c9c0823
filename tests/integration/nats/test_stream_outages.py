"""A NATS that goes away under consumers of its streams, embedded or killed; more of it is in the suite over all brokers."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeAlias

import pytest

from faststream_oo.nats import Pull, Push, consumes
from tests.integration.kinds import Mortal
from tests.integration.nats.test_streams import collecting
from tests.integration.nats.worlds import EmbeddedStreamWorld, StreamWorld, stored
from tests.integration.worlds import Served, until

pytestmark = [
    pytest.mark.parametrize("mortal", ["nats-stream-memory", "nats-stream"], indirect=True),
    pytest.mark.timeout(120),
]

Publish: TypeAlias = Callable[[object], Awaitable[object]]

ORDERED = Push(ordered=True, heartbeat=0.5)


@pytest.fixture
def world(mortal: Mortal) -> StreamWorld:
    """What is seen of it."""
    world = mortal.world()
    assert isinstance(world, StreamWorld)
    return world


def serving(world: StreamWorld, method: Any, via: Pull | Push, **options: Any) -> AbstractAsyncContextManager[Served]:
    """Serve one consumer in a group, where it can have one."""
    served = world.serving_alone if isinstance(via, Push) and via.ordered else world.serving
    return served(method, via=via, **options)


@asynccontextmanager
async def holding(
    world: StreamWorld, address: str, seen: list[int], go_on: asyncio.Event, via: Pull | Push
) -> AsyncGenerator[tuple[Served, Publish]]:
    """Serve one consumer that holds five messages, and notes one after the other when it may go on."""

    @consumes(stored(address))
    async def number(self: Any, number: int) -> None:
        await go_on.wait()
        seen.append(number)

    async with serving(world, number, via, concurrency=1, prefetch=8) as served:
        publish = world.publisher(served.broker, address)
        for one in range(5):
            await publish(one)
        await until(lambda: served.subscription.in_flight == 5)
        yield served, publish


async def settled(mortal: Mortal, world: StreamWorld, address: str) -> None:
    """Return when nothing is unsettled that the group was given."""
    async with mortal.world() as seen:
        assert isinstance(seen, StreamWorld)
        seen.group = world.group
        async with asyncio.timeout(30):
            while await seen.unsettled(address):  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.05)


@pytest.mark.parametrize("via", [Push(ack_wait=1.0, heartbeat=0.5), ORDERED])
async def test_nothing_is_missed_when_the_server_is_killed(mortal: Mortal, world: StreamWorld, via: Push) -> None:
    address = await world.made("pushed")
    seen: list[int] = []

    async with serving(world, collecting(address, seen), via) as served:
        publish = world.publisher(served.broker, address)
        await asyncio.gather(*(publish(number) for number in range(200)))
        await until(lambda: len(seen) > 50)
        await mortal.kill()
        await mortal.restart()
        await asyncio.gather(*(publish(number) for number in range(200, 300)))
        await until(lambda: set(seen) == set(range(300)), 60)

    if via.ordered:
        assert seen == list(range(300))


@pytest.mark.parametrize("via", [Pull(heartbeat=0.5), Push(heartbeat=0.5), ORDERED])
async def test_what_is_held_goes_on_while_the_server_is_away_and_what_is_published_then_comes_behind_it(
    mortal: Mortal, world: StreamWorld, via: Pull | Push
) -> None:
    address = await world.made("held")
    seen: list[int] = []
    go_on = asyncio.Event()

    async with holding(world, address, seen, go_on, via) as (served, publish):
        await mortal.kill()
        await until(lambda: served.subscription.state == "degraded")
        later = [asyncio.ensure_future(publish(one)) for one in range(5, 10)]
        go_on.set()
        await until(lambda: len(seen) == 5)
        assert served.subscription.state == "degraded"
        assert not any(one.done() for one in later)
        await mortal.restart()
        await asyncio.gather(*later)
        await until(lambda: len(set(seen)) == 10 and served.subscription.state == "running", 60)
        await until(lambda: served.subscription.in_flight == 0)
        if via is not ORDERED:
            await settled(mortal, world, address)

    assert list(dict.fromkeys(seen)) == list(range(10))
    if via is ORDERED or isinstance(world, EmbeddedStreamWorld):
        assert len(seen) == 10  # a server that is killed may not know any more what it has delivered


@pytest.mark.parametrize("via", [Pull(ack_wait=1.0, heartbeat=0.5), Push(ack_wait=1.0, heartbeat=0.5)])
async def test_what_is_held_for_longer_than_its_wait_while_the_server_is_away_is_settled(
    mortal: Mortal, world: StreamWorld, via: Pull | Push
) -> None:
    address = await world.made("longer")
    seen: list[int] = []
    go_on = asyncio.Event()

    async with holding(world, address, seen, go_on, via) as (served, publish):
        await mortal.kill()
        await until(lambda: served.subscription.state == "degraded")
        await asyncio.sleep(1.5)
        await mortal.restart()
        await until(lambda: served.subscription.state == "running", 60)
        await publish(5)
        go_on.set()
        await until(lambda: len(set(seen)) == 6, 60)
        await until(lambda: served.subscription.in_flight == 0)
        await settled(mortal, world, address)

    assert list(dict.fromkeys(seen)) == list(range(6))  # some of it twice, before what is newer
