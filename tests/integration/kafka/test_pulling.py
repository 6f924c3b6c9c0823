"""Readers, partitions that are assigned by hand, and places chosen by the user, on every Kafka."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from faststream_oo import Ack, Application, DeadLetter
from faststream_oo.errors import LifecycleError, TransportError
from faststream_oo.kafka import (
    KafkaBroker,
    KafkaConsumer,
    KafkaMessage,
    KafkaOutgoing,
    Partitions,
    TopicPartition,
    Topics,
    consumes,
)
from tests.integration.kafka.worlds import KafkaWorld
from tests.integration.kinds import of
from tests.integration.worlds import until

# Readers --------------------------------------------------------------------------------------------------------------


@of("kafka")
async def test_a_reader_without_a_group_sees_what_is_published_from_now_on_and_commits_nothing(
    world: KafkaWorld,
) -> None:
    topic = await world.create("read", 2)
    with world.below():
        async with KafkaBroker(world.settings) as broker:
            await broker.publish(topic, 0)
            for _ in range(2):
                async with broker.reader(topic, int) as reader:
                    await broker.publish(topic, 1)
                    message = await reader.get()
                    assert message is not None
                    assert (message.value, message.topic) == (1, topic)
                    await message.settle(Ack())
                    assert await reader.get(0.1) is None


@of("kafka")
async def test_a_reader_from_the_earliest_iterates_over_everything(world: KafkaWorld) -> None:
    first, second = await world.create("one"), await world.create("two")
    with world.below():
        async with KafkaBroker(world.settings) as broker:
            for number in range(250):
                await broker.publish(first if number % 2 else second, number)
            seen: list[int] = []
            async with broker.reader(Topics(first, second), int, start="earliest") as reader:
                async for message in reader:
                    seen.append(message.value)
                    await message.settle(Ack())
                    if len(seen) == 250:
                        break

    assert sorted(seen) == list(range(250))


@of("kafka")
async def test_what_a_reader_of_a_group_did_not_settle_comes_again(world: KafkaWorld) -> None:
    topic = await world.create("group")
    with world.below():
        async with KafkaBroker(world.settings) as broker:
            for number in range(4):
                await broker.publish(topic, number)
            async with broker.reader(topic, int, group=f"{topic}-g", start="earliest") as reader:
                for settled in (True, True, False, False):
                    message = await reader.get(20.0)
                    assert message is not None
                    if settled:
                        await message.settle(Ack())
            async with broker.reader(topic, int, group=f"{topic}-g", start="earliest") as reader:
                again = await reader.get(20.0)

    assert again is not None
    assert again.value == 2


@of("kafka")
async def test_a_reader_may_bury_a_message_and_the_first_outcome_wins(world: KafkaWorld) -> None:
    topic = await world.create("bury")
    group = f"{topic}-g"
    with world.below():
        async with KafkaBroker(world.settings) as broker:
            await world.put(topic, b"{", b"key")
            async with broker.reader(topic, int, group=group, start="earliest") as reader:
                message = await reader.get(20.0)
                assert message is not None
                await message.settle(DeadLetter("not wanted"))
                await message.settle(Ack())

    (letter,) = await world.read_until(f"{topic}.{group}.dlq", 1)
    assert (letter.body, letter.key, letter.texts["fsoo-dl-reason"]) == (b"{", b"key", "not wanted")


@of("kafka")
async def test_a_reader_is_entered_once(world: KafkaWorld) -> None:
    topic = await world.create("once")
    with world.below():
        async with KafkaBroker(world.settings) as broker:
            reader = broker.reader(topic, int)
            with pytest.raises(LifecycleError, match="not open"):
                await reader.get()
            async with reader:
                pass
            with pytest.raises(LifecycleError, match="entered before"):
                await reader.__aenter__()


# Partitions by hand ---------------------------------------------------------------------------------------------------


@of("kafka")
async def test_partitions_are_assigned_by_hand_and_continue_where_their_group_committed(world: KafkaWorld) -> None:
    topic = await world.create("hand", 3)
    handled: list[tuple[int, int]] = []

    class Chosen(KafkaConsumer, group=f"{topic}-g"):
        @consumes(Partitions(TopicPartition(topic, 0), TopicPartition(topic, 2), start=1))
        async def number(self, number: int, message: KafkaMessage) -> None:
            handled.append((message.partition, number))

    for turn in range(2):
        with world.below():
            async with KafkaBroker(world.settings) as broker:
                for partition in range(3):
                    for number in range(2):
                        await broker.publish(topic, KafkaOutgoing(10 * turn + number, partition=partition))
            broker = KafkaBroker(world.settings)
            async with Application(consumers=[Chosen(broker)]):
                (subscription,) = broker.subscriptions
                assert [one.partition for one in subscription.assigned] == [0, 2]
                await until(lambda: len(handled) == (2, 6)[turn])  # noqa: B023 - awaited in the turn

    assert sorted(handled) == [(0, 1), (0, 10), (0, 11), (2, 1), (2, 10), (2, 11)]


@of("kafka")
async def test_two_may_have_the_same_partition_by_hand_and_both_get_everything(world: KafkaWorld) -> None:
    topic = await world.create("both", 2)
    handled: dict[str, list[int]] = {"one": [], "two": []}

    class Everything(KafkaConsumer, delivery="at_most_once"):
        @consumes(Partitions(TopicPartition(topic, 1), start="earliest"))
        async def number(self, number: int) -> None:
            handled[self.name].append(number)

    with world.below():
        broker = KafkaBroker(world.settings)
        async with Application(consumers=[Everything(broker, name=name) for name in handled]):
            for number in range(5):
                await broker.publish(topic, KafkaOutgoing(number, partition=1))
            await until(lambda: all(len(numbers) == 5 for numbers in handled.values()))

    assert handled == {"one": list(range(5)), "two": list(range(5))}


@of("kafka")
async def test_a_partition_that_is_not_there_is_refused_by_name(world: KafkaWorld) -> None:
    topic = await world.create("none")
    with world.below():
        async with KafkaBroker(world.settings) as broker:
            with pytest.raises(TransportError, match=rf"partition.*{topic}|{topic}.*partition"):
                async with broker.reader(Partitions(TopicPartition(topic, 5)), int):
                    pass


# Places ---------------------------------------------------------------------------------------------------------------


@of("kafka")
async def test_a_subscription_goes_on_where_it_is_sent(world: KafkaWorld) -> None:
    topic = await world.create("seek")
    handled: list[int] = []

    class Again(KafkaConsumer, group=f"{topic}-g"):
        @consumes(topic)
        async def number(self, number: int) -> None:
            handled.append(number)

    with world.below():
        broker = KafkaBroker(world.settings)
        async with Application(consumers=[Again(broker)]):
            for number in range(5):
                await broker.publish(topic, number)
            await until(lambda: len(handled) == 5)
            (subscription,) = broker.subscriptions
            (partition,) = subscription.assigned
            await subscription.seek(partition, 3)
            await until(lambda: len(handled) == 7)
            await subscription.seek(partition, "earliest")
            await until(lambda: len(handled) == 12)
            await subscription.seek(partition, datetime.now(UTC) - timedelta(hours=1))
            await until(lambda: len(handled) == 17)
            await subscription.seek(partition, "latest")
            await broker.publish(topic, 5)
            await until(lambda: len(handled) == 18)
            await subscription.commit()
            assert await subscription.committed(partition) == 6
            assert await subscription.lag() == 0
            with pytest.raises(TransportError, match="not assigned"):
                await subscription.seek(TopicPartition(topic, 1), 0)
            with pytest.raises(TransportError, match="no offset -1"):
                await subscription.seek(partition, -1)

    assert handled == [*range(5), 3, 4, *range(5), *range(5), 5]


@of("kafka")
async def test_what_waits_is_dropped_by_a_seek_and_what_runs_goes_on_unheard(world: KafkaWorld) -> None:
    topic = await world.create("drop")
    handled: list[int] = []
    go = asyncio.Event()

    class Slow(KafkaConsumer, group=f"{topic}-g"):
        @consumes(topic)
        async def number(self, number: int, message: KafkaMessage) -> None:
            handled.append(number)
            if len(handled) == 1:
                await message.subscription.seek(TopicPartition(topic, 0), 8)
                await go.wait()

    with world.below():
        async with KafkaBroker(world.settings) as broker:
            for number in range(10):
                await broker.publish(topic, number)
        broker = KafkaBroker(world.settings)
        async with Application(consumers=[Slow(broker)]):
            await until(lambda: handled)
            go.set()
            await until(lambda: len(handled) == 3)
            (subscription,) = broker.subscriptions
            await subscription.commit()
            assert await subscription.committed(TopicPartition(topic, 0)) == 10

    assert handled == [0, 8, 9]
