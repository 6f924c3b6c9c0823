"""A broker that goes away under an application, on every one that promises at least once."""

import asyncio
import gc
import logging
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any, Final

import pytest

from tests.integration.kinds import Mortal, mortal
from tests.integration.worlds import until

COUNT: Final = 2000

pytestmark = [mortal, pytest.mark.timeout(180)]


async def test_a_broker_killed_under_load_loses_nothing_that_it_confirmed(mortal: Mortal) -> None:
    world = mortal.world()
    address, copies = await world.made("load"), await world.made("copies")
    handled: set[int] = set()

    @world.consumes(address)
    async def number(self: Any, number: int) -> None:
        await self.broker.publish(copies, number)
        handled.add(number)

    async with world.serving(number, concurrency=8, **world.impatient) as served:
        publishing = asyncio.create_task(publish_all(world.publisher(served.broker, address)))
        await until(lambda: len(handled) > COUNT // 4)
        await mortal.kill()
        assert not publishing.done()
        await mortal.restart()
        await publishing
        await until(lambda: len(handled) == COUNT, 60)
        await until(lambda: served.subscription.in_flight == 0)

    async with mortal.world() as after:
        assert {int(one.body or b"") for one in await after.read(copies)} == handled == set(range(COUNT))


async def publish_all(publish: Callable[[object], Awaitable[object]]) -> None:
    """Publish so many numbers; all are confirmed."""
    for first in range(0, COUNT, 50):
        await asyncio.gather(*(publish(number) for number in range(first, first + 50)))


async def test_a_lost_broker_is_said_once_and_what_is_published_meanwhile_waits_for_it(
    mortal: Mortal, caplog: pytest.LogCaptureFixture
) -> None:
    world = mortal.world()
    address = await world.made("lost")
    handled: list[int] = []

    @world.consumes(address)
    async def number(self: Any, number: int) -> None:
        handled.append(number)

    caplog.set_level(logging.INFO, "faststream_oo")
    async with world.serving(number, **world.impatient) as served:
        publish = world.publisher(served.broker, address)
        await publish(0)
        await until(lambda: handled)
        await mortal.kill()
        await until(lambda: served.subscription.state == "degraded")
        held = asyncio.ensure_future(publish(1))
        await mortal.restart()
        await held
        await until(lambda: served.subscription.state == "running" and 1 in handled, 60)

    said = [one.getMessage() for one in caplog.records]
    assert len([line for line in said if "lost its broker, reconnecting" in line]) == 1
    assert said.count("Handlers.number is connected again") == 1


async def test_an_application_stops_without_its_broker_and_leaves_nothing_open(mortal: Mortal) -> None:
    world = mortal.world()
    address = await world.made("gone")
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
        await mortal.kill()
        finish.set()
        async with asyncio.timeout(30):
            await stack.aclose()

    assert handled == [7]
    await until(lambda: asyncio.all_tasks() <= tasks)  # a client's task may be cancelled and not have ended yet
    assert open_sockets() <= sockets

    await mortal.restart()
    async with world.serving(number, **world.impatient):
        await until(lambda: handled == [7, 7], 60)  # what the broker could not be told comes again


def open_sockets() -> set[str]:
    """Return the sockets of this process; one that nobody holds any more would be told as a ResourceWarning."""
    gc.collect()
    found: set[str] = set()
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # that of the folder is closed again
            found.add(str(descriptor.readlink()))
    return {name for name in found if name.startswith("socket:")}
