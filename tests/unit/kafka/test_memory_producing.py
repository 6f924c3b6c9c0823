"""What an embedded Kafka does with what is sent to it."""

import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from faststream_oo.errors import ConnectError, PublishError
from faststream_oo.kafka.address import Topic, TopicPartition
from faststream_oo.kafka.claim import PartitionClaim
from faststream_oo.kafka.client.records import estimated_size
from faststream_oo.kafka.message import Headers, KafkaMessage, ReceivedRecord
from faststream_oo.kafka.options import KafkaSettings
from faststream_oo.kafka.transports.memory.topics import StoredRecord
from faststream_oo.kafka.transports.memory.transport import MemoryTransport
from faststream_oo.transport import Frame
from tests.unit.kafka.clock import ManualClock
from tests.unit.kafka.sinks import Send


def records(transport: MemoryTransport, topic: str = "t") -> list[StoredRecord]:
    return [record for log in transport.cluster.topics[topic] for record in log.records]


def received(transport: MemoryTransport, value: bytes | None, key: bytes | None, headers: Headers) -> ReceivedRecord:
    """A record that came from another topic, as a handler gets it."""
    if "source" not in transport.cluster.topics:
        transport.cluster.create_topic("source")
    record = transport.cluster.topics["source"][0].append(1, 0, (value, key, headers))
    [message] = ReceivedRecord.of([record], PartitionClaim(TopicPartition("source", 0), {}, lambda: None))
    return message


async def test_a_key_always_goes_to_the_partition_of_its_hash(transport: MemoryTransport, send: Send) -> None:
    transport.cluster.create_topic("t", 3)

    assert [send("t", key=key).partition for key in (b"a", b"b", b"order-2", b"", b"a")] == [1, 2, 0, 0, 1]


async def test_records_without_a_key_are_spread_at_random(transport: MemoryTransport, send: Send) -> None:
    transport.cluster.create_topic("t", 3)
    chosen = [send("t").partition for _ in range(200)]

    assert set(Counter(chosen)) == {0, 1, 2}
    assert any(one == next_ for one, next_ in pairwise(chosen))


async def test_an_explicit_partition_wins_over_the_key(transport: MemoryTransport, send: Send) -> None:
    transport.cluster.create_topic("t", 3)

    assert send("t", key=b"a", partition=0).partition == 0


async def test_offsets_grow_by_one_from_zero_and_the_timestamp_is_that_of_sending(
    transport: MemoryTransport, send: Send
) -> None:
    transport.cluster.create_topic("t")
    before = datetime.now(UTC) - timedelta(seconds=1)
    receipts = [send("t") for _ in range(3)]

    assert [receipt.offset for receipt in receipts] == [0, 1, 2]
    assert before <= receipts[0].timestamp <= before + timedelta(seconds=10)
    assert records(transport)[0].timestamp_type == 0


async def test_timestamps_go_on_with_the_clock(transport: MemoryTransport, send: Send, clock: ManualClock) -> None:
    transport.cluster.create_topic("t")
    first = send("t").timestamp
    await clock.advance(60)

    assert send("t").timestamp - first == timedelta(seconds=60)


async def test_a_given_timestamp_is_kept_even_before_the_epoch(transport: MemoryTransport, send: Send) -> None:
    transport.cluster.create_topic("t")
    send("t", timestamp=datetime(2023, 11, 14, 22, 13, 20, 5000, tzinfo=UTC))
    send("t", timestamp=datetime(1969, 12, 31, 23, 59, 59, 995000, tzinfo=UTC))

    assert [record.timestamp for record in records(transport)] == [1_700_000_000_005, -5]


async def test_a_timestamp_over_an_hour_ahead_is_refused(transport: MemoryTransport, send: Send) -> None:
    transport.cluster.create_topic("t")

    with pytest.raises(PublishError, match="over an hour ahead"):
        send("t", timestamp=datetime.now(UTC) + timedelta(hours=2))


async def test_a_topic_with_log_append_time_has_the_time_of_the_broker(transport: MemoryTransport, send: Send) -> None:
    transport.cluster.create_topic("t", config={"message.timestamp.type": "LogAppendTime"})
    receipt = send("t", timestamp=datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC))

    [record] = records(transport)
    assert record.timestamp_type == 1
    assert abs(record.timestamp - time.time() * 1000) < 10_000
    assert receipt.timestamp == datetime.fromtimestamp(record.timestamp / 1000, UTC)


async def test_null_and_empty_are_different_for_key_and_value(transport: MemoryTransport, send: Send) -> None:
    transport.cluster.create_topic("t")
    send("t", None, b"k")
    send("t", b"", b"k")
    send("t", b"v", b"")
    send("t", b"v", None)

    assert [(record.value, record.key) for record in records(transport)] == [
        (None, b"k"), (b"", b"k"), (b"v", b""), (b"v", None),
    ]  # fmt: skip


async def test_a_record_with_neither_key_nor_value_is_refused(transport: MemoryTransport, send: Send) -> None:
    transport.cluster.create_topic("t")

    with pytest.raises(PublishError, match="neither key nor value"):
        send("t", None)


async def test_headers_keep_their_order_and_none_is_an_empty_tuple(transport: MemoryTransport, send: Send) -> None:
    transport.cluster.create_topic("t")
    send("t", headers={"b": "1", "a": "", "ü": "x"})
    send("t")

    assert [record.headers for record in records(transport)] == [(("b", b"1"), ("a", b""), ("ü", b"x")), ()]


async def test_header_bytes_that_are_no_text_survive_being_read_and_sent(transport: MemoryTransport) -> None:
    transport.cluster.create_topic("t")
    message = received(transport, b"v", None, (("h", b"\xff\x00"),))
    transport.sender(Topic("t")).send(Frame(b"v", message.headers))

    assert records(transport)[0].headers == (("h", b"\xff\x00"),)


async def test_a_header_that_is_no_text_at_all_is_refused(transport: MemoryTransport, send: Send) -> None:
    transport.cluster.create_topic("t")

    with pytest.raises(PublishError, match="cannot be encoded"):
        send("t", headers={"h": "\ud800"})


async def test_the_log_has_the_order_of_the_calls(transport: MemoryTransport) -> None:
    transport.cluster.create_topic("t")
    sender = transport.sender(Topic("t"))
    futures = [sender.send(Frame(str(number).encode())) for number in range(50)]

    assert [record.value for record in records(transport)] == [str(number).encode() for number in range(50)]
    assert [(await future).offset for future in reversed(futures)] == list(range(49, -1, -1))
    assert (await futures[0]).offset == 0


async def test_a_compacted_topic_refuses_a_record_without_a_key(transport: MemoryTransport, send: Send) -> None:
    transport.cluster.create_topic("t", config={"cleanup.policy": "compact"})

    with pytest.raises(PublishError, match="compacted"):
        send("t")
    assert send("t", None, b"k").offset == 0


async def test_the_size_limit_counts_the_overhead_of_a_record_as_the_client_does(
    transport: MemoryTransport, send: Send
) -> None:
    transport.cluster.create_topic("t")
    send("t", bytes(1_048_486))

    with pytest.raises(PublishError, match="max_request_size is 1048576"):
        send("t", bytes(1_048_496))
    with pytest.raises(PublishError, match="a record of 1048664 bytes"):
        send("t", bytes(1_048_576))


async def test_the_topics_own_limit_is_held_too(transport: MemoryTransport, send: Send) -> None:
    transport.cluster.create_topic("t", config={"max.message.bytes": "1000"})
    send("t", bytes(900))

    with pytest.raises(PublishError, match=r'max\.message.bytes of "t" is 1000'):
        send("t", bytes(2000))


async def test_the_client_limit_can_be_raised() -> None:
    transport = MemoryTransport(KafkaSettings(config={"max_request_size": 3_000_000}))
    await transport.open()
    transport.cluster.create_topic("t", config={"max.message.bytes": "2000000"})
    sender = transport.sender(Topic("t"))

    assert (await sender.send(Frame(bytes(1_500_000)))).offset == 0
    with pytest.raises(PublishError, match=r"max\.message.bytes"):
        await sender.send(Frame(bytes(2_500_000)))
    await transport.close()


def test_the_estimate_of_a_record_is_that_of_aiokafka() -> None:
    aiokafka = pytest.importorskip("aiokafka.record.default_records")
    headers = (("a", b"1"), ("ü", None), ("", bytes(200)))

    for value, key in ((b"v" * 63, None), (None, b"k" * 64), (bytes(8191), b""), (bytes(8192), bytes(100))):
        theirs = aiokafka.DefaultRecordBatchBuilder.estimate_size_in_bytes(key, value, list(headers))
        assert estimated_size((value, key, headers)) == theirs


async def test_an_unknown_topic_is_refused_and_not_made(transport: MemoryTransport, send: Send) -> None:
    with pytest.raises(PublishError, match='unknown topic "t"'):
        send("t")
    assert not transport.cluster.topics


@pytest.mark.parametrize("name", ["a b", "", ".", "..", "ü", "x" * 250])
async def test_an_invalid_topic_name_is_refused(send: Send, name: str) -> None:
    with pytest.raises(PublishError, match="is no topic name"):
        send(name)


@pytest.mark.parametrize("partition", [3, -1])
async def test_a_partition_out_of_range_is_refused(transport: MemoryTransport, send: Send, partition: int) -> None:
    transport.cluster.create_topic("t", 3)

    with pytest.raises(PublishError, match="has no partition"):
        send("t", partition=partition)


async def test_without_acks_the_offset_is_not_known() -> None:
    transport = MemoryTransport(KafkaSettings(acks=0, idempotence=False))
    await transport.open()
    transport.cluster.create_topic("t")

    assert (await transport.sender(Topic("t")).send(Frame(b"v"))).offset == -1
    await transport.close()


async def test_a_copy_has_value_key_and_headers_as_they_came(transport: MemoryTransport) -> None:
    """Duplicates, nulls, empty and non-ASCII names included; what is added comes after."""
    transport.cluster.create_topic("dlq")
    headers: Headers = (("a", b"1"), ("a", b"2"), ("n", None), ("", b"x"), ("ü", b"\xff"), ("fsoo-id", b"7"))
    message = received(transport, b"\x00\xff", b"\xfe", headers)
    transport.sender(Topic("dlq")).send(Frame(message.body, {"fsoo-dl-reason": "bad", "a": "3"}, copy_of=message))

    [copy] = records(transport, "dlq")
    assert (copy.value, copy.key) == (b"\x00\xff", b"\xfe")
    assert copy.headers == (*headers, ("fsoo-dl-reason", b"bad"), ("a", b"3"))


async def test_a_copy_replaces_only_our_own_headers_of_the_same_name(transport: MemoryTransport) -> None:
    transport.cluster.create_topic("dlq")
    headers: Headers = (("fsoo-dl-reason", b"old"), ("a", b"1"), ("fsoo-id", b"7"))
    message = received(transport, b"v", None, headers)
    transport.sender(Topic("dlq")).send(Frame(b"v", {"fsoo-dl-reason": "new", "a": "2"}, copy_of=message))

    [copy] = records(transport, "dlq")
    assert copy.headers == (("a", b"1"), ("fsoo-id", b"7"), ("fsoo-dl-reason", b"new"), ("a", b"2"))


async def test_a_copied_tombstone_is_a_tombstone(transport: MemoryTransport) -> None:
    transport.cluster.create_topic("dlq")
    transport.sender(Topic("dlq")).send(Frame(b"", copy_of=received(transport, None, b"k", ())))

    [copy] = records(transport, "dlq")
    assert (copy.value, copy.key, copy.headers) == (None, b"k", ())


async def test_a_copy_without_key_and_value_says_that_its_value_was_none(transport: MemoryTransport) -> None:
    transport.cluster.create_topic("dlq")
    message = received(transport, None, None, (("a", b"1"),))
    transport.sender(Topic("dlq")).send(Frame(b"", {"fsoo-dl-reason": "bad"}, copy_of=message))

    [copy] = records(transport, "dlq")
    assert (copy.value, copy.key) == (b"", None)
    assert copy.headers == (("a", b"1"), ("fsoo-dl-reason", b"bad"), ("fsoo-dl-null", b"1"))


async def test_a_copy_may_be_larger_than_a_record_of_our_own(transport: MemoryTransport) -> None:
    """Only the topic limits it: what came in must get out."""
    transport.cluster.create_topic("dlq", config={"max.message.bytes": "2000000"})
    message = received(transport, bytes(1_500_000), None, ())

    assert transport.sender(Topic("dlq")).send(Frame(message.body, copy_of=message)).result().offset == 0


async def test_a_message_made_by_hand_is_copied_by_its_text_headers(transport: MemoryTransport) -> None:
    transport.cluster.create_topic("dlq")
    message = KafkaMessage[object](body=b"v", key=b"k", headers={"a": "1"})
    transport.sender(Topic("dlq")).send(Frame(b"v", {"b": "2"}, b"k", copy_of=message))

    [copy] = records(transport, "dlq")
    assert (copy.value, copy.key, copy.headers) == (b"v", b"k", (("a", b"1"), ("b", b"2")))


async def test_who_listens_hears_of_every_record(transport: MemoryTransport, send: Send) -> None:
    transport.cluster.create_topic("t")
    heard: list[StoredRecord] = []
    transport.cluster.appended.append(heard.append)
    send("t", b"1")

    assert [record.value for record in heard] == [b"1"]


async def test_what_is_sent_to_a_cluster_that_is_down_waits_in_order(transport: MemoryTransport) -> None:
    transport.cluster.create_topic("t")
    transport.cluster.create_topic("u")
    transport.cluster.down()
    futures = [transport.sender(Topic(name)).send(Frame(name.encode())) for name in ("t", "u", "t")]

    assert not any(future.done() for future in futures)
    transport.cluster.up()
    assert [(await future).offset for future in futures] == [0, 0, 1]
    assert [record.value for record in records(transport)] == [b"t", b"t"]


async def test_a_confirm_that_was_given_up_does_not_stop_the_others(transport: MemoryTransport) -> None:
    transport.cluster.create_topic("t")
    transport.cluster.down()
    given_up, waited_for = (transport.sender(Topic("t")).send(Frame(b"v")) for _ in range(2))
    given_up.set_exception(PublishError("too late"))
    transport.cluster.up()

    assert (await waited_for).offset == 1
    with pytest.raises(PublishError, match="too late"):
        await given_up


async def test_what_waits_for_a_topic_that_was_deleted_is_refused(transport: MemoryTransport) -> None:
    transport.cluster.create_topic("t")
    transport.cluster.down()
    future = transport.sender(Topic("t")).send(Frame(b"v"))
    transport.cluster.delete_topic("t")
    transport.cluster.up()

    with pytest.raises(PublishError, match="was deleted"):
        await future


async def test_closing_refuses_what_still_waits(transport: MemoryTransport) -> None:
    transport.cluster.create_topic("t")
    transport.cluster.down()
    future = transport.sender(Topic("t")).send(Frame(b"v"))
    await transport.close()

    with pytest.raises(PublishError, match="down until the end"):
        await future


async def test_a_cluster_that_is_down_cannot_be_opened(transport: MemoryTransport) -> None:
    transport.cluster.down()

    with pytest.raises(ConnectError, match="kafka at localhost:9092: the embedded Kafka is down"):
        await transport.open()
