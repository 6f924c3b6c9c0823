"""What users notice of Kafka, on the real broker and on the embedded one: one test a behaviour, each with its number.

`tests/behaviours/kafka.md` tells what the numbers are, and where the tests of the others stand.
"""

import asyncio
import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from faststream_oo.errors import PublishError, TransportError
from faststream_oo.kafka import KafkaReceipt, TopicPattern, Topics
from faststream_oo.kafka.address import Partitions, SeekTo, Topic, TopicPartition
from faststream_oo.kafka.transport import KafkaSource, KafkaTransport
from faststream_oo.transport import Frame
from tests.integration.kafka.conftest import Begin, Raw, numbers, only_confluent
from tests.integration.worlds import until
from tests.unit.kafka.sinks import RecordingSink

KEYS = {
    "a": (0, 1, 4),
    "b": (0, 2, 8),
    "order-2": (0, 0, 3),
    "user:42": (0, 1, 1),
    "hello world": (0, 1, 7),
    "123456789": (0, 0, 6),
    "ключ": (0, 2, 8),
    "00": (0, 2, 8),
    "": (0, 0, 9),
}
LARGEST = 1_048_486
"""The longest value without key and headers that the client's default limit lets through."""


async def publish(transport: KafkaTransport, topic: str, *frames: Frame) -> list[KafkaReceipt]:
    sender = transport.sender(Topic(topic))
    confirms = [sender.send(frame) for frame in frames]
    return [await confirm for confirm in confirms if confirm is not None]


async def reading(
    raw: Raw, begin: Begin, name: str, count: int, **options: object
) -> tuple[str, KafkaSource, RecordingSink]:
    """Return a topic of so many numbered records, and a group of its name that has read them."""
    topic = await raw.create(name)
    await raw.put_all(topic, numbers(0, count))
    source, sink = await begin(topic, group=topic, **options)
    await until(lambda: len(sink.records) == count)
    return topic, source, sink


def shares(*sinks: RecordingSink) -> list[int]:
    return sorted(len(sink.partitions) for sink in sinks)


# Partitions and records ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("column", "partitions"), [(0, 1), (1, 3), (2, 12)])
async def test_k01_a_key_chooses_its_partition_as_the_java_client_does(
    column: int, partitions: int, raw: Raw, transport: KafkaTransport
) -> None:
    topic = await raw.create("k01", partitions)
    receipts = await publish(transport, topic, *(Frame(b"v", key=key.encode()) for key in KEYS))

    assert [one.partition for one in receipts] == [places[column] for places in KEYS.values()]


async def test_k03_records_without_a_key_are_spread_over_all_partitions(raw: Raw, transport: KafkaTransport) -> None:
    topic = await raw.create("k03", 3)
    used: set[int] = set()

    async with asyncio.timeout(30):
        while used != {0, 1, 2}:  # a client may stay with a partition for a batch
            used.update(one.partition for one in await publish(transport, topic, *[Frame(b"v")] * 60))


async def test_k04_a_given_partition_wins_over_the_key(raw: Raw, transport: KafkaTransport) -> None:
    topic = await raw.create("k04", 3)
    (receipt,) = await publish(transport, topic, Frame(b"v", key=b"a", options={"partition": 0}))

    assert (receipt.partition, receipt.offset) == (0, 0)


async def test_k05_offsets_count_from_zero_and_the_time_is_that_of_sending(
    raw: Raw, transport: KafkaTransport, begin: Begin
) -> None:
    topic = await raw.create("k05")
    before = datetime.now(UTC) - timedelta(seconds=1)
    receipts = await publish(transport, topic, *[Frame(b"v")] * 3)
    _, sink = await begin(topic, group=topic)
    await until(lambda: len(sink.records) == 3)

    assert [one.offset for one in receipts] == [0, 1, 2] == [one.offset for one in sink.records]
    assert [one.timestamp for one in receipts] == [one.timestamp for one in sink.records]
    assert all(before <= one.timestamp <= datetime.now(UTC) for one in receipts)


async def test_k08_null_and_empty_are_different_for_key_and_value(
    raw: Raw, transport: KafkaTransport, begin: Begin
) -> None:
    topic = await raw.create("k08")
    pairs = [(None, b"k"), (b"", b"k"), (b"v", b""), (b"v", None)]
    await publish(transport, topic, *(Frame(value, key=key) for value, key in pairs))
    _, sink = await begin(topic, group=topic)
    await until(lambda: len(sink.records) == 4)

    assert [(one.raw.value, one.raw.key) for one in sink.records] == pairs


@pytest.mark.parametrize("text", [1, b"1", None, ["1"]], ids=repr)
async def test_k11_a_header_that_is_no_text_is_refused_before_anything_is_sent(
    text: Any, raw: Raw, transport: KafkaTransport
) -> None:
    topic = await raw.create("k11")
    for beside in ({}, {"bytes": "\udcff"}):
        with pytest.raises(PublishError, match="a header is no text"):
            transport.sender(Topic(topic)).send(Frame(b"v", {**beside, "a": text}))

    assert not await raw.read(topic)


# Size ----------------------------------------------------------------------------------------------------------------


async def test_k18_the_limit_of_a_record_counts_its_overhead(raw: Raw, transport: KafkaTransport) -> None:
    topic = await raw.create("k18")
    with pytest.raises(PublishError, match=r"max_request_size|message\.max\.bytes"):
        await publish(transport, topic, Frame(b"x" * (LARGEST + 10)))
    (receipt,) = await publish(transport, topic, Frame(b"x" * LARGEST))

    assert receipt.offset == 0


async def test_k19_a_record_over_the_topics_limit_is_refused_and_those_around_it_are_not(
    raw: Raw, transport: KafkaTransport
) -> None:
    topic = await raw.create("k19", max_message_bytes="1000")
    sender = transport.sender(Topic(topic))
    sent = [sender.send(Frame(value)) for value in (b"first", b"x" * 2000, b"last")]
    found = await asyncio.gather(*(confirm for confirm in sent if confirm is not None), return_exceptions=True)

    assert [type(one) for one in found] == [KafkaReceipt, PublishError, KafkaReceipt]
    assert [one.body for one in await raw.read(topic)] == [b"first", b"last"]


# Groups and offsets --------------------------------------------------------------------------------------------------


async def test_k22_every_group_and_every_reader_without_one_gets_everything(raw: Raw, begin: Begin) -> None:
    topic = await raw.create("k22")
    values = numbers(0, 6)
    await raw.put_all(topic, values)
    sinks = [(await begin(topic, group=f"{topic}-{name}"))[1] for name in "ab"]
    sinks += [(await begin(topic, start="earliest"))[1] for _ in range(2)]

    for sink in sinks:
        await until(lambda: len(sink.records) == 6)  # noqa: B023 - awaited in the turn
        assert sink.values == values


@pytest.mark.parametrize(("start", "seen"), [("earliest", [b"old", b"new"]), ("latest", [b"new"])])
async def test_k23_a_new_group_begins_at_the_first_record_or_after_the_last(
    start: str, seen: list[bytes], raw: Raw, begin: Begin
) -> None:
    topic = await raw.create("k23")
    await raw.put(topic, b"old")
    _, sink = await begin(topic, group=topic, start=start)
    await raw.put(topic, b"new")
    await until(lambda: b"new" in sink.values)

    assert sink.values == seen


async def test_k25_a_latest_group_goes_on_where_it_began_if_it_settled_nothing(raw: Raw, begin: Begin) -> None:
    """A raw client would start at the end again and never see the record: the place is committed at the start."""
    topic = await raw.create("k25")
    await raw.put(topic, b"old")
    source, _ = await begin(topic, group=topic, start="latest")
    await source.close()
    await raw.put(topic, b"between")
    _, sink = await begin(topic, group=topic, start="latest")
    await raw.put(topic, b"after")
    await until(lambda: len(sink.records) == 2)

    assert sink.values == [b"between", b"after"]


async def test_k26_what_is_committed_is_the_offset_of_the_next_record(raw: Raw, begin: Begin) -> None:
    topic, source, sink = await reading(raw, begin, "k26", 3)
    sink.settle(*sink.records[:2])
    await source.close()

    assert await raw.committed(topic, topic) == 2


async def test_k27_only_what_is_settled_is_committed_not_all_that_was_read(raw: Raw, begin: Begin) -> None:
    topic, source, sink = await reading(raw, begin, "k27", 3)
    sink.settle(sink.records[0])
    await source.close()
    _, heir = await begin(topic, group=topic)
    await until(lambda: len(heir.records) == 2)

    assert heir.values == [b"1", b"2"]


async def test_k28_nothing_is_committed_of_what_is_being_handled(raw: Raw, begin: Begin) -> None:
    topic, source, sink = await reading(raw, begin, "k28", 2, commit_interval=0.01)
    sink.settle(sink.records[1])
    await source.flush()

    assert await source.committed(TopicPartition(topic, 0)) is None


async def test_k29_a_close_commits_before_the_interval_is_over(raw: Raw, begin: Begin) -> None:
    topic, source, sink = await reading(raw, begin, "k29", 2, commit_interval=60.0)
    sink.settle(sink.records[0])
    await source.close()

    assert await raw.committed(topic, topic) == 1


async def test_k30_a_lower_offset_is_committed_too_and_the_next_session_starts_there(raw: Raw, begin: Begin) -> None:
    topic, source, sink = await reading(raw, begin, "k30", 6)
    sink.settle(*sink.held)
    await source.flush()
    assert await raw.committed(topic, topic) == 6
    await source.seek(TopicPartition(topic, 0), 3)
    await until(lambda: len(sink.records) == 9)
    sink.settle(sink.records[6])
    await source.close()
    _, heir = await begin(topic, group=topic)
    await until(lambda: len(heir.records) == 2)

    assert heir.values == [b"4", b"5"]


@pytest.mark.parametrize(("start", "old"), [("earliest", [b"0", b"1"]), ("latest", [])])
async def test_k31_an_offset_beyond_the_end_is_reset(start: str, old: list[bytes], raw: Raw, begin: Begin) -> None:
    topic = await raw.create("k31")
    await raw.put_all(topic, [b"0", b"1"])
    await raw.commit(topic, topic, 999)
    _, sink = await begin(topic, group=topic, start=start)
    async with asyncio.timeout(30):
        while b"new" not in sink.values:  # it is reset at the first read, which is a moment later
            await raw.put(topic, b"new")
            await asyncio.sleep(0.01)

    assert [value for value in sink.values if value != b"new"] == old


async def test_k31_an_offset_beyond_the_end_is_refused_with_start_fail(raw: Raw, begin: Begin) -> None:
    topic = await raw.create("k31f")
    await raw.put(topic, b"0")
    await raw.commit(topic, topic, 999)
    sink = RecordingSink()
    try:
        await begin(topic, sink, group=topic, start="fail")
        error = await sink.failed()
    except TransportError as refused:
        error = refused

    assert isinstance(error, TransportError)
    assert not sink.records


async def test_k31_an_offset_whose_record_was_deleted_goes_on_at_the_first_that_is_left(raw: Raw, begin: Begin) -> None:
    topic = await raw.create("k31d")
    await raw.put_all(topic, numbers(0, 6))
    await raw.commit(topic, topic, 1)
    await raw.delete_records(topic, 4)
    _, sink = await begin(topic, group=topic)
    await until(lambda: len(sink.records) == 2)

    assert sink.values == [b"4", b"5"]


async def test_k33_without_a_group_nothing_is_committed_and_nothing_can_be_asked_for(raw: Raw, begin: Begin) -> None:
    topic = await raw.create("k33")
    source, _ = await begin(topic)
    with pytest.raises(TransportError, match="group"):
        await source.commit()
    with pytest.raises(TransportError, match="group"):
        await source.committed(TopicPartition(topic, 0))


async def test_k37_a_handler_slower_than_max_poll_interval_keeps_its_partition(raw: Raw, begin: Begin) -> None:
    """A raw client would lose it: here the client is polled while the handler is busy."""
    topic = await raw.create("k37")
    await raw.put_all(topic, [b"0", b"1"])
    source, slow = await begin(topic, RecordingSink(1), group=topic, session_timeout=2.0, max_poll_interval=2.0)
    await until(lambda: slow.records)
    await asyncio.sleep(3)  # the handler: nothing happens that could be waited for
    slow.settle(*slow.held)
    await until(lambda: len(slow.records) == 2)
    await source.flush()

    assert slow.values == [b"0", b"1"]
    assert slow.events == [("assign", [(topic, 0)])]
    assert await raw.committed(topic, topic) == 1


async def test_ke5_what_is_settled_of_a_partition_that_went_to_another_is_not_committed(raw: Raw, begin: Begin) -> None:
    topic = await raw.create("ke5", 2)
    await raw.put(topic, b"0", partition=0)
    await raw.put(topic, b"1", partition=1)
    source, loses = await begin(topic, group=topic, commit_interval=0.01)
    await until(lambda: len(loses.records) == 2)
    old = list(loses.records)
    _, takes = await begin(topic, group=topic)
    await until(lambda: shares(loses, takes) == [1, 1])
    loses.settle(*old)
    await source.flush()

    assert [await source.committed(TopicPartition(topic, number)) for number in (0, 1)] == [None, None]
    assert not loses.errors


# Members -------------------------------------------------------------------------------------------------------------


@only_confluent
async def test_k39_range_deals_every_topic_out_by_itself(raw: Raw, begin: Begin) -> None:
    one, other = await raw.create("k39a", 3), await raw.create("k39b", 3)
    sinks = await _joining(
        begin, one, other, [[6], [2, 4], [2, 2, 2], [0, 2, 2, 2]], partition_assignment_strategy="range"
    )

    held = [sink.partitions for sink in sinks if sink.partitions]
    assert sorted(held) == [[(one, number), (other, number)] for number in range(3)]


async def test_k40_round_robin_deals_all_topics_out_in_one_turn(raw: Raw, begin: Begin) -> None:
    one, other = await raw.create("k40a", 3), await raw.create("k40b", 3)
    everything = [(topic, number) for topic in (one, other) for number in range(3)]
    for count in (2, 3, 4):
        dealt = [sorted(everything[start::count]) for start in range(count)]
        group = f"{one}-{count}"
        sinks = await _joining(begin, one, other, [[6], [3, 3], [2, 2, 2], [1, 1, 2, 2]][:count], group=group)
        assert sorted(sink.partitions for sink in sinks) == sorted(dealt)


async def _joining(
    begin: Begin, one: str, other: str, expected: list[list[int]], group: str = "", **config: str
) -> list[RecordingSink]:
    """Let members join until each share is as expected, and return them."""
    sinks: list[RecordingSink] = []
    for held in expected:
        sink = RecordingSink(settles=True)
        await begin(Topics(one, other), sink, group=group or one, config=config)
        sinks.append(sink)
        await until(lambda: shares(*sinks) == held)  # noqa: B023 - awaited in the turn
    return sinks


async def test_k41_who_gets_which_partition_is_random(raw: Raw, begin: Begin) -> None:
    topic = await raw.create("k41", 2)
    had: set[int] = set()
    async with asyncio.timeout(60):
        while had != {0, 1}:
            group = f"{topic}-{uuid.uuid4().hex}"
            members = [await begin(topic, RecordingSink(settles=True), group=group) for _ in range(2)]
            first, second = (sink for _, sink in members)
            await until(lambda: shares(first, second) == [1, 1])  # noqa: B023 - awaited in the turn
            had.update(number for _, number in first.partitions)
            await asyncio.gather(*(source.close() for source, _ in members))


async def test_k45_a_member_more_than_partitions_simply_waits(raw: Raw, begin: Begin) -> None:
    topic = await raw.create("k45", 2)
    sinks = [(await begin(topic, RecordingSink(settles=True), group=topic))[1] for _ in range(3)]
    await until(lambda: shares(*sinks) == [0, 1, 1])
    await raw.put(topic, b"0", partition=0)
    await raw.put(topic, b"1", partition=1)
    await until(lambda: sum(len(sink.records) for sink in sinks) == 2)

    assert not any(sink.errors for sink in sinks)


async def test_k46_at_a_join_everything_is_given_back_before_anything_is_given(raw: Raw, begin: Begin) -> None:
    topic = await raw.create("k46", 2)
    _, first = await begin(topic, group=topic)
    _, second = await begin(topic, group=topic)
    await until(lambda: shares(first, second) == [1, 1])
    both = [(topic, 0), (topic, 1)]

    assert first.events == [("assign", both), ("revoke", both), ("assign", first.partitions)]
    assert second.events == [("assign", second.partitions)]


async def test_k47_a_record_not_settled_comes_again_to_an_owner_that_stays(raw: Raw, begin: Begin) -> None:
    topic = await raw.create("k47", 2)
    await raw.put(topic, b"0", partition=0)
    await raw.put(topic, b"1", partition=1)
    _, first = await begin(topic, group=topic)
    await until(lambda: len(first.records) == 2)
    _, second = await begin(topic, group=topic)
    await until(lambda: len(first.records) == 3 and len(second.records) == 1)

    assert Counter(first.values[2:] + second.values) == Counter([b"0", b"1"])


async def test_k49_a_survivor_gets_what_the_leaver_did_not_settle_and_its_own_again(raw: Raw, begin: Begin) -> None:
    topic = await raw.create("k49", 2)
    _, stays = await begin(topic, group=topic)
    leaver, leaves = await begin(topic, group=topic)
    await until(lambda: shares(stays, leaves) == [1, 1])
    await raw.put(topic, b"0", partition=0)
    await raw.put(topic, b"1", partition=1)
    await until(lambda: len(stays.records) == len(leaves.records) == 1)
    own = list(stays.values)
    await leaver.close()
    await until(lambda: len(stays.records) == 3)

    assert Counter(stays.values) == Counter([*own, b"0", b"1"])


async def test_k50_a_topic_goes_to_those_members_alone_that_subscribe_to_it(raw: Raw, begin: Begin) -> None:
    one, other = await raw.create("k50a", 2), await raw.create("k50b", 2)
    _, first = await begin(one, group=one)
    _, second = await begin(other, group=one)
    await until(lambda: len(first.partitions) == len(second.partitions) == 2)

    assert {topic for topic, _ in first.partitions} == {one}
    assert {topic for topic, _ in second.partitions} == {other}


async def test_k54_an_earliest_group_sees_what_is_sent_at_once_to_an_added_partition(raw: Raw, begin: Begin) -> None:
    topic = await raw.create("k54")
    _, sink = await begin(topic, RecordingSink(settles=True), group=topic, config={"metadata_max_age_ms": 300})
    await raw.grow(topic, 3)
    await raw.put(topic, b"new", partition=2)
    await until(lambda: sink.records)

    assert sink.values == [b"new"]
    assert len(sink.partitions) == 3


async def test_k54_a_latest_group_too_sees_what_is_sent_at_once_to_an_added_partition(raw: Raw, begin: Begin) -> None:
    """A raw client would miss it, as it looks for the end when it notices the partition."""
    topic = await raw.create("k54l")
    await raw.put(topic, b"old")
    config = {"metadata_max_age_ms": 300}
    _, sink = await begin(topic, RecordingSink(settles=True), group=topic, start="latest", config=config)
    sink.gate.clear()
    await raw.grow(topic, 2)
    await raw.put(topic, b"new", partition=1)
    sink.gate.set()
    await until(lambda: sink.records)

    assert sink.values == [b"new"]


async def test_k52_a_latest_group_sees_the_first_record_of_a_topic_that_its_pattern_matches_later(
    raw: Raw, begin: Begin
) -> None:
    """A raw client would miss it, as it looks for the end when it notices the topic."""
    known = await raw.create("k52.a")
    tail = known.rpartition("-")[2]
    await raw.put(known, b"old")
    config = {"metadata_max_age_ms": 300}
    sink = RecordingSink(settles=True)
    await begin(TopicPattern(rf"k52\.\w-{tail}"), sink, group=tail, start="latest", config=config)
    sink.gate.clear()
    await raw.create_exactly(f"k52.b-{tail}")
    await raw.put(f"k52.b-{tail}", b"new")
    sink.gate.set()
    await until(lambda: sink.records)

    assert sink.values == [b"new"]


async def test_k55_a_topic_deleted_under_a_consumer_is_no_error(raw: Raw, begin: Begin) -> None:
    stays, goes = await raw.create("k55a"), await raw.create("k55b")
    _, sink = await begin(
        Topics(stays, goes), RecordingSink(settles=True), group=stays, config={"metadata_max_age_ms": 300}
    )
    await raw.delete(goes)
    await until(lambda: sink.partitions == [(stays, 0)])
    await raw.put(stays, b"v")
    await until(lambda: sink.records)

    assert not sink.errors


# The shape of what is read -------------------------------------------------------------------------------------------


async def test_k62_each_partition_is_in_order_whatever_the_order_between_them(raw: Raw, begin: Begin) -> None:
    topic = await raw.create("k62", 2)
    for number in range(8):
        await raw.put(topic, b"%d" % number, partition=number % 2)
    _, sink = await begin(topic, RecordingSink(settles=True), group=topic)
    await until(lambda: len(sink.records) == 8)

    for partition in (0, 1):
        assert [one.offset for one in sink.records if one.partition == partition] == [0, 1, 2, 3]


async def test_k56_a_seek_goes_to_an_offset_an_end_or_what_is_committed_of_an_assigned_partition(
    raw: Raw, begin: Begin
) -> None:
    topic, source, sink = await reading(raw, begin, "k56", 5)
    place = TopicPartition(topic, 0)
    sink.settle(*sink.records[:2])
    await source.flush()
    committed = await source.committed(place)
    assert committed is not None
    places: list[tuple[SeekTo, list[int]]] = [(3, [3, 4]), ("earliest", [0, 1, 2, 3, 4]), (committed, [2, 3, 4])]
    for to, expected in places:
        before = len(sink.records)
        await source.seek(place, to)
        await until(lambda: len(sink.records) == before + len(expected))  # noqa: B023 - awaited in the turn
        assert [one.offset for one in sink.records[before:]] == expected
    await source.seek(place, "latest")
    await raw.put(topic, b"new")
    await until(lambda: sink.values[-1] == b"new")

    assert len(sink.records) == 16
    with pytest.raises(TransportError, match="not assigned"):
        await source.seek(TopicPartition(topic, 1), 0)


async def test_k58_two_by_hand_get_everything_each_and_share_what_their_group_committed(raw: Raw, begin: Begin) -> None:
    topic = await raw.create("k58")
    place = TopicPartition(topic, 0)
    await raw.put_all(topic, [b"0", b"1", b"2"])
    one, first = await begin(Partitions(place, start="earliest"), group=topic)
    other, second = await begin(Partitions(place, start="earliest"), group=topic)
    await until(lambda: len(first.records) == len(second.records) == 3)
    first.settle(*first.records[:2])
    await one.flush()
    after_first = await other.committed(place)
    second.settle(second.records[0])
    await other.flush()

    assert (after_first, await one.committed(place)) == (2, 1)


async def test_k61_no_more_is_read_than_there_is_room_for_and_the_rest_comes_later(raw: Raw, begin: Begin) -> None:
    topic = await raw.create("k61", 3)
    for partition in range(3):
        for number in range(3):
            await raw.put(topic, b"%d" % number, partition=partition)
    _, sink = await begin(topic, RecordingSink(4), group=topic)
    async with asyncio.timeout(30):
        while len(sink.records) < 9:
            await sink.received(min(9, len(sink.records) + 4 - len(sink.held)))
            assert len(sink.held) <= 4
            sink.settle(*sink.held)

    for partition in range(3):
        assert [one.offset for one in sink.records if one.partition == partition] == [0, 1, 2]
