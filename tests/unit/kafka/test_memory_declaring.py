"""Topics of an embedded Kafka: declared, verified, and asked about."""

import pytest

from faststream_oo.current import Embedding, embedded
from faststream_oo.errors import PublishError, TransportError
from faststream_oo.kafka.address import DeadLetterTopic, Topic, TopicPattern, Topics
from faststream_oo.kafka.message import PartitionInfo
from faststream_oo.kafka.options import KafkaSettings
from faststream_oo.kafka.transport import KafkaTransport, make_transport
from faststream_oo.kafka.transports.memory.transport import MemoryTransport
from tests.unit.kafka.clock import ManualClock
from tests.unit.kafka.sinks import RecordingSink, Send


async def test_create_makes_what_is_missing_with_one_partition_unless_said_otherwise(
    transport: MemoryTransport,
) -> None:
    found = await transport.declare([Topic("a"), Topics("b", Topic("c", partitions=3)), TopicPattern("d.*")], "create")

    assert not found
    assert {name: len(logs) for name, logs in transport.cluster.topics.items()} == {"a": 1, "b": 1, "c": 3}


async def test_create_changes_nothing_that_exists_but_says_so(transport: MemoryTransport) -> None:
    transport.cluster.create_topic("a", 2)

    assert await transport.declare([Topic("a", partitions=3)], "create") == [
        'topic "a" has 2 partitions, declared are 3'
    ]
    assert len(transport.cluster.topics["a"]) == 2


async def test_a_topic_that_is_declared_twice_has_all_that_is_said_of_it(transport: MemoryTransport) -> None:
    declared = [Topic("a"), Topic("a", partitions=3), Topic("a", config={"cleanup.policy": "compact"})]

    assert not await transport.declare(declared, "create")
    assert len(transport.cluster.topics["a"]) == 3
    assert transport.cluster.topics["a"].compacted


async def test_verify_reports_missing_topics_and_other_partition_counts_and_makes_nothing(
    transport: MemoryTransport,
) -> None:
    transport.cluster.create_topic("a", 2)

    assert await transport.declare([Topic("a", partitions=3), Topic("b"), Topic("a")], "verify") == [
        'topic "a" has 2 partitions, declared are 3',
        'topic "b" does not exist',
    ]
    assert set(transport.cluster.topics) == {"a"}


async def test_off_does_nothing(transport: MemoryTransport) -> None:
    assert not await transport.declare([Topic("a")], "off")
    assert not transport.cluster.topics


@pytest.mark.parametrize("mode", ["create", "verify"])
async def test_an_external_topic_is_never_made(mode: str) -> None:
    transport = MemoryTransport(KafkaSettings())
    await transport.open()
    found = await transport.declare([Topic("a", external=True)], "create" if mode == "create" else "verify")

    assert found == ['topic "a" is external and does not exist']
    assert not transport.cluster.topics


async def test_in_an_embedding_an_external_topic_simply_exists(transport: MemoryTransport) -> None:
    found = await transport.declare([Topic("a", external=True, partitions=2)], "verify")

    assert not found
    assert len(transport.cluster.topics["a"]) == 2


async def test_a_template_declares_nothing(transport: MemoryTransport) -> None:
    assert not await transport.declare([Topic("orders.{region}")], "create")
    assert not transport.cluster.topics


async def test_a_dead_letter_topic_has_the_partitions_of_its_source_and_room_for_diagnostics(
    transport: MemoryTransport,
) -> None:
    source = Topic("a", partitions=3, config={"max.message.bytes": "2000"})

    assert not await transport.declare([DeadLetterTopic("a.g.dlq", source="a"), source], "create")
    assert len(transport.cluster.topics["a.g.dlq"]) == 3
    assert transport.cluster.topics["a.g.dlq"].max_message_bytes == 2000 + 65_536


async def test_a_dead_letter_topic_without_its_source_is_an_ordinary_one(transport: MemoryTransport) -> None:
    assert not await transport.declare([DeadLetterTopic("a.dlq", source="a")], "create")
    assert len(transport.cluster.topics["a.dlq"]) == 1


async def test_what_kafka_would_refuse_is_a_difference(transport: MemoryTransport) -> None:
    [name, limit] = await transport.declare([Topic("a b"), Topic("c", config={"max.message.bytes": "much"})], "create")

    assert "is no topic name" in name
    assert "max.message.bytes is no number" in limit


async def test_partitions_tell_first_and_end(transport: MemoryTransport, send: Send) -> None:
    transport.cluster.create_topic("a", 2)
    for _ in range(3):
        send("a", partition=1)
    transport.cluster.delete_records("a", 1, 2)

    assert await transport.partitions("a") == [
        PartitionInfo(topic="a", partition=0, first=0, end=0, leader="localhost:9092"),
        PartitionInfo(topic="a", partition=1, first=2, end=3, leader="localhost:9092"),
    ]


async def test_asking_about_a_missing_topic_does_not_make_it(transport: MemoryTransport) -> None:
    assert not await transport.partitions("a")
    assert not transport.cluster.topics


async def test_brokers_with_equal_servers_share_the_cluster_of_an_embedding(clock: ManualClock) -> None:
    one, same, other = (MemoryTransport(KafkaSettings(servers=[server])) for server in ("a:1", "a:1", "b:1"))
    with embedded(Embedding(clock)):
        for transport in (one, same, other):
            await transport.open()

    assert one.cluster is same.cluster
    assert one.cluster is not other.cluster


async def test_without_an_embedding_every_transport_has_a_cluster_of_its_own() -> None:
    one, other = MemoryTransport(KafkaSettings()), MemoryTransport(KafkaSettings())
    await one.open()
    await other.open()

    assert one.cluster is not other.cluster


async def test_a_cluster_outlives_the_connection(transport: MemoryTransport, send: Send) -> None:
    transport.cluster.create_topic("a")
    send("a")
    await transport.close()
    await transport.open()

    assert send("a").offset == 1


def test_nothing_can_be_asked_before_it_is_open() -> None:
    transport = MemoryTransport(KafkaSettings())

    with pytest.raises(TransportError, match="not open"):
        transport.source(Topic("a"), {})
    with pytest.raises(TransportError, match="not open"):
        transport.sender(Topic("a"))


def test_the_driver_memory_is_this_transport() -> None:
    transport: KafkaTransport = make_transport(KafkaSettings(driver="memory"))

    assert isinstance(transport, MemoryTransport)


async def test_a_cluster_that_is_down_answers_no_question(transport: MemoryTransport) -> None:
    await transport.ping()
    transport.cluster.down()

    with pytest.raises(TransportError, match="down"):
        await transport.ping()
    with pytest.raises(TransportError, match="down"):
        await transport.partitions("a")
    with pytest.raises(TransportError, match="down"):
        await transport.declare([Topic("a")], "create")


async def test_an_inbox_needs_its_topic_and_transactions_are_refused(transport: MemoryTransport) -> None:
    with pytest.raises(TransportError, match='unknown topic "fsoo-replies"'):
        await transport.inbox(RecordingSink())
    with pytest.raises(PublishError, match="no transactions"):
        await transport.transact(None, {}, [])


async def test_only_topics_are_sent_to_and_only_topics_are_read(transport: MemoryTransport) -> None:
    with pytest.raises(TransportError, match="no Topic"):
        transport.sender(TopicPattern("a.*"))
