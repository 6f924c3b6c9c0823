"""In which order a queue hands out, what comes back and where, and who gets what; the same on a real RabbitMQ and its twin."""

from contextlib import AsyncExitStack
from typing import Any

import pytest

from faststream_oo import RetryPolicy
from faststream_oo.rabbit import Queue, RabbitBroker, RabbitMessage, RabbitOutgoing
from tests.integration.kinds import of
from tests.integration.rabbit.holding import holding
from tests.integration.rabbit.queues import bodies, classic, lag, opened
from tests.integration.rabbit.worlds import RabbitWorld
from tests.integration.worlds import until

pytestmark = of("rabbit")


async def fill(broker: RabbitBroker, queue: Queue, count: int) -> None:
    await broker.declare(queue)
    for number in range(count):
        await broker.publish(queue, number)


# Coming back ----------------------------------------------------------------------------------------------------------


async def test_what_is_given_back_to_a_classic_queue_takes_its_old_place(world: RabbitWorld) -> None:
    queue = classic(world, "back")
    async with opened(world) as broker:
        await fill(broker, queue, 5)
        async with holding(broker, queue, 3) as first:
            assert await first.holds(3) == ["0", "1", "2"]
            await first.source.pause()
            await first.give_back(1, 0)
            await first.ack(2)
            async with holding(broker, queue, 10) as second:
                assert await second.holds(4) == ["0r", "1r", "3", "4"]


async def test_what_is_given_back_comes_after_what_the_consumer_holds(world: RabbitWorld) -> None:
    queue = classic(world, "after")
    async with opened(world) as broker:
        await fill(broker, queue, 5)
        async with holding(broker, queue, 3) as consumer:
            await consumer.holds(3)
            await consumer.give_back(0)
            await consumer.holds(4)
            await consumer.ack(1, 2, 3)
            assert await consumer.holds(6) == ["0", "1", "2", "0r", "3", "4"]


async def test_what_is_held_goes_back_in_order_when_its_channel_closes(world: RabbitWorld) -> None:
    queue = classic(world, "closed")
    async with opened(world) as broker:
        await fill(broker, queue, 3)
        async with holding(broker, queue, 2) as first:
            assert await first.holds(2) == ["0", "1"]
        async with holding(broker, queue, 10) as second:
            assert await second.holds(3) == ["0r", "1r", "2"]


async def test_a_limited_quorum_queue_counts_what_comes_back_first_and_gives_it_up(world: RabbitWorld) -> None:
    letters = Queue(world.name("letters"))
    arguments: dict[str, str | int] = {
        "x-delivery-limit": 2, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": letters.name,
    }  # fmt: skip
    queue = Queue(world.name("limited"), arguments=arguments)
    async with opened(world) as broker:
        await broker.declare(letters)
        await fill(broker, queue, 2)
        async with holding(broker, queue, 1) as consumer:
            for turn in range(3):
                await consumer.holds(turn + 1)
                await consumer.give_back(turn)
            assert await consumer.holds(4) == ["0", "0r", "0r", "1"]
        async with holding(broker, letters, 1) as reader:
            assert await reader.holds(1) == ["0"]

    counted = [_headers(one).get("x-delivery-count", 0) for one in consumer.messages]
    (letter,) = [_headers(one) for one in reader.messages]
    assert counted == [0, 1, 2, 0]
    assert [(one["reason"], one["queue"], one["count"]) for one in letter["x-death"]] == [
        ("delivery_limit", queue.name, 1)
    ]
    assert letter.get("x-delivery-count", 0) == 0


async def test_what_is_given_back_to_an_unlimited_quorum_queue_goes_to_its_end(world: RabbitWorld) -> None:
    """From RabbitMQ 4.0 on every one has a limit, and it comes first there."""
    queue = Queue(world.name("unlimited"))
    async with opened(world) as broker:
        await fill(broker, queue, 3)
        async with holding(broker, queue, 2) as consumer:
            await consumer.holds(2)
            await consumer.give_back(0)
            await consumer.holds(3)
            await consumer.ack(1, 2)
            back = ["0r", "2"] if world.limits_every_quorum_queue else ["2", "0r"]
            assert await consumer.holds(4) == ["0", "1", *back]


async def test_what_is_held_of_a_quorum_queue_goes_back_to_its_front_when_its_channel_closes(
    world: RabbitWorld,
) -> None:
    queue = Queue(world.name("front"))
    async with opened(world) as broker:
        await fill(broker, queue, 3)
        async with holding(broker, queue, 2) as first:
            await first.holds(2)
        async with holding(broker, queue, 10) as second:
            assert await second.holds(3) == ["0r", "1r", "2"]

    assert [_headers(one).get("x-delivery-count", 0) for one in second.messages] == [1, 1, 0]


def _headers(message: Any) -> dict[str, Any]:
    return message.raw.header.properties.headers or {}


# Settling -------------------------------------------------------------------------------------------------------------


async def test_what_a_cancelled_consumer_holds_stays_held_and_can_be_settled(world: RabbitWorld) -> None:
    queue = classic(world, "cancelled")
    async with opened(world) as broker:
        await fill(broker, queue, 2)
        async with holding(broker, queue, 1) as consumer:
            await consumer.holds(1)
            await consumer.source.pause()
            assert await lag(broker, queue) == 1
            await consumer.ack(0)
        assert await bodies(world, queue) == ["1"]


async def test_several_are_acknowledged_by_the_last_of_them(world: RabbitWorld) -> None:
    queue = classic(world, "several")
    async with opened(world) as broker:
        await fill(broker, queue, 3)
        async with holding(broker, queue, 3) as consumer:
            await consumer.holds(3)
            await consumer.ack(1, 0)
        assert await bodies(world, queue) == ["2"]


async def test_what_is_held_does_not_count_as_waiting(world: RabbitWorld) -> None:
    queue = classic(world, "waiting")
    async with opened(world) as broker:
        await fill(broker, queue, 3)
        async with holding(broker, queue, 1) as consumer:
            await consumer.holds(1)
            assert await lag(broker, queue) == 2


# Sharing --------------------------------------------------------------------------------------------------------------


async def test_a_consumer_without_room_leaves_the_rest_to_the_next(world: RabbitWorld) -> None:
    queue = classic(world, "rest")
    async with opened(world) as broker:
        await fill(broker, queue, 5)
        async with holding(broker, queue, 2) as first:
            await first.holds(2)
            async with holding(broker, queue, 100) as second:
                assert await second.holds(3) == ["2", "3", "4"]
                assert first.seen == ["0", "1"]


@pytest.mark.parametrize("prefetch", [1, 10])
async def test_consumers_with_room_take_turns(world: RabbitWorld, prefetch: int) -> None:
    queue = classic(world, "turns")
    async with opened(world) as broker, AsyncExitStack() as stack:
        await broker.declare(queue)
        consumers = [await stack.enter_async_context(holding(broker, queue, prefetch)) for _ in range(3)]
        for number in range(9):
            await broker.publish(queue, number)
            consumer = consumers[number % 3]
            await consumer.holds(number // 3 + 1)
            if prefetch == 1:
                await consumer.ack(number // 3)
        assert [one.seen for one in consumers] == [["0", "3", "6"], ["1", "4", "7"], ["2", "5", "8"]]


# Priority -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("prefetch", "order"), [(1, ["lo0", "hi", "lo1", "lo2"]), (10, ["lo0", "lo1", "lo2", "hi"])])
async def test_a_high_priority_overtakes_what_waits_and_not_what_is_held(
    world: RabbitWorld, prefetch: int, order: list[str]
) -> None:
    queue = classic(world, "overtaking", max_priority=5)
    async with opened(world) as broker:
        await broker.declare(queue)
        for number in range(3):
            await broker.publish(queue, RabbitOutgoing(f"lo{number}", priority=1))
        async with holding(broker, queue, prefetch) as consumer:
            await consumer.holds(min(prefetch, 3))
            await broker.publish(queue, RabbitOutgoing("hi", priority=5))
            for place in range(4):
                await consumer.holds(place + 1)
                await consumer.ack(place)

    assert consumer.seen == order


async def test_what_is_given_back_keeps_its_priority(world: RabbitWorld) -> None:
    queue = classic(world, "kept", max_priority=5)
    async with opened(world) as broker:
        await broker.declare(queue)
        for text, priority in (("hi", 5), ("lo", 1), ("mid", 3)):
            await broker.publish(queue, RabbitOutgoing(text, priority=priority))
        async with holding(broker, queue, 1) as first:
            assert await first.holds(1) == ["hi"]
            await first.source.pause()
            await first.give_back(0)
            async with holding(broker, queue, 10) as second:
                assert await second.holds(3) == ["hir", "mid", "lo"]


async def test_a_queue_without_priorities_is_in_the_order_of_publishing(world: RabbitWorld) -> None:
    queue = classic(world, "plain")
    async with opened(world) as broker:
        await broker.declare(queue)
        for text, priority in (("lo", 1), ("hi", 9), ("none", None)):
            await broker.publish(queue, RabbitOutgoing(text, priority=priority))
        assert await bodies(world, queue) == ["lo", "hi", "none"]


# Handlers -------------------------------------------------------------------------------------------------------------


async def test_a_failed_message_stays_held_until_it_is_tried_again_or_its_channel_closes(world: RabbitWorld) -> None:
    queue = classic(world, "failed")
    seen: list[tuple[int, bool]] = []

    @world.consumes(queue)
    async def number(self: Any, number: int, message: RabbitMessage) -> None:
        seen.append((number, message.redelivered))
        if len(seen) == 1:
            raise ConnectionError("not now")

    never = RetryPolicy(attempts=2, delay=600.0)
    async with opened(world) as other:
        async with world.serving(number, retry=never, prefetch=1, drain_timeout=0.01) as served:
            await served.broker.publish(queue, 1)
            await served.broker.publish(queue, 2)
            await until(lambda: seen)
            assert (await lag(other, queue), served.subscription.in_flight) == (1, 1)
        async with world.serving(number):
            await until(lambda: len(seen) == 3)

    assert seen == [(1, False), (1, True), (2, False)]


async def test_a_message_that_is_settled_twice_is_settled_once(world: RabbitWorld) -> None:
    queue = classic(world, "twice")
    async with opened(world) as broker:
        await fill(broker, queue, 3)
        async with holding(broker, queue, 1) as consumer:
            await consumer.holds(1)
            await consumer.ack(0)
            await consumer.ack(0)
            await consumer.give_back(0)
            await consumer.holds(2)
            await consumer.ack(1)
            assert await consumer.holds(3) == ["0", "1", "2"]
