"""What is Kafka's own: partitions, offsets, bytes as keys, null bodies; the same on every driver and its twin."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest
from attrs import frozen

from faststream_oo import Application, DeadLetter, Drop, RetryPolicy
from faststream_oo.kafka import (
    KafkaBroker,
    KafkaConsumer,
    KafkaMessage,
    KafkaOutgoing,
    Topic,
    TopicPartition,
    Topics,
    consumes,
)
from tests.integration.kafka.worlds import EmbeddedWorld, KafkaWorld
from tests.integration.kinds import of
from tests.integration.worlds import until

QUICK = RetryPolicy(attempts=3, delay=0.01)


@frozen
class Order:
    order_id: str
    amount: int


@asynccontextmanager
async def serving(
    world: KafkaWorld, *consumers: type[KafkaConsumer]
) -> AsyncGenerator[tuple[KafkaBroker, list[KafkaConsumer]]]:
    with world.below():
        broker = KafkaBroker(world.settings)
        made = [consumer(broker) for consumer in consumers]
        async with Application(consumers=made, drain_timeout=5.0):
            yield broker, made


async def records_of(world: KafkaWorld, topic: str, count: int) -> Sequence[Any]:
    """Return the records of a topic once that many are there."""
    deadline = asyncio.get_running_loop().time() + 30
    while len(found := await world.records(topic)) < count:
        assert asyncio.get_running_loop().time() < deadline, f"{len(found)} of {count} records in {topic}"
        await asyncio.sleep(0.05)
    return found


async def letters_of(world: KafkaWorld, topic: str, group: str, count: int) -> list[dict[str, Any]]:
    """Return dead letters once that many are there."""
    found = await records_of(world, f"{topic}.{group}.dlq", count)
    return [
        {"value": one.value, "key": one.key, "headers": list(one.headers), "named": dict(one.headers)} for one in found
    ]


@of("kafka")
async def test_bodies_keys_headers_partitions_and_times_arrive_as_sent(world: KafkaWorld) -> None:
    topic = await world.create("orders", 3)
    seen: list[tuple[Order, KafkaMessage]] = []

    class Orders(KafkaConsumer, group=f"{topic}-g"):
        @consumes(topic)
        async def placed(self, order: Order, message: KafkaMessage) -> None:
            seen.append((order, message))

    async with serving(world, Orders) as (broker, _):
        sent = KafkaOutgoing(Order("ü", 1), key="order-2", headers={"x-a": "b", "x-ü": "ö"}, partition=2)
        receipt = await broker.send_now(topic, sent)
        await until(lambda: seen)

    order, message = seen[0]
    assert order == Order("ü", 1)
    assert (message.key, message.topic, message.partition, message.offset) == (b"order-2", topic, 2, 0)
    assert (message.headers["x-a"], message.headers["x-ü"]) == ("b", "ö")
    assert message.timestamp == receipt.timestamp
    assert message.id == message.headers["fsoo-id"]


@of("kafka")
async def test_equal_keys_go_to_the_same_partition_as_with_the_java_client(world: KafkaWorld) -> None:
    topic = await world.create("keys", 12)
    async with serving(world) as (_, _):
        pass
    with world.below():
        async with KafkaBroker(world.settings) as broker:
            placed = {
                key: (await broker.send_now(topic, KafkaOutgoing(1, key=key))).partition
                for key in ("a", "b", "order-2", "user:42", "hello world", "123456789", "ключ", "00", "")
            }

    assert list(placed.values()) == [4, 8, 3, 1, 7, 6, 8, 8, 9]


@of("kafka")
async def test_a_partition_is_handled_in_order_and_what_failed_is_tried_again_before_what_follows(
    world: KafkaWorld,
) -> None:
    topic = await world.create("ordered")
    handled: list[int] = []
    attempts: dict[int, int] = defaultdict(int)

    class Ordered(KafkaConsumer, group=f"{topic}-g", retry=QUICK):
        @consumes(topic)
        async def number(self, number: int) -> None:
            attempts[number] += 1
            if number % 7 == 0 and attempts[number] < 3:
                raise ConnectionError("not yet")
            handled.append(number)

    async with serving(world, Ordered) as (broker, _):
        for number in range(60):
            await broker.publish(topic, number)
        await until(lambda: len(handled) == 60)

    assert handled == list(range(60))
    assert attempts[7] == 3


@of("kafka")
async def test_an_exhausted_message_is_a_dead_letter_byte_for_byte_with_diagnostics(world: KafkaWorld) -> None:
    topic = await world.create("failing")
    headers: list[tuple[str, bytes | None]] = [
        ("h", b"1"),
        ("h", b"2"),
        ("null", None),
        ("binary", b"\xff\xfe"),
        ("", b"empty name"),
        ("ü", b"x"),
    ]

    class Failing(KafkaConsumer, group=f"{topic}-g", retry=QUICK):
        @consumes(topic)
        async def order(self, order: Order) -> None:
            raise ValueError("never") from KeyError("cause")

    body = b'{"order_id":"o-1",  "amount": 10}'
    async with serving(world, Failing):
        await world.put(topic, body, b"\x00key", headers)
        (letter,) = await letters_of(world, topic, f"{topic}-g", 1)

    assert letter["value"] == body
    assert letter["key"] == b"\x00key"
    assert letter["headers"][: len(headers)] == headers
    named = letter["named"]
    assert isinstance(named, dict)
    assert named["fsoo-dl-reason"] == b"exhausted"
    assert named["fsoo-attempt"] == b"3"
    assert named["fsoo-error-type"] == b"ValueError"
    assert named["fsoo-error-message"] == b"never"
    assert named["fsoo-error-cause"] == b"KeyError: 'cause'"
    assert named["fsoo-consumer"] == b"Failing.order"
    assert named["fsoo-origin"] == f"kafka://{topic}/0/0".encode()


@of("kafka")
async def test_a_record_without_a_value_is_a_dead_letter_without_one(world: KafkaWorld) -> None:
    topic = await world.create("bad")

    class Bad(KafkaConsumer, group=f"{topic}-g"):
        @consumes(topic)
        async def order(self, order: Order) -> None: ...

    async with serving(world, Bad):
        await world.put(topic, None, b"key")
        (letter,) = await letters_of(world, topic, f"{topic}-g", 1)

    assert (letter["value"], letter["key"]) == (None, b"key")
    assert letter["named"]["fsoo-dl-reason"] == b"undecodable"


@of("kafka")
async def test_several_topics_are_one_subscription_and_a_tombstone_is_none(world: KafkaWorld) -> None:
    one, other = await world.create("one"), await world.create("other")
    seen: list[tuple[str, Order | None, bytes | None, bool]] = []

    class Many(KafkaConsumer, group=f"{one}-g"):
        @consumes(Topics(one, other))
        async def order(self, order: Order | None, message: KafkaMessage[Order | None]) -> None:
            seen.append((message.topic, order, message.key, message.tombstone))

    async with serving(world, Many) as (broker, _):
        await broker.publish(one, KafkaOutgoing(Order("o-1", 1), key="k"))
        await broker.publish(other, KafkaOutgoing(None, key="k"))
        await until(lambda: len(seen) == 2)

    assert sorted(seen, key=lambda one: one[3]) == [(one, Order("o-1", 1), b"k", False), (other, None, b"k", True)]


async def test_a_record_without_key_and_value_is_a_dead_letter_that_can_be_told() -> None:
    world = EmbeddedWorld()  # the raw client of the real one cannot write such a record
    topic = await world.create("nothing")

    class Nothing(KafkaConsumer, group=f"{topic}-g"):
        @consumes(topic)
        async def order(self, order: Order) -> None: ...

    async with serving(world, Nothing):
        await world.put(topic, None, None)
        (letter,) = await letters_of(world, topic, f"{topic}-g", 1)

    assert letter["value"] == b""
    assert letter["named"]["fsoo-dl-null"] == b"1"


@of("kafka")
async def test_a_record_of_a_megabyte_and_a_half_is_a_dead_letter_whole(world: KafkaWorld) -> None:
    topic = await world.create("large", max_message_bytes="3000000")
    body = orjson.dumps({"order_id": "x" * 1_500_000})

    class Large(KafkaConsumer, group=f"{topic}-g"):
        @consumes(topic)
        async def order(self, order: Order) -> None: ...

    async with serving(world, Large):
        await world.put(topic, body)
        (letter,) = await letters_of(world, topic, f"{topic}-g", 1)

    assert letter["value"] == body


@of("kafka")
async def test_at_most_once_commits_before_it_handles(world: KafkaWorld) -> None:
    topic = await world.create("once")
    handled: list[int] = []

    class Once(KafkaConsumer, group=f"{topic}-g", delivery="at_most_once"):
        @consumes(topic)
        async def number(self, number: int, message: KafkaMessage) -> None:
            assert message.subscription.assigned
            committed = await message.subscription.committed(message.subscription.assigned[0])
            assert committed is not None
            assert committed > message.offset
            handled.append(number)

    async with serving(world, Once) as (broker, _):
        await broker.publish(topic, 1)
        await until(lambda: handled == [1])


@of("kafka")
async def test_by_hand_only_settle_settles(world: KafkaWorld) -> None:
    topic = await world.create("manual")
    held: list[KafkaMessage] = []

    class Manual(KafkaConsumer, group=f"{topic}-g", delivery="manual"):
        @consumes(topic)
        async def number(self, number: int, message: KafkaMessage) -> None:
            held.append(message)

    async with serving(world, Manual) as (broker, _):
        for number in range(3):
            await broker.publish(topic, number)
        await until(lambda: len(held) == 3)
        subscription = held[0].subscription
        assert subscription.in_flight == 3
        await held[0].settle(DeadLetter("by hand"))
        await held[0].settle(Drop("too late"))
        await held[1].settle(Drop("seen"))
        assert subscription.in_flight == 1
        await subscription.commit()
        assert await subscription.committed(subscription.assigned[0]) == 2
        (letter,) = await letters_of(world, topic, f"{topic}-g", 1)
        assert letter["named"]["fsoo-dl-reason"] == b"by hand"
        await held[2].settle(Drop("seen"))


@of("kafka")
async def test_a_declared_topic_is_created_as_it_says(world: KafkaWorld) -> None:
    name = await world.create("parent")

    class Declared(KafkaConsumer, group=f"{name}-g"):
        @consumes(Topic(f"{name}-declared", partitions=3))
        async def number(self, number: int) -> None: ...

    async with serving(world, Declared) as (broker, _):
        assert len(await broker.partitions(f"{name}-declared")) == 3


@of("kafka")
async def test_a_consumer_hears_of_its_partitions_from_the_start_to_the_stop(world: KafkaWorld) -> None:
    topic = await world.create("hooks", 2)
    heard: list[tuple[str, int]] = []

    class Hooked(KafkaConsumer, group=f"{topic}-g"):
        @consumes(topic)
        async def number(self, number: int) -> None:
            heard.append(("handled", number))

        async def on_assigned(self, partitions: Sequence[TopicPartition]) -> None:
            heard.append(("assigned", len(partitions)))

        async def on_revoked(self, partitions: Sequence[TopicPartition]) -> None:
            heard.append(("revoked", len(partitions)))

    async with serving(world, Hooked) as (broker, _):
        await broker.publish(topic, 7)
        await until(lambda: ("handled", 7) in heard)

    assert heard == [("assigned", 2), ("handled", 7), ("revoked", 2)]


@of("kafka")
async def test_partitions_that_come_and_go_are_lines_in_the_log(
    world: KafkaWorld, caplog: pytest.LogCaptureFixture
) -> None:
    topic = await world.create("told", 2)

    class First(KafkaConsumer, group=f"{topic}-g"):
        @consumes(topic)
        async def order(self, order: Order) -> None: ...

    class Second(First): ...

    def told(what: str) -> list[str]:
        return [line for line in map(logging.LogRecord.getMessage, caplog.records) if line.startswith(what)]

    caplog.set_level(logging.INFO, "faststream_oo")
    async with serving(world, First):
        assert told("First.order was") == [f"First.order was assigned {topic}/0,1"]
        async with serving(world, Second):
            await until(lambda: len(told("First.order was")) == 2)
            assert told("First.order gave") == [f"First.order gave back {topic}/0,1"]
            shares = {told("First.order was")[1][-1], *(line[-1] for line in told("Second.order was"))}
            assert shares == {"0", "1"}
