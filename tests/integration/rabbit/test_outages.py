"""A RabbitMQ that goes away: its wire is cut, its queue is deleted, a channel is closed."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any

import pytest
from aiormq.abc import AbstractChannel
from attrs import evolve

from faststream_oo.errors import PublishError
from faststream_oo.rabbit import Exchange, Queue, RabbitMessage, RabbitOutgoing
from faststream_oo.rabbit.transports.aio_pika.link import Link
from faststream_oo.rabbit.transports.memory.consuming import MemorySeat
from tests.integration.kinds import RABBIT, of
from tests.integration.rabbit.proxy import Wire
from tests.integration.rabbit.worlds import EmbeddedWorld, RabbitWorld, RealWorld
from tests.integration.test_outages import COUNT, publish_all
from tests.integration.worlds import until

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


async def test_connections_cut_under_load_lose_nothing_that_was_confirmed(wired: RealWorld, wire: Wire) -> None:
    address, copies = await wired.create("load"), await wired.create("copies")
    handled: set[int] = set()

    @wired.consumes(address)
    async def number(self: Any, number: int) -> None:
        await self.broker.publish(copies, number)
        handled.add(number)

    async with wired.serving(number, concurrency=8) as served:
        publishing = asyncio.create_task(publish_all(wired.publisher(served.broker, address)))
        for wanted in (COUNT // 5, COUNT // 2):
            await until(lambda: len(handled) > wanted)  # noqa: B023 - awaited in the turn
            assert wire.cut() == 2
        await publishing
        await until(lambda: len(handled) == COUNT)
        await until(lambda: served.subscription.in_flight == 0)

    assert {int(one.body) for one in await wired.messages(copies)} == handled == set(range(COUNT))


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
        await until(lambda: served.subscription.state == "running")


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


@pytest.fixture
def channels(monkeypatch: pytest.MonkeyPatch) -> list[AbstractChannel]:
    """The channels that applications open to a real RabbitMQ to consume."""
    found: list[AbstractChannel] = []
    channel = Link.channel

    async def noted(link: Link, *, confirms: bool = False, buffer: int = 0) -> AbstractChannel:
        made = await channel(link, confirms=confirms, buffer=buffer)
        if buffer:
            found.append(made)
        return made

    monkeypatch.setattr(Link, "channel", noted)
    return found


async def close_channel(world: RabbitWorld, channels: list[AbstractChannel]) -> None:
    """Let the server close the channel that is consumed on; its connection stays."""
    if isinstance(world, EmbeddedWorld):
        (seat,) = [client for client in world.server.clients if isinstance(client, MemorySeat)]
        seat.lost()
    else:
        await channels[-1].basic_ack(1_000_000, wait=False)


@of("rabbit")
async def test_what_was_held_on_a_channel_that_the_server_closes_comes_again_on_another(
    world: RabbitWorld, channels: list[AbstractChannel], caplog: pytest.LogCaptureFixture
) -> None:
    address = await world.create("closed")
    begun: list[int] = []
    ended: list[tuple[int, bool]] = []
    gate = asyncio.Event()

    @world.consumes(address)
    async def number(self: Any, number: int, message: RabbitMessage) -> None:
        begun.append(number)
        if number:
            await gate.wait()
        ended.append((number, message.redelivered))

    caplog.set_level(logging.INFO, "faststream_oo")
    async with world.serving(number, prefetch=3, concurrency=3) as served:
        for one in range(10):
            await served.publish(address, one)
        await until(lambda: begun == [0, 1, 2, 3])
        await until(lambda: served.subscription.in_flight == 3)
        await close_channel(world, channels)
        await until(lambda: "Handlers.number is connected again" in caplog.messages)
        assert served.subscription.state == "running"

        gate.set()
        await until(lambda: {one for one, _ in ended} == set(range(10)))
        await until(lambda: served.subscription.in_flight == 0)
        await served.publish(address, 10)
        await until(lambda: (10, False) in ended)

    assert sorted(one for one, again in ended if again) == [1, 2, 3]
    assert sorted(one for one, again in ended if not again) == list(range(11))
    assert await world.messages(address) == []
    lost = [message for message in caplog.messages if "lost its broker, reconnecting" in message]
    assert len(lost) == 1
    if channels:
        assert "PRECONDITION_FAILED - unknown delivery tag 1000000" in lost[0]
        first, second = channels
        assert first.connection is second.connection
