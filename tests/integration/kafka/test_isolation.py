"""Offsets without a record: transactions of other processes, and compaction, on the real broker and the embedded one."""

import asyncio

import pytest

from tests.integration.kafka.conftest import Begin, Raw
from tests.integration.worlds import until


async def test_k65_nothing_is_read_beyond_an_open_transaction_until_it_ends(raw: Raw, begin: Begin) -> None:
    topic = await raw.create("k65")
    transaction = await raw.transaction(topic)
    await transaction.put(b"0")
    await raw.put(topic, b"1")
    _, committed = await begin(topic, group=topic)
    _, uncommitted = await begin(topic, group=f"{topic}-u", isolation="read_uncommitted")
    await until(lambda: len(uncommitted.records) == 2)
    before = list(committed.values)
    await transaction.commit()
    await until(lambda: len(committed.records) == 2)

    assert before == []
    assert committed.values == uncommitted.values == [b"0", b"1"]


@pytest.mark.parametrize(
    ("isolation", "read"), [("read_committed", [0, 1, 3, 7]), ("read_uncommitted", [0, 1, 3, 4, 5, 7])]
)
async def test_k66_an_end_of_a_transaction_takes_an_offset_and_what_was_aborted_is_read_uncommitted_alone(
    isolation: str, read: list[int], raw: Raw, begin: Begin
) -> None:
    topic = await raw.create("k66")
    transaction = await raw.transaction(topic)
    await transaction.put(b"0", b"1")
    await transaction.commit()
    await raw.put(topic, b"3")
    transaction = await raw.transaction(topic)
    await transaction.put(b"4", b"5")
    await transaction.abort()
    await raw.put(topic, b"7")
    source, sink = await begin(topic, group=topic, isolation=isolation)
    await until(lambda: len(sink.records) == len(read))
    sink.settle(*sink.held)
    await source.flush()

    assert [(one.offset, one.body) for one in sink.records] == [(offset, b"%d" % offset) for offset in read]
    assert await raw.committed(topic, topic) == 8


async def test_k67_a_log_that_ends_without_a_record_has_no_lag_once_it_is_read(raw: Raw, begin: Begin) -> None:
    topic = await raw.create("k67")
    await raw.put(topic, b"last")
    transaction = await raw.transaction(topic)
    await transaction.put(b"aborted")
    await transaction.abort()
    source, sink = await begin(topic, group=topic)
    await until(lambda: sink.records)

    deadline = asyncio.get_running_loop().time() + 30
    while await source.lag():
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.01)


async def test_k68_what_was_aborted_is_not_read_unless_that_is_asked_for(raw: Raw, begin: Begin) -> None:
    topic = await raw.create("k68")
    transaction = await raw.transaction(topic)
    await transaction.put(b"aborted")
    await transaction.abort()
    await raw.put(topic, b"written")
    _, sink = await begin(topic, group=topic)
    await until(lambda: b"written" in sink.values)

    assert sink.values == [b"written"]


@pytest.mark.timeout(120)
async def test_k73_a_compacted_topic_has_the_last_of_every_key_and_tombstones_and_a_tail(
    raw: Raw, begin: Begin
) -> None:
    topic = await raw.create("k73", cleanup_policy="compact", segment_ms="10", min_cleanable_dirty_ratio="0.01")
    for key, value in ((b"a", b"0"), (b"b", b"1"), (b"a", b"2"), (b"b", None), (b"c", b"4")):
        await raw.put(topic, value, key)
    await asyncio.sleep(0.05)  # what is in the last segment is not cleaned
    await raw.put(topic, b"5", b"c")
    await raw.compact(topic, left=4)
    source, sink = await begin(topic, group=topic)
    await until(lambda: len(sink.records) == 4)
    sink.settle(*sink.held)
    await source.flush()

    found = [(one.offset, one.raw.key, one.raw.value) for one in sink.records]
    assert found == [(2, b"a", b"2"), (3, b"b", None), (4, b"c", b"4"), (5, b"c", b"5")]
    assert await raw.committed(topic, topic) == 6
