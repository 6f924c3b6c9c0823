"""What operators do to streams and consumers, and what an application finds of them: the same embedded and real."""

import asyncio
from typing import Any

import pytest

from faststream_oo import Application
from faststream_oo.errors import PublishError, SetupError, TransportError
from faststream_oo.nats import JetStream, Pull, Push, Subject, consumes
from tests.integration.kinds import of
from tests.integration.nats.test_streams import collecting, until_async
from tests.integration.nats.worlds import EmbeddedStreamWorld, StreamWorld, stored, strict
from tests.integration.worlds import until

pytestmark = of("nats-stream")


async def test_a_stream_that_was_deleted_is_made_again(world: StreamWorld) -> None:
    address = await world.create("stream")
    seen: list[int] = []

    async with world.serving(collecting(address, seen), via=Pull(heartbeat=0.5)) as served:
        await served.publish(address, 0)
        await until(lambda: seen)
        await world.remove(address)
        await until_async(lambda: published(served, address))
        await until(lambda: 1 in seen)


@pytest.mark.parametrize("via", [Pull(heartbeat=0.5), Push(heartbeat=0.5)])
async def test_a_consumer_that_was_deleted_is_made_again(
    world: StreamWorld, via: Pull | Push, caplog: pytest.LogCaptureFixture
) -> None:
    address = await world.create("deleted")
    seen: list[int] = []

    async with world.serving(collecting(address, seen), via=via) as served:
        await served.publish(address, 0)
        await until(lambda: seen)
        await world.remove(address, world.group)
        await served.publish(address, 1)
        await until(lambda: 1 in seen)

    assert any(f'consumer "{world.group}" of stream "{address}" is gone' in one.getMessage() for one in caplog.records)


async def test_a_consumer_that_was_deleted_stops_an_application_that_may_not_make_it(world: StreamWorld) -> None:
    address = await world.create("verify")
    async with world.serving(collecting(address, [])):
        pass  # makes it
    with world.below():
        broker = world.broker_of(topology="verify")
        consumer = world.consumer_of(broker, collecting(address, []), via=Pull(heartbeat=0.5))
        async with Application(consumers=[consumer], brokers=[broker]):
            (subscription,) = broker.running
            await world.remove(address, world.group)
            await until(lambda: subscription.state == "failed")


async def test_what_is_missing_ends_the_start_of_an_application_that_may_not_make_it(world: StreamWorld) -> None:
    world = strict(world)
    address = world.name("missing")

    async def start() -> None:
        with world.below():
            broker = world.broker_of(topology="verify")
            consumer = world.consumer_of(broker, collecting(address, []))
            async with Application(consumers=[consumer], brokers=[broker]):
                raise AssertionError("it has begun")

    with pytest.raises(SetupError, match=f'stream "{address}" does not exist. Hint: make it, or nats.topology: create'):
        await start()
    async with world.serving(collecting(address, [])):
        pass  # makes it
    await world.remove(address, world.group)
    with pytest.raises(TransportError, match=f'consumer "{world.group}" of stream "{address}" does not exist'):
        await start()


async def test_a_stream_that_is_missing_is_told_where_it_is_looked_for_and_not_where_it_is_deleted(
    world: StreamWorld,
) -> None:
    name = world.name("nowhere")
    async with strict(world).serving() as served:
        transport = served.broker.transport
        assert await transport.declare([JetStream(name)], "verify") == [f'stream "{name}" does not exist']
        await transport.delete_stream(name)


@pytest.mark.parametrize("part", ["", ".*"])
async def test_an_application_that_may_not_make_it_wants_the_stream_of_its_letters(
    world: StreamWorld, part: str
) -> None:
    world = strict(world)
    address = await world.create("letters")

    @consumes(Subject(f"{address}{part}", stream=address))
    async def take(self: Any, number: int) -> None: ...

    async with world.serving(take):
        pass  # makes it
    await world.remove(f"DLQ_{address}")
    with world.below():
        broker = world.broker_of(topology="verify")
        with pytest.raises(SetupError, match=f'stream "DLQ_{address}" does not exist'):
            async with Application(consumers=[world.consumer_of(broker, take)], brokers=[broker]):
                pass


async def test_a_durable_that_reads_something_else_is_refused(world: StreamWorld) -> None:
    address = await world.create("other")
    async with world.serving(collecting(address, [])):
        pass

    @consumes(Subject(f"{address}.b", stream=address))
    async def take(self: Any, number: int) -> None: ...

    with pytest.raises(TransportError, match=f"it reads {address}, not {address}.b"):
        async with world.serving(take):
            pass


async def test_a_durable_that_is_there_goes_on_where_it_stands(world: StreamWorld) -> None:
    address = await world.create("on")
    seen: list[int] = []
    for number in range(2):
        async with world.serving(collecting(address, seen), start="latest" if number else "earliest"):
            await world.put(address, str(number).encode())
            await until(lambda: len(seen) == number + 1)  # noqa: B023 - awaited in the turn
    await world.put(address, b"2")
    async with world.serving(collecting(address, seen), start="latest"):
        await until(lambda: len(seen) == 3)

    assert seen == [0, 1, 2]


async def test_what_ends_after_its_consumer_was_deleted_is_said(
    world: StreamWorld, caplog: pytest.LogCaptureFixture
) -> None:
    address = await world.create("unheard")
    seen: list[int] = []
    go = asyncio.Event()

    @consumes(stored(address))
    async def slow(self: Any, number: int) -> None:
        seen.append(number)
        await go.wait()

    async with world.serving(slow, via=Pull(heartbeat=0.5), prefetch=10) as served:
        await served.publish(address, 0)
        await until(lambda: seen)
        await world.remove(address, world.group)
        await until(lambda: any("is gone:" in one.getMessage() for one in caplog.records))
        go.set()
        await until(lambda: len(seen) == 2)  # it came again

    assert any("settled nowhere, and may come again" in one.getMessage() for one in caplog.records)


async def test_a_durable_with_other_options_stays_and_says_so(
    world: StreamWorld, caplog: pytest.LogCaptureFixture
) -> None:
    address = await world.create("stays")
    async with world.serving(collecting(address, []), via=Pull(ack_wait=7.0)):
        pass
    async with world.serving(collecting(address, [])):
        pass

    assert any("stays as it is: ack_wait is 7.0, not 30.0" in one.getMessage() for one in caplog.records)


async def test_an_external_stream_is_never_made(world: StreamWorld) -> None:
    name = world.name("FOREIGN")
    async with world.serving() as served:
        if isinstance(world, EmbeddedStreamWorld):  # in a world of tests everything external exists
            await served.broker.declare(JetStream(name, subjects=[name], external=True))
            return
        with pytest.raises(TransportError, match=f'stream "{name}" does not exist'):
            await served.broker.declare(JetStream(name, subjects=[name], external=True))


async def published(served: Any, address: str) -> bool:
    try:
        await served.publish(address, 1)
    except PublishError:
        return False
    return True
