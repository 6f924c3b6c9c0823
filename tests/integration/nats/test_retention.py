"""What streams capture, keep and refuse, as an application meets it: the same embedded and real."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import pytest

from faststream_oo import Application
from faststream_oo.errors import PublishError, TransportError
from faststream_oo.nats import (
    JetStream,
    NatsBroker,
    NatsConsumer,
    NatsMessage,
    NatsOutgoing,
    Pull,
    Push,
    Subject,
    consumes,
)
from faststream_oo.transport import Frame
from tests.integration.kinds import of
from tests.integration.nats.worlds import StreamWorld
from tests.integration.worlds import until

pytestmark = of("nats-stream")


def taking(subject: Subject, into: list[int], **options: Any) -> type[NatsConsumer]:
    class Taking(NatsConsumer, **options):
        @consumes(subject)
        async def take(self, number: int) -> None:
            into.append(number)

    return Taking


async def stored_until(world: StreamWorld, stream: JetStream, bodies: list[bytes]) -> None:
    """Return when a stream holds these messages of the subject of its name."""
    async with asyncio.timeout(20):
        while [one.data for one in await world.stored(stream.name, stream.name)] != bodies:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_a_stream_stores_what_core_nats_publishes_and_core_nats_hears_what_it_stores(world: StreamWorld) -> None:
    name = world.name("captured")
    stream = JetStream(name, subjects=[name])
    stored: list[int] = []
    heard: list[int] = []
    with world.below():
        broker = NatsBroker(world.settings)
        consumers = [
            taking(Subject(name, stream=stream), stored, group=world.group)(broker, name="Stored"),
            taking(Subject(name), heard)(broker, name="Heard"),
        ]
        async with Application(consumers=consumers):
            await broker.publish(Subject(name), 1)
            await broker.publish(Subject(name, stream=stream), 2)
            await until(lambda: len(stored) == len(heard) == 2)
    assert stored == heard == [1, 2]


@pytest.mark.parametrize("answer", [b"", b"ok", b'{"ok":true}'])
async def test_who_answers_all_that_is_said_confirms_nothing(world: StreamWorld, answer: bytes) -> None:
    name = world.name("answered")
    elsewhere = Subject(f"{name}.elsewhere", stream=JetStream(name, subjects=[name]))
    answered: list[int] = []

    class Answering(NatsConsumer):
        @consumes(Subject(elsewhere.name))
        async def take(self, number: int, message: NatsMessage) -> None:
            raw: Any = message.raw
            reply: str = raw.reply  # where any other client may answer, too
            if reply:
                await broker.publish(Subject(reply), answer)
            answered.append(number)

    with world.below():
        broker = NatsBroker(world.settings)
        async with Application(consumers=[Answering(broker)]):
            frame = Frame(b"1", {"fsoo-id": "id"})
            frame.receipt = False  # then a confirmation is not read further
            confirmed = broker.transport.sender(elsewhere).send(frame)
            assert isinstance(confirmed, asyncio.Future)
            await until(lambda: answered)
            await broker.publish(Subject(elsewhere.name), 2)  # what comes back behind the answer
            await until(lambda: answered == [1, 2])
            assert not confirmed.done() or isinstance(confirmed.exception(), PublishError)
            confirmed.cancel()


async def test_a_stream_stores_no_more_tokens_than_its_subjects_have(world: StreamWorld) -> None:
    name = world.name("tokens")
    stream = JetStream(name, subjects=[f"{name}.*"])
    with world.below():
        async with NatsBroker(world.settings) as broker:
            await broker.publish(Subject(f"{name}.x", stream=stream), 1)
            longer = Subject(f"{name}.x.y", stream=stream)
            with pytest.raises(PublishError, match=f'stream "{name}" does not store "{name}.x.y"'):
                await broker.publish(longer, 2)
            confirmed = broker.transport.sender(longer).send(Frame(b"2", {"fsoo-id": "id"}))
            assert confirmed is not None
            with pytest.raises(PublishError, match=f'no stream stores "{name}.x.y"'):
                await confirmed
    assert len(await world.stored(name, f"{name}.x")) == 1


async def test_interest_keeps_a_message_until_every_group_is_done_with_it(world: StreamWorld) -> None:
    name = world.name("interest")
    stream = JetStream(name, subjects=[name], retention="interest")
    address, go = Subject(name, stream=stream), asyncio.Event()
    seen: list[tuple[int, int | None]] = []

    class Quick(NatsConsumer, group=world.group):
        @consumes(address)
        async def take(self, number: int, message: NatsMessage) -> None:
            seen.append((number, message.sequence))

    class Slow(NatsConsumer, group=f"slow-{world.group}"):
        @consumes(address)
        async def take(self, number: int) -> None:
            await go.wait()

    with world.below():
        broker = NatsBroker(world.settings)
        async with broker:
            await broker.declare(stream)
            await broker.publish(address, 0)  # nobody is interested
            await stored_until(world, stream, [])
        async with Application(consumers=[Quick(broker), Slow(broker)]):
            await broker.publish(address, 1)
            await until(lambda: seen)
            await broker.ping()
            await stored_until(world, stream, [b"1"])
            go.set()
            await stored_until(world, stream, [])
    assert seen == [(1, 2)]  # what was not kept is counted


async def test_a_work_queue_has_one_group_for_each_subject(world: StreamWorld) -> None:
    name = world.name("work")
    address = Subject(name, stream=JetStream(name, subjects=[name], retention="workqueue"))
    with world.below():
        first = taking(address, [], group=world.group)(NatsBroker(world.settings))
        second = taking(address, [], group=f"other-{world.group}")(NatsBroker(world.settings))
        async with Application(consumers=[first]):
            with pytest.raises(TransportError, match="filtered consumer not unique on workqueue stream"):
                await Application(consumers=[second]).__aenter__()


@pytest.mark.parametrize(
    ("limit", "kept"), [({"max_messages": 2}, [b"1", b"2"]), ({"max_age": 0.3}, [])], ids=["messages", "age"]
)
async def test_a_stream_forgets_what_is_beyond_its_limits(
    world: StreamWorld, limit: dict[str, Any], kept: list[bytes]
) -> None:
    name = world.name("limits")
    stream = JetStream(name, subjects=[name], **limit)
    with world.below():
        async with NatsBroker(world.settings) as broker:
            await broker.declare(stream)
            for number in range(3):
                await broker.publish(Subject(name, stream=stream), number)
            await stored_until(world, stream, kept)


async def test_a_stream_that_is_full_of_bytes_refuses(world: StreamWorld) -> None:
    name = world.name("bytes")
    address = Subject(name, stream=JetStream(name, subjects=[name], max_bytes=3000, discard="new"))
    with world.below():
        async with NatsBroker(world.settings) as broker:
            for _ in range(2):
                await broker.publish(address, b"x" * 1000)
            with pytest.raises(PublishError, match=r"maximum bytes exceeded \(10077\)"):
                await broker.publish(address, b"x" * 1000)


@pytest.mark.parametrize(("storage", "around"), [("file", 30), ("memory", 16)])
@pytest.mark.parametrize(("missing", "kept"), [(0, 2), (1, 1)])
async def test_the_bytes_of_a_message_are_its_body_its_subject_and_what_is_around_them(
    world: StreamWorld, storage: Any, around: int, missing: int, kept: int
) -> None:
    name = world.name("counted")
    most = 2 * (around + len(name) + 10) - missing
    with world.below():
        async with NatsBroker(world.settings) as broker:
            await broker.declare(JetStream(name, subjects=[name], storage=storage, max_bytes=most))
    for _ in range(3):
        await world.put(name, b"x" * 10)
    assert len(await world.stored(name, name)) == kept


async def test_headers_count_towards_the_largest_message_of_a_stream(world: StreamWorld) -> None:
    name = world.name("headed")
    address = Subject(name, stream=JetStream(name, subjects=[name], max_message_size=200))
    with world.below():
        async with NatsBroker(world.settings) as broker:
            await broker.publish(address, b"x")
            with pytest.raises(PublishError, match=r"message size exceeds maximum allowed \(10054\)"):
                await broker.publish(address, NatsOutgoing(b"x", headers={"h": "y" * 200}))


async def test_what_core_nats_publishes_to_a_full_stream_is_dropped_and_nobody_told(world: StreamWorld) -> None:
    name = world.name("silent")
    stream = JetStream(name, subjects=[name], max_messages=1, discard="new")
    with world.below():
        async with NatsBroker(world.settings) as broker:
            await broker.publish(Subject(name, stream=stream), 1)
            await broker.publish(Subject(name), 2)
            await broker.ping()
            with pytest.raises(PublishError, match="maximum messages exceeded"):
                await broker.publish(Subject(name, stream=stream), 3)
            await stored_until(world, stream, [b"1"])


async def test_a_message_larger_than_its_stream_takes_is_refused(world: StreamWorld) -> None:
    name = world.name("small")
    stream = JetStream(name, subjects=[name], max_message_size=3)
    with world.below():
        async with NatsBroker(world.settings) as broker:
            await broker.declare(stream)
            with pytest.raises(PublishError, match=r"message size exceeds maximum allowed \(10054\)"):
                await broker.publish(Subject(name, stream=stream), 1234)


@pytest.mark.parametrize("tail", ["x", ">"])
async def test_two_streams_do_not_store_one_subject(world: StreamWorld, tail: str) -> None:
    name = world.name("one")
    with world.below():
        async with NatsBroker(world.settings) as broker:
            await broker.declare(JetStream(name, subjects=[f"{name}.>"]))
            with pytest.raises(TransportError, match=r"subjects overlap with an existing stream \(10065\)"):
                await broker.declare(JetStream(world.name("other"), subjects=[f"{name}.{tail}"]))


@pytest.mark.parametrize("via", [Pull(max_ack_pending=3), Push(max_ack_pending=3)])
async def test_no_more_is_delivered_to_all_workers_than_may_be_unsettled(world: StreamWorld, via: Pull | Push) -> None:
    name = world.name("pending")
    address, go = Subject(name, stream=JetStream(name, subjects=[name])), asyncio.Event()
    seen: list[int] = []

    class Slow(NatsConsumer, group=world.group, concurrency=3, via=via):
        @consumes(address)
        async def take(self, number: int) -> None:
            seen.append(number)
            await go.wait()

    with world.below():
        brokers = [NatsBroker(world.settings) for _ in range(2)]
        async with AsyncExitStack() as stack:
            for broker in brokers:
                await stack.enter_async_context(Application(consumers=[Slow(broker)]))
            for number in range(8):
                await brokers[0].publish(address, number)
            await until(lambda: len(seen) == 3)
            # What is read later than this was delivered later: the server has answered a question meanwhile.
            await brokers[0].ping()
            assert len(seen) == 3
            go.set()
            await until(lambda: len(seen) == 8)
    assert sorted(seen) == list(range(8))
