"""A RabbitMQ that goes away: its wire is cut, its process is killed, its queue is deleted."""

import asyncio
import gc
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any, Final

import pytest
from attrs import evolve

from faststream_oo.errors import PublishError
from faststream_oo.rabbit import Exchange, Queue, RabbitBroker, RabbitOutgoing, RabbitProducer, produces
from tests.integration.kinds import RABBIT, of
from tests.integration.private import PrivateBroker
from tests.integration.rabbit.proxy import Wire
from tests.integration.rabbit.worlds import RabbitWorld, RealWorld
from tests.integration.worlds import until

COUNT: Final = 2000

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
async def wire() -> AsyncGenerator[Wire]:
    async with Wire(RABBIT.address) as wire:
        yield wire


@pytest.fixture
async def wired(wire: Wire) -> AsyncGenerator[RealWorld]:
    """The shared RabbitMQ, whose applications are connected by a wire that may be cut."""
    async with RealWorld(RABBIT.address) as world:
        world.settings = evolve(world.settings, url=wire.url)
        yield world


@pytest.fixture
def private(private_broker: Callable[[str], PrivateBroker]) -> PrivateBroker:
    """A RabbitMQ of this run's own."""
    return private_broker("rabbit")


@pytest.fixture
def mortal(private: PrivateBroker) -> RealWorld:
    """The RabbitMQ that may be killed; nothing of the test stays connected to it."""
    return RealWorld(private.address)


class Numbers(RabbitProducer, confirm_timeout=100.0):
    """Publishes numbers, and waits as long as a server may take to come back."""

    def __init__(self, broker: RabbitBroker, address: str) -> None:
        super().__init__(broker)
        self._address = address

    @produces("unused")
    async def number(self, number: int) -> RabbitOutgoing[int]:
        return RabbitOutgoing(number, to=self._address)

    async def all(self) -> None:
        """Publish so many numbers; all are confirmed."""
        for first in range(0, COUNT, 50):
            await asyncio.gather(*(self.number(number) for number in range(first, first + 50)))


async def test_connections_cut_under_load_lose_nothing_that_was_confirmed(wired: RealWorld, wire: Wire) -> None:
    address, copies = await wired.create("load"), await wired.create("copies")
    handled: set[int] = set()

    @wired.consumes(address)
    async def number(self: Any, number: int) -> None:
        await self.broker.publish(copies, number)
        handled.add(number)

    async with wired.serving(number, concurrency=8) as served:
        publishing = asyncio.create_task(Numbers(served.broker, address).all())
        for wanted in (COUNT // 5, COUNT // 2):
            await until(lambda: len(handled) > wanted)  # noqa: B023 - awaited in the turn
            assert wire.cut() == 2
        await publishing
        await until(lambda: len(handled) == COUNT)
        await until(lambda: served.subscription.in_flight == 0)

    assert {int(one.body) for one in await wired.messages(copies)} == handled == set(range(COUNT))


async def test_a_broker_killed_under_load_loses_nothing_that_it_confirmed(
    mortal: RealWorld, private: PrivateBroker
) -> None:
    address, copies = await mortal.made("load"), await mortal.made("copies")
    handled: set[int] = set()

    @mortal.consumes(address)
    async def number(self: Any, number: int) -> None:
        await self.broker.publish(copies, number)
        handled.add(number)

    async with mortal.serving(number, concurrency=8) as served:
        publishing = asyncio.create_task(Numbers(served.broker, address).all())
        await until(lambda: len(handled) > COUNT // 4)
        await private.kill()
        assert not publishing.done()
        await private.restart()
        await publishing
        await until(lambda: len(handled) == COUNT, 60)
        await until(lambda: served.subscription.in_flight == 0)

    async with RealWorld(private.address) as after:
        assert {int(one.body) for one in await after.messages(copies)} == handled == set(range(COUNT))


async def test_a_lost_broker_is_said_once_and_what_is_published_meanwhile_waits_for_it(
    mortal: RealWorld, private: PrivateBroker, caplog: pytest.LogCaptureFixture
) -> None:
    address = await mortal.made("lost")
    handled: list[int] = []

    @mortal.consumes(address)
    async def number(self: Any, number: int) -> None:
        handled.append(number)

    caplog.set_level(logging.INFO, "faststream_oo")
    async with mortal.serving(number) as served:
        numbers = Numbers(served.broker, address)
        await numbers.number(0)
        await until(lambda: handled)
        await private.kill()
        await until(lambda: served.subscription.state == "degraded")
        held = asyncio.ensure_future(numbers.number(1))
        await private.restart()
        await held
        await until(lambda: served.subscription.state == "running" and 1 in handled)

    said = [one.getMessage() for one in caplog.records]
    assert len([line for line in said if "lost its broker, reconnecting" in line]) == 1
    assert said.count("Handlers.number is connected again") == 1
    assert len([line for line in said if "what is published waits" in line]) == 1


async def test_an_application_stops_without_its_broker_and_leaves_nothing_open(
    mortal: RealWorld, private: PrivateBroker
) -> None:
    address = await mortal.made("gone")
    handled: list[int] = []
    busy, finish = asyncio.Event(), asyncio.Event()

    @mortal.consumes(address)
    async def number(self: Any, number: int) -> None:
        busy.set()
        await finish.wait()
        handled.append(number)

    tasks, sockets = asyncio.all_tasks(), open_sockets()
    async with AsyncExitStack() as stack:
        served = await stack.enter_async_context(mortal.serving(number))
        await served.publish(address, 7)
        await busy.wait()
        await private.kill()
        finish.set()
        async with asyncio.timeout(30):
            await stack.aclose()

    assert handled == [7]
    assert asyncio.all_tasks() == tasks
    assert open_sockets() == sockets

    await private.restart()
    async with mortal.serving(number):
        await until(lambda: handled == [7, 7])  # what the broker could not be told comes again


def open_sockets() -> set[str]:
    """Return the sockets of this process; one that nobody holds any more would be told as a ResourceWarning."""
    gc.collect()
    found: set[str] = set()
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # that of the folder is closed again
            found.add(str(descriptor.readlink()))
    return {name for name in found if name.startswith("socket:")}


@of("rabbit")
async def test_a_queue_deleted_under_its_consumer_is_made_again_and_consumed_on(world: RabbitWorld) -> None:
    queue = Queue(world.name("deleted"), type="classic")
    handled: list[int] = []

    @world.consumes(queue)
    async def number(self: Any, number: int) -> None:
        handled.append(number)

    async with world.serving(number) as served:
        await served.publish(queue.name, 1)
        await until(lambda: handled == [1])
        await world.remove(queue.name)
        deadline = asyncio.get_running_loop().time() + 30
        while handled == [1]:  # until it is there again nobody takes what is published
            assert asyncio.get_running_loop().time() < deadline
            with suppress(PublishError):
                await served.publish(queue.name, 2)
            await asyncio.sleep(0.01)
        assert served.subscription.state == "running"


@of("rabbit")
async def test_what_the_server_refuses_fails_alone(world: RabbitWorld) -> None:
    """A channel is closed for one bad message, and every other that is on its way goes over the next one."""
    address = await world.create("good")
    missing = Exchange(world.name("missing"), external=True)
    handled: list[int] = []

    @world.consumes(address)
    async def number(self: Any, number: int) -> None:
        handled.append(number)

    async with world.serving(number) as served:
        publish = served.broker.publish
        results = await asyncio.gather(
            *(publish(address, number) for number in range(20)),
            publish(missing, RabbitOutgoing(99, routing_key="x", user_id="somebody else")),
            *(publish(address, number) for number in range(20, 40)),
            return_exceptions=True,
        )
        await until(lambda: set(handled) == set(range(40)))

    assert [type(result) for result in results if result is not None] == [PublishError]
