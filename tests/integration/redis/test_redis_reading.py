"""Reading without a consumer: streams with a group and without, lists and channels."""

from collections.abc import AsyncGenerator

import pytest

from faststream_oo import Ack, DeadLetter
from faststream_oo.redis import Channel, List, RedisBroker
from tests.integration.kinds import of
from tests.integration.redis.worlds import RedisWorld

pytestmark = of("redis-stream")


@pytest.fixture
async def broker(world: RedisWorld) -> AsyncGenerator[RedisBroker]:
    """One to read with."""
    with world.below():
        async with world.broker() as broker:
            yield broker


async def test_without_a_group_a_stream_is_read_from_where_is_said(world: RedisWorld, broker: RedisBroker) -> None:
    stream = await world.create("stream")
    await world.put(stream, b"1")

    async with broker.reader(stream, int) as late, broker.reader(stream, int, start="earliest") as early:
        await world.put(stream, b"2")
        found = [[message.value for _ in range(2) if (message := await one.get(1.0))] for one in (early, late)]

    assert found == [[1, 2], [2]]
    assert await world.call("XINFO", "GROUPS", stream) == []


async def test_a_group_remembers_what_was_settled_and_gives_the_rest_to_the_next_reader(
    world: RedisWorld, broker: RedisBroker
) -> None:
    stream = await world.create("stream")
    for number in range(4):
        await world.put(stream, b"%d" % number)

    async with broker.reader(stream, int, group=world.group, start="earliest") as reader:
        first, second = await reader.get(), await reader.get()
        assert first is not None
        assert second is not None
        await first.settle(Ack())
        await second.settle(DeadLetter("not wanted"))
    async with broker.reader(stream, int, group=world.group) as reader:
        rest = [message.value for _ in range(2) if (message := await reader.get(10.0))]

    assert sorted(rest) == [2, 3]
    (letter,) = await world.read(world.letters(stream))
    assert (letter.body, letter.texts["fsoo-dl-reason"]) == (b"1", "not wanted")


async def test_what_is_not_settled_of_a_list_is_there_again(world: RedisWorld, broker: RedisBroker) -> None:
    items = List(await world.create("list"))
    await broker.publish(items, 1)
    await broker.publish(items, 2)

    async with broker.reader(items, int) as reader:
        message = await reader.get()
        assert message is not None
        await message.settle(Ack())

    assert await world.call("LLEN", items.name) == 1


async def test_a_channel_is_heard_while_the_reader_is_open(world: RedisWorld, broker: RedisBroker) -> None:
    name = await world.create("channel")

    async with broker.reader(Channel(f"{name}.{{part}}"), int) as reader:
        await broker.publish(Channel(f"{name}.a"), 1)
        message = await reader.get()

    assert message is not None
    assert (message.value, message.path, message.address) == (1, {"part": "a"}, f"{name}.a")
