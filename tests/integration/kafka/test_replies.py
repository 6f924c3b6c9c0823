"""The topic of replies on Kafka, the same on every driver and its twin."""

import uuid

import pytest
from attrs import evolve

from faststream_oo import Application
from faststream_oo.errors import TransportError
from faststream_oo.kafka import KafkaBroker, KafkaConsumer, KafkaMessage, consumes
from tests.integration.kafka.worlds import KafkaWorld, RealWorld
from tests.integration.kinds import of


@of("kafka")
async def test_a_reply_comes_to_the_partition_that_the_request_names(world: KafkaWorld) -> None:
    address, replies = await world.create("echo"), f"replies-{uuid.uuid4().hex[:10]}"
    seen: list[KafkaMessage] = []

    class Echo(KafkaConsumer, group=world.group):
        @consumes(address)
        async def echo(self, number: int, message: KafkaMessage) -> int:
            seen.append(message)
            return number

    with world.below():
        broker = KafkaBroker(evolve(world.settings, reply_topic=replies))
        async with Application(consumers=[Echo(broker)]):
            assert [await broker.request(address, number, reply=int) for number in range(5)] == list(range(5))
            assert len(await broker.partitions(replies)) == 8
        records = await world.records(replies)

    (partition,) = {message.headers["fsoo-reply-partition"] for message in seen}
    assert {message.reply_to for message in seen} == {replies}
    assert {record.partition for record in records} == {int(partition)}
    assert [record.value for record in records] == [b"0", b"1", b"2", b"3", b"4"]


async def test_a_reply_topic_that_nobody_made_is_said_at_the_first_request(kafka: RealWorld) -> None:
    """Not on the twin: embedded topics are always made."""
    name = f"missing-{uuid.uuid4().hex[:10]}"
    async with KafkaBroker(evolve(kafka.settings, topology="off", reply_topic=name)) as broker:
        with pytest.raises(TransportError, match=f'topic "{name}" does not exist'):
            await broker.request("anything", 1, reply=int)
