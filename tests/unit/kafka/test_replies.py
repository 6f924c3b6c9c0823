"""Where replies arrive on Kafka, and what happens to them there, on the embedded one."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
from attrs import evolve
from dependency_injector import containers, providers

from faststream_oo import Application
from faststream_oo.errors import SetupError, TransportError
from faststream_oo.kafka import (
    KafkaBroker,
    KafkaConsumer,
    KafkaContainer,
    KafkaMessage,
    KafkaProducer,
    KafkaSettings,
    Topic,
    consumes,
    requests,
)
from faststream_oo.kafka.transports.memory import MemoryCluster, MemoryTransport
from faststream_oo.kafka.transports.memory.inbox import MemoryInbox
from faststream_oo.testing import Harness
from tests.unit.kafka.clock import turns

SETTINGS = KafkaSettings()


class Echo(KafkaConsumer, group="echo"):
    """Answers with what it got, and keeps the messages."""

    def __init__(self, broker: KafkaBroker) -> None:
        super().__init__(broker)
        self.seen: list[KafkaMessage] = []

    @consumes(Topic("echo", partitions=4))
    async def echo(self, number: int, message: KafkaMessage) -> int:
        self.seen.append(message)
        return number


class Asking(KafkaProducer):
    @requests("echo", reply=int)
    async def echo(self, number: int) -> int:
        return number


class Shop(containers.DeclarativeContainer):
    config = providers.Configuration(strict=True)
    kafka = KafkaContainer(config=config.kafka)
    echo = providers.Singleton(Echo, broker=kafka.broker)
    asking = providers.Singleton(Asking, broker=kafka.broker)


@asynccontextmanager
async def serving(settings: KafkaSettings = SETTINGS) -> AsyncGenerator[tuple[KafkaBroker, Echo, MemoryCluster]]:
    transport = MemoryTransport(settings)
    broker = KafkaBroker(settings, transport=transport)
    echo = Echo(broker)
    async with Application(consumers=[echo]):
        yield broker, echo, transport.cluster


def inboxes(cluster: MemoryCluster) -> list[MemoryInbox]:
    return [client for client in cluster.clients if isinstance(client, MemoryInbox)]


async def test_replies_arrive_in_one_of_eight_partitions_of_the_default_topic() -> None:
    async with serving() as (broker, echo, cluster):
        assert await broker.request("echo", 1, reply=int) == 1
        topic = cluster.topics["fsoo-replies"]
        (message,) = echo.seen

        assert message.reply_to == "fsoo-replies"
        assert [len(log.records) for log in topic].count(1) == 1
        assert len(topic[int(message.headers["fsoo-reply-partition"])].records) == 1
        assert (len(topic), topic.config) == (8, {"retention.ms": "3600000"})


async def test_the_reply_topic_is_the_settings_and_has_the_broker_s_prefix_once() -> None:
    async with serving(evolve(SETTINGS, prefix="dev.", reply_topic="answers")) as (broker, echo, cluster):
        assert await broker.request("echo", 1, reply=int) == 1

        assert echo.seen[0].reply_to == "dev.answers"
        assert set(cluster.topics) == {"dev.echo", "dev.answers", "dev.echo.echo.dlq"}


async def test_a_request_without_a_partition_is_answered_in_any() -> None:
    async with serving() as (_, __, cluster):
        cluster.create_topic("others", 3)
        cluster.log("echo", 0).append(cluster.now(), 0, (b"7", None, (("fsoo-reply-to", b"others"),)))
        await turns()
        (record,) = [record for log in cluster.topics["others"] for record in log.records]

    assert record.value == b"7"


async def test_the_inbox_is_open_before_the_first_handler_where_producers_ask() -> None:
    async with Harness(Shop) as h:
        broker = h.container.kafka.broker()
        (inbox,) = inboxes(cast(Any, broker.transport).cluster)

        assert await h.container.asking().echo(3) == 3
        assert inboxes(cast(Any, broker.transport).cluster) == [inbox]


async def test_the_inbox_is_opened_by_the_first_request_where_only_the_broker_asks_and_once() -> None:
    async with serving() as (broker, _, cluster):
        assert inboxes(cluster) == []
        assert await asyncio.gather(*(broker.request("echo", n, reply=int) for n in range(20))) == list(range(20))
        assert len(inboxes(cluster)) == 1

    assert inboxes(cluster) == []


async def test_what_was_written_before_is_no_reply_of_ours() -> None:
    async with serving() as (broker, _, cluster):
        cluster.create_topic("fsoo-replies", 1)
        cluster.log("fsoo-replies", 0).append(cluster.now(), 0, (b"1", None, (("fsoo-request-id", b"old"),)))
        assert await broker.request("echo", 1, reply=int) == 1
        assert broker.requests.unknown == 0


async def test_replies_wait_while_the_cluster_is_down() -> None:
    async with serving() as (broker, _, cluster):
        await broker.request("echo", 1, reply=int)
        cluster.down()
        asking = asyncio.create_task(broker.request("echo", 2, reply=int))
        await asyncio.sleep(0)
        cluster.up()
        assert await asking == 2


async def test_requests_fail_when_the_reply_topic_is_deleted_and_open_another_inbox_when_it_is_back() -> None:
    async with serving() as (broker, _, cluster):
        await broker.request("echo", 1, reply=int)
        (subscription,) = broker.subscriptions
        await subscription.pause()
        asking = asyncio.create_task(broker.request("echo", 2, reply=int))
        await turns()

        cluster.delete_topic("fsoo-replies")
        with pytest.raises(TransportError, match=r'replies cannot be received: topic "fsoo-replies" was deleted'):
            await asking
        with pytest.raises(TransportError, match='unknown topic "fsoo-replies"'):
            await broker.request("echo", 3, reply=int)

        cluster.create_topic("fsoo-replies", 2)
        await subscription.resume()
        assert await broker.request("echo", 4, reply=int) == 4


async def test_a_reply_topic_that_may_not_be_made_is_said_at_the_first_request() -> None:
    transport = MemoryTransport(evolve(SETTINGS, topology="off"))
    async with KafkaBroker(evolve(SETTINGS, topology="off"), transport=transport) as broker:
        with pytest.raises(TransportError, match='unknown topic "fsoo-replies"'):
            await broker.request("echo", 1, reply=int)


async def test_missing_topics_of_replies_and_of_dead_letters_are_differences() -> None:
    settings = evolve(SETTINGS, topology="verify")
    transport = MemoryTransport(settings)
    await transport.open()
    transport.cluster.create_topic("echo", 4)

    class Verified(Shop):
        kafka = KafkaContainer(
            settings=providers.Singleton(lambda: settings), transport=providers.Singleton(lambda: transport)
        )
        echo = providers.Singleton(Echo, broker=kafka.broker)
        asking = providers.Singleton(Asking, broker=kafka.broker)

    with pytest.raises(SetupError) as refused:
        async with Application(Verified()):
            pass
    assert [problem.what for problem in refused.value.problems] == [
        'topic "fsoo-replies" does not exist',
        'topic "echo.echo.dlq" does not exist',
    ]
    hint = "make it, or kafka.topology: create where it is not external"
    assert {problem.hint for problem in refused.value.problems} == {hint}
