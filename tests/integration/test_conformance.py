"""What an application does with messages, the same on the embedded Kafka and on the real one."""

import asyncio
import random
from collections import defaultdict
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any

import orjson
import pytest
from attrs import frozen

from faststream_oo import Application, DeadLetter, Drop, Header, Key, Outcome, Retry, RetryPolicy
from faststream_oo.kafka import KafkaBroker, KafkaConsumer, KafkaMessage, KafkaOutgoing, Topic, TopicPartition, consumes
from tests.integration.worlds import Headers, World, until

QUICK = RetryPolicy(attempts=3, delay=0.01)


@frozen
class Order:
    order_id: str
    amount: int


@asynccontextmanager
async def serving(
    world: World, *consumers: type[KafkaConsumer]
) -> AsyncGenerator[tuple[KafkaBroker, list[KafkaConsumer]]]:
    with world.below():
        broker = KafkaBroker(world.settings)
        made = [consumer(broker) for consumer in consumers]
        async with Application(consumers=made, drain_timeout=5.0):
            yield broker, made


async def records_of(world: World, topic: str, count: int) -> Sequence[Any]:
    """Return the records of a topic once that many are there."""
    deadline = asyncio.get_running_loop().time() + 30
    while len(found := await world.read(topic)) < count:
        assert asyncio.get_running_loop().time() < deadline, f"{len(found)} of {count} records in {topic}"
        await asyncio.sleep(0.05)
    return found


async def letters_of(world: World, topic: str, group: str, count: int) -> list[dict[str, Any]]:
    """Return dead letters once that many are there."""
    found = await records_of(world, f"{topic}.{group}.dlq", count)
    return [
        {"value": one.value, "key": one.key, "headers": list(one.headers), "named": dict(one.headers)} for one in found
    ]


async def test_bodies_keys_headers_partitions_and_times_arrive_as_sent(world: World) -> None:
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


async def test_equal_keys_go_to_the_same_partition_as_with_the_java_client(world: World) -> None:
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


async def test_a_partition_is_handled_in_order_and_what_failed_is_tried_again_before_what_follows(world: World) -> None:
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


async def test_keys_keep_their_order_over_sixteen_slots(world: World) -> None:
    topic = await world.create("lanes", 2)
    handled: dict[str, list[int]] = defaultdict(list)
    running = most = 0

    class Lanes(KafkaConsumer, group=f"{topic}-g", concurrency=16, ordered_by=Key(), retry=RetryPolicy(delay=0.002)):
        @consumes(topic)
        async def number(self, number: int, key: Annotated[str, Key()], message: KafkaMessage) -> None:
            nonlocal running, most
            running += 1
            most = max(most, running)
            try:
                await asyncio.sleep(random.random() / 500)
                if number % 11 == 0 and message.attempt == 1:
                    raise ConnectionError("once")
            finally:
                running -= 1
            handled[key].append(number)

    async with serving(world, Lanes) as (broker, _):
        await asyncio.gather(
            *(broker.publish(topic, KafkaOutgoing(number, key=f"k{number % 10}")) for number in range(300))
        )
        await until(lambda: sum(map(len, handled.values())) == 300)

    assert all(numbers == sorted(numbers) for numbers in handled.values())
    assert 1 < most <= 16


async def test_an_exhausted_message_is_a_dead_letter_byte_for_byte_with_diagnostics(world: World) -> None:
    topic = await world.create("failing")
    headers: Headers = [
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


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{", "undecodable"),
        (b"\xff\xfe\x00", "undecodable"),
        (b'{"order_id": 5, "amount": 1}', "undecodable"),
        (b'{"order_id": "o"}', "undecodable"),
        (b'["o", 1]', "undecodable"),
        (b"null", "undecodable"),
        (b"", "undecodable"),
        (None, "undecodable"),
    ],
)
async def test_what_cannot_be_decoded_is_a_dead_letter_at_once_and_the_rest_goes_through(
    world: World, body: bytes | None, reason: str
) -> None:
    topic = await world.create("bad")
    handled: list[str] = []

    class Bad(KafkaConsumer, group=f"{topic}-g"):
        @consumes(topic)
        async def order(self, order: Order) -> None:
            handled.append(order.order_id)

    async with serving(world, Bad):
        await world.put(topic, b'{"order_id": "before", "amount": 1}')
        await world.put(topic, body, b"key")
        await world.put(topic, b'{"order_id": "after", "amount": 1}')
        await until(lambda: handled == ["before", "after"])
        (letter,) = await letters_of(world, topic, f"{topic}-g", 1)

    assert (letter["value"], letter["key"]) == (body, b"key")
    assert letter["named"]["fsoo-dl-reason"] == reason.encode()


async def test_a_record_without_key_and_value_is_a_dead_letter_that_can_be_told(embedded_world: World) -> None:
    world = embedded_world  # the raw client of the real one cannot write such a record
    topic = await world.create("nothing")

    class Nothing(KafkaConsumer, group=f"{topic}-g"):
        @consumes(topic)
        async def order(self, order: Order) -> None: ...

    async with serving(world, Nothing):
        await world.put(topic, None, None)
        (letter,) = await letters_of(world, topic, f"{topic}-g", 1)

    assert letter["value"] == b""
    assert letter["named"]["fsoo-dl-null"] == b"1"


async def test_a_record_of_a_megabyte_and_a_half_is_a_dead_letter_whole(world: World) -> None:
    topic = await world.create("large", max_message_bytes="3000000")
    body = orjson.dumps({"order_id": "x" * 1_500_000})

    class Large(KafkaConsumer, group=f"{topic}-g"):
        @consumes(topic)
        async def order(self, order: Order) -> None: ...

    world.settings = type(world.settings)(servers=world.settings.servers, config={"max_request_size": 3_000_000})
    async with serving(world, Large):
        await world.put(topic, body)
        (letter,) = await letters_of(world, topic, f"{topic}-g", 1)

    assert letter["value"] == body


@pytest.mark.parametrize(
    ("outcome", "reason"), [(DeadLetter("not wanted"), b"not wanted"), (Drop("old"), None), (Retry(0.01), b"exhausted")]
)
async def test_an_outcome_of_the_handler_is_what_becomes_of_the_message(
    world: World, outcome: Outcome, reason: bytes | None
) -> None:
    topic = await world.create("outcome")
    calls = 0

    class Deciding(KafkaConsumer, group=f"{topic}-g", retry=QUICK):
        @consumes(topic)
        async def order(self, number: int) -> Outcome | None:
            nonlocal calls
            calls += 1
            return outcome if number == 0 else None

    async with serving(world, Deciding) as (broker, _):
        await broker.publish(topic, 0)
        await broker.publish(topic, 1)
        await until(lambda: calls == (4 if isinstance(outcome, Retry) else 2))
        if reason is not None:
            (letter,) = await letters_of(world, topic, f"{topic}-g", 1)
            assert letter["named"]["fsoo-dl-reason"] == reason
        else:
            assert await world.read(f"{topic}.{topic}-g.dlq") == []


async def test_publishes_of_a_failed_attempt_are_never_sent(world: World) -> None:
    topic, out = await world.create("in"), await world.create("out")

    class Through(KafkaConsumer, group=f"{topic}-g", retry=QUICK):
        @consumes(topic)
        async def number(self, number: int, message: KafkaMessage) -> None:
            await self.broker.publish(out, {"attempt": message.attempt})
            if message.attempt < 3:
                raise ConnectionError("not yet")

    async with serving(world, Through) as (broker, _):
        await broker.publish(topic, 1)
        sent = await records_of(world, out, 1)

    assert [orjson.loads(record.value) for record in sent] == [{"attempt": 3}]


async def test_what_was_settled_is_not_handled_again_after_a_stop(world: World) -> None:
    topic = await world.create("again")
    handled: list[int] = []

    class Again(KafkaConsumer, group=f"{topic}-g"):
        @consumes(topic)
        async def number(self, number: int) -> None:
            handled.append(number)

    for turn in range(3):
        async with serving(world, Again) as (broker, _):
            for number in range(5):
                await broker.publish(topic, turn * 5 + number)
            await until(lambda: len(handled) == (turn + 1) * 5)  # noqa: B023 - awaited in the turn

    assert handled == list(range(15))


async def test_a_polite_stop_under_load_loses_and_doubles_nothing(world: World) -> None:
    topic = await world.create("polite", 2)
    handled: list[int] = []

    class Slow(KafkaConsumer, group=f"{topic}-g", concurrency=8, ordered_by=Key()):
        @consumes(topic)
        async def number(self, number: int) -> None:
            await asyncio.sleep(0.002)
            handled.append(number)

    for turn in range(3):
        async with serving(world, Slow) as (broker, _):
            numbers = range(turn * 200, turn * 200 + 200)
            await asyncio.gather(*(broker.publish(topic, KafkaOutgoing(n, key=str(n % 13))) for n in numbers))
            await until(lambda: len(handled) > turn * 200 + 50)  # noqa: B023 - awaited in the turn
    async with serving(world, Slow):
        await until(lambda: len(handled) >= 600)

    assert sorted(handled) == list(range(600))


async def test_at_most_once_commits_before_it_handles(world: World) -> None:
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


async def test_by_hand_only_settle_settles(world: World) -> None:
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


async def test_a_slow_attempt_is_cancelled_and_counts(world: World) -> None:
    topic = await world.create("slow")
    started = 0

    class Slow(KafkaConsumer, group=f"{topic}-g", timeout=0.05, retry=RetryPolicy(attempts=2, delay=0.0)):
        @consumes(topic)
        async def number(self, number: int) -> None:
            nonlocal started
            started += 1
            await asyncio.Event().wait()

    async with serving(world, Slow) as (broker, _):
        await broker.publish(topic, 1)
        (letter,) = await letters_of(world, topic, f"{topic}-g", 1)

    assert started == 2
    assert letter["named"]["fsoo-error-type"] == b"TimeoutError"


async def test_several_methods_share_a_topic_by_header(world: World) -> None:
    topic = await world.create("shared")
    seen: list[str] = []

    class Shared(KafkaConsumer, group=f"{topic}-g", unmatched=Drop("other kind")):
        @consumes(topic, when={"kind": "a"})
        async def first(self, number: int, kind: Annotated[str, Header("kind")]) -> None:
            seen.append(f"first {number} {kind}")

        @consumes(topic, when={"kind": "b"})
        async def second(self, number: int) -> None:
            seen.append(f"second {number}")

    async with serving(world, Shared) as (broker, _):
        for number, kind in enumerate("abcab"):
            await broker.publish(topic, KafkaOutgoing(number, headers={"kind": kind}))
        await until(lambda: len(seen) == 4)

    assert seen == ["first 0 a", "second 1", "first 3 a", "second 4"]


async def test_a_pause_keeps_messages_waiting_until_every_reason_is_gone(world: World) -> None:
    topic = await world.create("paused")
    handled: list[int] = []

    class Paused(KafkaConsumer, group=f"{topic}-g"):
        @consumes(topic)
        async def number(self, number: int) -> None:
            handled.append(number)

    async with serving(world, Paused) as (broker, _):
        (subscription,) = broker.subscriptions
        await subscription.pause("operator")
        await subscription.pause("deploy")
        await broker.publish(topic, 1)
        assert subscription.state == "paused"
        await subscription.resume("operator")
        assert subscription.state == "paused"
        assert handled == []
        await subscription.resume("deploy")
        await until(lambda: handled == [1])


async def test_fuzzed_records_all_end_in_the_dead_letters_and_orders_go_through(world: World, world_kind: str) -> None:
    count = 50 if world_kind == "kafka" else 1000
    topic = await world.create("fuzz")
    generator = random.Random(7)
    handled: list[str] = []

    class Fuzzed(KafkaConsumer, group=f"{topic}-g", concurrency=4, ordered_by=None):
        @consumes(topic)
        async def order(self, order: Order) -> None:
            handled.append(order.order_id)

    bodies = [generator.randbytes(generator.randrange(1, 60)) for _ in range(count)]
    async with serving(world, Fuzzed):
        for number, body in enumerate(bodies):
            await world.put(topic, body, generator.randbytes(3))
            if number % 10 == 0:
                await world.put(topic, orjson.dumps({"order_id": f"o-{number}", "amount": 1}))
        found = await letters_of(world, topic, f"{topic}-g", count)
        await until(lambda: len(handled) == count // 10)

    assert sorted(letter["value"] for letter in found) == sorted(bodies)


async def test_a_declared_topic_is_created_as_it_says(world: World) -> None:
    name = await world.create("parent")

    class Declared(KafkaConsumer, group=f"{name}-g"):
        @consumes(Topic(f"{name}-declared", partitions=3))
        async def number(self, number: int) -> None: ...

    async with serving(world, Declared) as (broker, _):
        assert len(await broker.partitions(f"{name}-declared")) == 3


async def test_a_consumer_hears_of_its_partitions_from_the_start_to_the_stop(world: World) -> None:
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
