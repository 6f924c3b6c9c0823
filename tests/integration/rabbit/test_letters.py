"""What a queue gives up: expiry, lengths and dead-letter exchanges; the same on a real RabbitMQ and on its twin."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest

from faststream_oo.errors import PublishError
from faststream_oo.rabbit import Binding, Exchange, Queue, RabbitBroker, RabbitOutgoing
from tests.integration.kinds import of
from tests.integration.rabbit.holding import holding
from tests.integration.rabbit.queues import bodies, classic, lag, opened, until_async
from tests.integration.rabbit.worlds import RabbitWorld

pytestmark = of("rabbit")


def dying(world: RabbitWorld, letters: Queue, **facts: Any) -> Queue:
    """A queue whose dead letters go to another one."""
    arguments = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": letters.name, **facts.pop("arguments", {})}
    return classic(world, "dying", arguments=arguments, **facts)


async def letters_of(world: RabbitWorld, queue: Queue, count: int) -> list[dict[str, Any]]:
    """Return the headers of dead letters once there are so many."""
    await world.read_until(queue.name, count)
    return [one.header.properties.headers for one in await world.messages(queue.name)]


# Dead-letter exchanges ------------------------------------------------------------------------------------------------


async def test_a_dead_letter_keeps_its_key_and_tells_its_death(world: RabbitWorld) -> None:
    graves, events = Exchange(world.name("graves"), type="topic"), Exchange(world.name("events"), type="topic")
    letters = classic(world, "letters", Binding(graves, "o.#"))
    queue = classic(
        world, "dying", Binding(events, "#"), message_ttl=0.03, arguments={"x-dead-letter-exchange": graves.name}
    )
    async with opened(world) as broker:
        await broker.declare(letters, queue)
        await world.put("o.main", b"1", headers=[("h", 7), ("CC", ["o.copy"])], exchange=events.name)
        async with holding(broker, letters, 1) as reader:
            assert await reader.holds(1) == ["1"]

    message: Any = reader.messages[0]
    headers = message.raw.header.properties.headers
    (death,) = headers["x-death"]
    assert (message.exchange, message.routing_key, headers["h"]) == (graves.name, "o.main", 7)
    assert isinstance(death.pop("time"), datetime)
    assert death == {
        "count": 1, "reason": "expired", "queue": queue.name, "exchange": events.name, "routing-keys": ["o.main", "o.copy"],
    }  # fmt: skip


async def test_the_last_death_is_told_first_and_the_first_stays(world: RabbitWorld) -> None:
    letters = classic(world, "letters")
    second = dying(world, letters, message_ttl=0.03)
    first = dying(world, second, message_ttl=0.03)
    async with opened(world) as broker:
        await broker.declare(letters, second, first)
        await broker.publish(first, 1)
        (headers,) = await letters_of(world, letters, 1)

    deaths = [(one["queue"], one["reason"], one["count"]) for one in headers["x-death"]]
    assert deaths == [(second.name, "expired", 1), (first.name, "expired", 1)]
    assert [headers[f"x-first-death-{what}"] for what in ("queue", "reason")] == [first.name, "expired"]


async def test_what_comes_round_to_its_queue_or_has_nowhere_to_go_is_dropped(world: RabbitWorld) -> None:
    name, missing = world.name("round"), world.name("missing")
    round_ = Queue(
        name,
        type="classic",
        message_ttl=0.03,
        arguments={"x-dead-letter-exchange": "", "x-dead-letter-routing-key": name},
    )
    nowhere = classic(world, "nowhere", message_ttl=0.03, arguments={"x-dead-letter-exchange": missing})
    async with opened(world) as broker:
        await broker.declare(round_, nowhere)
        for queue in (round_, nowhere):
            await broker.publish(queue, 1)
        await until_async(lambda: _empty(broker, round_, nowhere))


async def _empty(broker: RabbitBroker, *queues: Queue) -> bool:
    return [await lag(broker, queue) for queue in queues] == [0] * len(queues)


async def test_what_is_given_back_is_no_dead_letter(world: RabbitWorld) -> None:
    letters = classic(world, "letters")
    queue = dying(world, letters)
    async with opened(world) as broker:
        await broker.declare(letters, queue)
        await broker.publish(queue, 1)
        async with holding(broker, queue, 1) as consumer:
            for turn in range(2):
                await consumer.holds(turn + 1)
                await consumer.give_back(turn)
            assert await consumer.holds(3) == ["1", "1r", "1r"]
            await consumer.ack(2)
        assert await bodies(world, queue) == await bodies(world, letters) == []


# Time -----------------------------------------------------------------------------------------------------------------


async def test_of_two_times_to_live_the_shorter_counts(world: RabbitWorld) -> None:
    letters = classic(world, "letters")
    queue = dying(world, letters, message_ttl=0.03)
    async with opened(world) as broker:
        await broker.declare(letters, queue)
        await broker.publish(queue, RabbitOutgoing(1, expiration=3600.0))
        (headers,) = await letters_of(world, letters, 1)

    assert headers["x-death"][0]["original-expiration"] == "3600000"


async def test_what_lives_no_time_at_all_is_handed_to_a_waiting_consumer_or_gone(world: RabbitWorld) -> None:
    letters = classic(world, "letters")
    queue = dying(world, letters)
    async with opened(world) as broker:
        await broker.declare(letters, queue)
        await broker.publish(queue, RabbitOutgoing("nobody", expiration=0.0))
        async with holding(broker, queue, 1) as consumer:
            await broker.publish(queue, RabbitOutgoing("somebody", expiration=0.0))
            assert await consumer.holds(1) == ["somebody"]
            await consumer.ack(0)
        await letters_of(world, letters, 1)
        assert await bodies(world, letters) == ["nobody"]


async def test_what_is_held_does_not_expire(world: RabbitWorld) -> None:
    queue, letters = classic(world, "held"), classic(world, "letters")
    witness = dying(world, letters)
    async with opened(world) as broker:
        await broker.declare(queue, letters, witness)
        async with holding(broker, queue, 1) as consumer:
            await broker.publish(queue, RabbitOutgoing(1, expiration=0.1))
            await consumer.holds(1)
            await broker.publish(witness, RabbitOutgoing(1, expiration=0.2))
            await letters_of(world, letters, 1)
            await consumer.ack(0)
        assert await bodies(world, queue) == []


async def test_what_comes_back_after_its_time_expires(world: RabbitWorld) -> None:
    letters, others = classic(world, "letters"), classic(world, "others")
    queue, witness = dying(world, letters), dying(world, others)
    async with opened(world) as broker:
        await broker.declare(letters, others, queue, witness)
        async with holding(broker, queue, 1) as consumer:
            await broker.publish(queue, RabbitOutgoing(1, expiration=0.1))
            await consumer.holds(1)
            await broker.publish(witness, RabbitOutgoing(1, expiration=0.2))
            await letters_of(world, others, 1)
            await consumer.give_back(0)
            (headers,) = await letters_of(world, letters, 1)
            assert consumer.seen == ["1"]

    assert headers["x-death"][0]["reason"] == "expired"


# Length ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("overflow", "kept", "dead", "refused"),
    [
        (None, ["0", "1"], [], 2),
        ("drop-head", ["2", "3"], ["0", "1"], 0),
        ("reject-publish", ["0", "1"], [], 2),
        ("reject-publish-dlx", ["0", "1"], ["2", "3"], 2),
    ],
)
async def test_what_a_full_queue_gives_up_or_refuses(
    world: RabbitWorld, overflow: str | None, kept: Sequence[str], dead: Sequence[str], refused: int
) -> None:
    letters = classic(world, "letters")
    queue = dying(world, letters, max_length=2, arguments={"x-overflow": overflow} if overflow else {})
    async with opened(world) as broker:
        await broker.declare(letters, queue)
        results = [await asyncio.gather(broker.publish(queue, n), return_exceptions=True) for n in range(4)]
        errors = [str(error) for (error,) in results if isinstance(error, PublishError)]
        deaths = [one["x-death"][0]["reason"] for one in await letters_of(world, letters, len(dead))]
        assert await bodies(world, queue) == kept
        assert await bodies(world, letters) == dead

    assert errors == ["a queue refused the message: it is full"] * refused
    assert deaths == ["maxlen"] * len(dead)


async def test_a_queue_may_be_full_by_bytes(world: RabbitWorld) -> None:
    queue = classic(world, "bytes", arguments={"x-max-length-bytes": 10})
    async with opened(world) as broker:
        await broker.declare(queue)
        for number in range(4):
            await broker.publish(queue, b"%05d" % number)
        assert await bodies(world, queue) == ["00002", "00003"]


async def test_what_is_held_does_not_count_as_length(world: RabbitWorld) -> None:
    queue = classic(world, "held", max_length=2, arguments={"x-overflow": "drop-head"})
    async with opened(world) as broker:
        await broker.declare(queue)
        async with holding(broker, queue, 2) as consumer:
            for number in range(4):
                await broker.publish(queue, number)
            assert await consumer.holds(2) == ["0", "1"]
        assert await bodies(world, queue) == ["2", "3"]
