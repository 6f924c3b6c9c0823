"""What the log of a worker tells of its partitions."""

import logging

import pytest

from faststream_oo import Application
from faststream_oo.current import Embedding, embedded
from faststream_oo.kafka import KafkaBroker, KafkaConsumer, KafkaSettings, Topic, TopicPattern, consumes
from faststream_oo.kafka.transports.memory import MemoryCluster
from tests.unit.kafka.clock import ManualClock, turns

SETTINGS = KafkaSettings(topology="create")


class Orders(KafkaConsumer, group="billing"):
    @consumes(Topic("orders", partitions=2))
    async def placed(self, number: int) -> None: ...


class Nothing(KafkaConsumer, group="billing"):
    @consumes(TopicPattern(r"refunds\.\w+"))
    async def made(self, number: int) -> None: ...


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "faststream_oo")
    return caplog


def about_partitions(lines: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """Return what was told since the last look, with its level."""
    words = ("was assigned", "gave back", " lost orders/", "had no partition")
    found = [(one.levelname, one.getMessage()) for one in lines.records]
    lines.clear()
    return [(level, text) for level, text in found if any(word in text for word in words)]


def worker(name: str, consumer: type[KafkaConsumer] = Orders) -> Application:
    """Return another process; names decide who gets what."""
    return Application(consumers=[consumer(KafkaBroker(KafkaSettings(client_id=name, topology="create")))])


async def test_what_comes_and_goes_is_a_line_with_the_consumer_and_the_partitions(
    lines: pytest.LogCaptureFixture, clock: ManualClock
) -> None:
    with embedded(Embedding(clock)):
        async with worker("a"):
            (record,) = [one for one in lines.records if "assigned" in one.getMessage()]
            assert vars(record)["fields"] == {"consumer": "Orders.placed", "partitions": "orders/0,1"}
            assert about_partitions(lines) == [("INFO", "Orders.placed was assigned orders/0,1")]
            async with worker("b"):
                assert about_partitions(lines) == [
                    ("INFO", "Orders.placed gave back orders/0,1"),
                    ("INFO", "Orders.placed was assigned orders/0"),
                    ("INFO", "Orders.placed was assigned orders/1"),
                ]
            await turns()
            lines.clear()
        assert about_partitions(lines) == [("INFO", "Orders.placed gave back orders/0,1")]


async def test_a_member_without_a_partition_is_told_once_after_a_minute(
    lines: pytest.LogCaptureFixture, clock: ManualClock
) -> None:
    with embedded(Embedding(clock)):
        async with worker("a"), worker("b"), worker("c"):
            await clock.advance(59.0)
            assert not any("had no" in text for _, text in about_partitions(lines))
            await clock.advance(2.0)
            told = 'group "billing" has more members than there are partitions of orders'
            assert about_partitions(lines) == [("WARNING", f"Orders.placed had no partition for a minute: {told}")]
            await clock.advance(300.0)
            assert about_partitions(lines) == []


async def test_a_member_that_is_given_a_partition_in_time_is_not_told(
    lines: pytest.LogCaptureFixture, clock: ManualClock
) -> None:
    with embedded(Embedding(clock)):
        async with worker("a"), worker("b") as leaving:
            async with worker("c"):
                await clock.advance(59.0)
            await clock.advance(300.0)
            assert leaving.state == "running"
    assert not any("had no" in text for _, text in about_partitions(lines))


async def test_while_the_broker_is_away_nobody_is_one_too_many(
    lines: pytest.LogCaptureFixture, clock: ManualClock
) -> None:
    embedding = Embedding(clock)
    with embedded(embedding):
        async with worker("a", Nothing):
            cluster = embedding.cluster(("kafka", SETTINGS.servers), MemoryCluster)
            cluster.down()
            await clock.advance(61.0)
            assert about_partitions(lines) == []
            cluster.up()
            await clock.advance(60.0)
            assert [level for level, _ in about_partitions(lines)] == ["WARNING"]
