"""NATS goes away and comes back: the same on the embedded one and on a real server that is killed."""

import asyncio
import logging
import uuid
from contextlib import suppress

import pytest

from faststream_oo import Application
from faststream_oo.errors import PublishError
from faststream_oo.nats import (
    KeyValue,
    KeyValueStore,
    NatsConsumer,
    NatsMessage,
    NatsProducer,
    consumes,
    produces,
)
from tests.integration.kinds import Mortal
from tests.integration.nats.worlds import NatsWorld
from tests.integration.worlds import until

pytestmark = pytest.mark.parametrize("mortal", ["nats-memory", "nats"], indirect=True)


@pytest.fixture
def world(mortal: Mortal) -> NatsWorld:
    """What is seen of it."""
    world = mortal.world()
    assert isinstance(world, NatsWorld)
    return world


class Numbers(NatsProducer):
    @produces("numbers", confirm_timeout=20.0)
    async def one(self, number: int) -> int:
        return number

    @produces("numbers", confirm_timeout=0.1)
    async def impatient(self, number: int) -> int:
        return number


async def test_an_application_under_load_recovers_by_itself_and_says_so_once(
    mortal: Mortal, world: NatsWorld, caplog: pytest.LogCaptureFixture
) -> None:
    handled: set[int] = set()
    over = False

    class Taking(NatsConsumer, group="takers", concurrency=4):
        @consumes("numbers")
        async def take(self, number: int) -> None:
            handled.add(number)

    async def load(numbers: Numbers) -> int:
        sent = 0
        while not over:
            await numbers.one(sent)
            sent += 1
            await asyncio.sleep(0.0005)
        return sent

    with world.below(), caplog.at_level(logging.INFO, "faststream_oo"):
        broker = world.broker()
        async with Application(consumers=[Taking(broker)]):
            (subscription,) = broker.subscriptions
            loading = asyncio.create_task(load(Numbers(broker)))
            await until(lambda: len(handled) > 200)
            await mortal.kill()
            await until(lambda: subscription.state == "degraded")
            assert broker.state == "degraded"
            away = len(handled)
            await mortal.restart()
            await until(lambda: subscription.state == "running")
            await until(lambda: len(handled) > away + 500)
            over = True
            sent = await loading
            await until(lambda: sent - 1 in handled)

    # What was on the wire when the connection broke is lost; all that was published before and after is not.
    lost = set(range(sent)) - handled
    assert len(lost) < 200, f"{len(lost)} of {sent} are lost"
    told = [message for message in caplog.messages if message.startswith("Taking.take ")]
    assert [message.partition(":")[0] for message in told] == [
        "Taking.take consumes numbers, at most once",
        "Taking.take lost its broker, reconnecting",
        "Taking.take is connected again",
    ]


async def test_what_is_published_while_it_is_away_is_sent_when_it_is_back(mortal: Mortal, world: NatsWorld) -> None:
    handled: list[int] = []

    class Taking(NatsConsumer):
        @consumes("numbers")
        async def take(self, number: int) -> None:
            handled.append(number)

    broker = world.broker()
    with world.below():
        async with Application(consumers=[Taking(broker)]):
            numbers = Numbers(broker)
            (subscription,) = broker.subscriptions
            await mortal.kill()
            await until(lambda: subscription.state == "degraded")
            waiting = [asyncio.create_task(numbers.one(number)) for number in range(100)]
            await asyncio.sleep(0)
            with pytest.raises(PublishError, match=r"not confirmed in 0\.1 s"):
                await numbers.impatient(1000)
            assert not any(one.done() for one in waiting)
            await mortal.restart()
            await asyncio.gather(*waiting)
            await until(lambda: len(handled) == 100)

    assert handled == list(range(100))


async def test_a_stop_while_it_is_away_ends_in_time_and_tells_what_was_not_sent(
    mortal: Mortal, world: NatsWorld, caplog: pytest.LogCaptureFixture
) -> None:
    class Taking(NatsConsumer):
        @consumes("numbers")
        async def take(self, number: int) -> None: ...

    broker = world.broker()
    with world.below(), caplog.at_level(logging.ERROR, "faststream_oo"):
        async with asyncio.timeout(20), Application(consumers=[Taking(broker)], drain_timeout=1.0):
            (subscription,) = broker.subscriptions
            await mortal.kill()
            await until(lambda: subscription.state == "degraded")
            sent = asyncio.create_task(Numbers(broker).one(1))
            await asyncio.sleep(0)
    with pytest.raises(PublishError, match="until the end"):
        await sent
    await mortal.restart()


async def test_watches_miss_no_change_and_see_none_twice(mortal: Mortal, world: NatsWorld) -> None:
    bucket = KeyValue(f"numbers-{uuid.uuid4().hex[:10]}", history=64, watch="history")
    consumed: list[int | None] = []
    watched: list[int] = []
    written: list[int] = []
    over = False

    class Watching(NatsConsumer):
        @consumes(bucket)
        async def changed(self, number: int, message: NatsMessage) -> None:
            consumed.append(message.sequence)

    async def watch(store: KeyValueStore[int]) -> None:
        async for entry in store.watch():
            watched.append(entry.revision)  # noqa: PERF401 - each as it comes

    async def write(store: KeyValueStore[int]) -> None:
        while not over:
            with suppress(PublishError):  # while it is away
                written.append(await store.put(f"k{len(written) % 7}", len(written)))
            await asyncio.sleep(0.001)

    with world.below():
        broker = world.broker()
        async with Application(consumers=[Watching(broker)]):
            store = broker.key_value(bucket, int)
            await store.put("first", 0)
            async with asyncio.TaskGroup() as group:
                watching = group.create_task(watch(store))
                await until(lambda: watched and consumed)
                writing = group.create_task(write(store))
                await until(lambda: len(consumed) > 100 and len(watched) > 100)
                await mortal.kill()
                await until(lambda: broker.subscriptions[0].state == "degraded")
                await mortal.restart()
                away = len(written)
                await until(lambda: len(written) > away + 100)
                over = True
                await writing
                await until(lambda: written[-1] == consumed[-1] == watched[-1])
                await until(lambda: broker.subscriptions[0].state == "running")
                watching.cancel()

    # What was stored before its answer was lost is there too, and seen.
    assert set(written) <= set(consumed)
    assert consumed == list(range(1, written[-1] + 1))
    assert watched == consumed
