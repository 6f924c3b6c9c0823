"""A Kafka that is killed under an application: one of the tests' own."""

import asyncio
import gc
import logging
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any, Final

import pytest
from attrs import evolve

from faststream_oo.kafka import KafkaBroker, KafkaProducer, produces
from tests.integration.kafka.conftest import CLIENTS
from tests.integration.kafka.worlds import ConfluentWorld, RealWorld
from tests.integration.private import PrivateBroker
from tests.integration.worlds import until

COUNT: Final = 2000

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(params=[(RealWorld, "request_timeout_ms"), (ConfluentWorld, "message.timeout.ms")], ids=list(CLIENTS))
def world(private_kafka: PrivateBroker, request: pytest.FixtureRequest) -> RealWorld:
    """The Kafka that may be killed, by either client; nothing of the test stays connected to it."""
    kind, waits = request.param
    world: RealWorld = kind(private_kafka.address)
    # A busy machine may take longer to start a broker than a batch waits by default.
    world.settings = evolve(world.settings, config={waits: 100_000})
    return world


def numbers_to(address: str, broker: KafkaBroker) -> Callable[[int], Awaitable[int]]:
    """Return what publishes a number there, and waits as long as a broker may take to come back."""

    class Numbers(KafkaProducer, confirm_timeout=100.0):
        @produces(address)
        async def number(self, number: int) -> int:
            return number

    return Numbers(broker).number


async def test_a_broker_killed_under_load_loses_nothing_that_it_confirmed(
    world: RealWorld, private_kafka: PrivateBroker
) -> None:
    address, copies = await world.create("load", 3), await world.create("copies")
    handled: set[int] = set()

    @world.consumes(address)
    async def number(self: Any, number: int) -> None:
        await self.broker.publish(copies, number)
        handled.add(number)

    async with world.serving(number, concurrency=8) as served:
        publishing = asyncio.create_task(publish_all(numbers_to(address, served.broker)))
        await until(lambda: len(handled) > COUNT // 4)
        await private_kafka.kill()
        assert not publishing.done()
        await private_kafka.restart()
        await publishing
        await until(lambda: len(handled) == COUNT)

    assert {int(one.body or b"") for one in await world.read(copies)} == handled == set(range(COUNT))


async def publish_all(publish: Callable[[int], Awaitable[int]]) -> None:
    """Publish so many numbers; all are confirmed."""
    for first in range(0, COUNT, 50):
        await asyncio.gather(*(publish(number) for number in range(first, first + 50)))


async def test_a_lost_broker_is_said_once_and_what_is_published_meanwhile_waits_for_it(
    world: RealWorld, private_kafka: PrivateBroker, caplog: pytest.LogCaptureFixture
) -> None:
    address = await world.create("lost")
    handled: list[int] = []

    @world.consumes(address)
    async def number(self: Any, number: int) -> None:
        handled.append(number)

    caplog.set_level(logging.INFO, "faststream_oo")
    async with world.serving(number) as served:
        publish = numbers_to(address, served.broker)
        await publish(0)
        await until(lambda: handled)
        await private_kafka.kill()
        await until(lambda: served.subscription.state == "degraded")
        held = asyncio.ensure_future(publish(1))
        await private_kafka.restart()
        await held
        await until(lambda: served.subscription.state == "running" and 1 in handled)

    said = [one.getMessage() for one in caplog.records]
    assert len([line for line in said if "lost its broker, reconnecting" in line]) == 1
    assert said.count("Handlers.number is connected again") == 1


async def test_an_application_stops_without_its_broker_and_leaves_nothing_open(
    world: RealWorld, private_kafka: PrivateBroker, caplog: pytest.LogCaptureFixture
) -> None:
    address = await world.create("gone")
    handled: list[int] = []
    busy, finish = asyncio.Event(), asyncio.Event()

    @world.consumes(address)
    async def number(self: Any, number: int) -> None:
        busy.set()
        await finish.wait()
        handled.append(number)

    tasks, sockets = asyncio.all_tasks(), open_sockets()
    async with AsyncExitStack() as stack:
        served = await stack.enter_async_context(world.serving(number, **world.impatient))
        await served.publish(address, 7)
        await busy.wait()
        await private_kafka.kill()
        finish.set()
        async with asyncio.timeout(30):
            await stack.aclose()

    assert handled == [7]
    assert [one.getMessage() for one in caplog.records if "did not reach the broker" in one.getMessage()]
    assert asyncio.all_tasks() == tasks
    assert open_sockets() == sockets

    await private_kafka.restart()
    async with world.serving(number, **world.impatient):
        await until(lambda: handled == [7, 7])  # what the broker could not be told comes again


def open_sockets() -> set[str]:
    """Return the sockets of this process; one that nobody holds any more would be told as a ResourceWarning."""
    gc.collect()
    found: set[str] = set()
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # that of the folder is closed again
            found.add(str(descriptor.readlink()))
    return {name for name in found if name.startswith("socket:")}
