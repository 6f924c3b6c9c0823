"""How an embedded Kafka is read: positions, feeding, pauses, commits."""

import asyncio
from collections.abc import Sequence

import pytest

from faststream_oo.errors import TransportError
from faststream_oo.kafka.address import Topic, TopicPartition, TopicPattern, Topics
from faststream_oo.kafka.transports.memory.transport import MemoryTransport
from faststream_oo.outcome import DeadLetter, Drop, Retry
from faststream_oo.transport import Claim
from tests.unit.kafka.clock import ManualClock, turns
from tests.unit.kafka.sinks import RecordingSink, Send, Start

T0 = TopicPartition("t", 0)


async def test_every_group_and_every_reader_without_a_group_gets_every_record(
    transport: MemoryTransport, send: Send, start: Start
) -> None:
    transport.cluster.create_topic("t", 2)
    for number in range(6):
        send("t", str(number).encode())

    for group in ("g", "h", None, None):
        _, sink = await start("t", group)
        assert sorted(await sink.received(6)) == [b"0", b"1", b"2", b"3", b"4", b"5"]


async def test_a_message_tells_its_place_and_has_the_record_of_the_log(
    transport: MemoryTransport, send: Send, start: Start
) -> None:
    transport.cluster.create_topic("t")
    send("t", b"v", b"k", {"h": "1"})
    _, sink = await start("t")
    await sink.received(1)

    [message] = sink.records
    assert (message.topic, message.partition, message.offset, message.position) == ("t", 0, 0, 0)
    assert (message.body, message.key, message.headers) == (b"v", b"k", {"h": "1"})
    assert message.claim.path == {}
    assert message.raw is transport.cluster.topics["t"][0].records[0]


# Where a group begins -----------------------------------------------------------------------------------------------


async def test_a_new_group_with_earliest_gets_all_old_records(
    transport: MemoryTransport, send: Send, start: Start
) -> None:
    transport.cluster.create_topic("t")
    send("t", b"old")
    _, sink = await start("t", start="earliest")

    assert await sink.received(1) == [b"old"]


@pytest.mark.parametrize("group", ["g", None])
async def test_latest_gets_none_of_the_old_and_what_is_sent_once_it_started(
    transport: MemoryTransport, send: Send, start: Start, group: str | None
) -> None:
    transport.cluster.create_topic("t")
    send("t", b"old")
    _, sink = await start("t", group, start="latest")
    send("t", b"new")

    assert await sink.received(1) == [b"new"]


async def test_start_fail_refuses_to_guess_where_a_new_group_begins(
    transport: MemoryTransport, send: Send, start: Start
) -> None:
    """Not when it is started, but when it would read."""
    transport.cluster.create_topic("t")
    send("t")
    _, sink = await start("t", start="fail")
    error = await sink.failed()

    assert isinstance(error, TransportError)
    assert str(error) == ('t/0: there is no committed offset for group "g", and start="fail"; the log has 0 to 1')
    assert not sink.records


async def test_start_fail_goes_on_at_a_committed_offset(transport: MemoryTransport, send: Send, start: Start) -> None:
    transport.cluster.create_topic("t")
    for value in (b"0", b"1"):
        send("t", value)
    transport.cluster.group("g").commit(T0, 1)
    _, sink = await start("t", start="fail")

    assert await sink.received(1) == [b"1"]
    assert not sink.errors


@pytest.mark.parametrize(("policy", "first"), [("earliest", b"0"), ("latest", b"new")])
async def test_an_offset_committed_beyond_the_end_is_reset(
    transport: MemoryTransport, send: Send, start: Start, policy: str, first: bytes
) -> None:
    transport.cluster.create_topic("t")
    send("t", b"0")
    transport.cluster.group("g").commit(T0, 999)
    _, sink = await start("t", start=policy)
    send("t", b"new")

    assert await sink.received(1) == [first]


async def test_an_offset_committed_beyond_the_end_fails_with_start_fail(
    transport: MemoryTransport, send: Send, start: Start
) -> None:
    transport.cluster.create_topic("t")
    send("t")
    transport.cluster.group("g").commit(T0, 999)
    _, sink = await start("t", start="fail")

    assert "no offset 999 any more" in str(await sink.failed())


@pytest.mark.parametrize(("policy", "first"), [("earliest", b"4"), ("latest", b"new")])
async def test_an_offset_committed_below_the_start_of_the_log_is_reset(
    transport: MemoryTransport, send: Send, start: Start, policy: str, first: bytes
) -> None:
    transport.cluster.create_topic("t")
    for number in range(6):
        send("t", str(number).encode())
    transport.cluster.group("g").commit(T0, 1)
    transport.cluster.delete_records("t", 0, 4)
    _, sink = await start("t", start=policy)
    send("t", b"new")

    assert await sink.received(1) == [first]


async def test_records_deleted_before_they_were_read_are_skipped(
    transport: MemoryTransport, send: Send, start: Start
) -> None:
    transport.cluster.create_topic("t")
    for number in range(4):
        send("t", str(number).encode())
    source, sink = await start("t", sink=RecordingSink(1))
    await sink.received(1)
    transport.cluster.delete_records("t", 0, 3)

    assert await source.lag() == 1
    sink.settle(sink.records[0])
    assert await sink.received(2) == [b"0", b"3"]


async def test_a_latest_group_that_settled_nothing_goes_on_where_it_first_began(
    transport: MemoryTransport, send: Send, start: Start
) -> None:
    transport.cluster.create_topic("t")
    source, _ = await start("t", start="latest")
    await source.close()
    send("t", b"between")
    _, sink = await start("t", start="latest")
    send("t", b"after")

    assert await sink.received(2) == [b"between", b"after"]


# Commits ------------------------------------------------------------------------------------------------------------


async def test_the_committed_offset_is_the_next_one_and_the_group_goes_on_there(
    transport: MemoryTransport, send: Send, start: Start
) -> None:
    transport.cluster.create_topic("t")
    for number in range(6):
        send("t", str(number).encode())
    source, sink = await start("t")
    await sink.received(6)
    sink.settle(*sink.records[:2])
    await source.commit()

    assert await source.committed(T0) == 2
    await source.close()
    _, again = await start("t")
    assert await again.received(1) == [b"2"]


async def test_nothing_above_an_open_record_is_committed(transport: MemoryTransport, send: Send, start: Start) -> None:
    """The head that is not done, or was given back, holds the mark; dropped and dead-lettered ones are done."""
    transport.cluster.create_topic("t")
    for _ in range(4):
        send("t")
    source, sink = await start("t")
    await sink.received(4)
    claim = sink.claims[0]
    claim.settle(sink.records[0], Drop("why not"))
    claim.settle(sink.records[1], Retry(0))
    claim.settle(sink.records[2], DeadLetter("bad"))
    await source.flush()

    assert await source.committed(T0) == 1
    sink.settle(sink.records[1])
    await source.flush()
    assert await source.committed(T0) == 3


async def test_settles_are_committed_every_interval_by_the_clock(
    transport: MemoryTransport, send: Send, start: Start, clock: ManualClock
) -> None:
    transport.cluster.create_topic("t")
    send("t")
    source, sink = await start("t", commit_interval=5.0)
    await sink.received(1)
    sink.settle(sink.records[0])
    await clock.advance(4.9)
    assert await source.committed(T0) is None

    await clock.advance(0.2)
    assert await source.committed(T0) == 1


async def test_closing_commits_what_is_settled(transport: MemoryTransport, send: Send, start: Start) -> None:
    transport.cluster.create_topic("t")
    send("t")
    source, sink = await start("t")
    await sink.received(1)
    sink.settle(sink.records[0])
    await source.close()

    assert transport.cluster.group("g").offsets == {T0: 1}


async def test_what_a_dead_claim_settles_is_unheard(transport: MemoryTransport, send: Send, start: Start) -> None:
    transport.cluster.create_topic("t")
    send("t")
    source, sink = await start("t")
    await sink.received(1)
    await source.close()
    sink.settle(sink.records[0])

    assert transport.cluster.group("g").offsets == {}


async def test_at_most_once_commits_what_was_read_before_it_is_handled(
    transport: MemoryTransport, send: Send, start: Start
) -> None:
    transport.cluster.create_topic("t")
    for _ in range(3):
        send("t")
    source, sink = await start("t", settles=False)
    await sink.received(3)

    assert not source.capabilities.settles
    assert await source.committed(T0) == 3


async def test_without_a_group_nothing_is_committed(transport: MemoryTransport, send: Send, start: Start) -> None:
    transport.cluster.create_topic("t")
    send("t")
    source, sink = await start("t", None)
    await sink.received(1)
    sink.settle(sink.records[0])

    await source.flush()
    assert not source.capabilities.settles
    with pytest.raises(TransportError, match="no group"):
        await source.commit()
    with pytest.raises(TransportError, match="no group"):
        await source.committed(T0)


async def test_capabilities_of_a_group(transport: MemoryTransport, start: Start) -> None:
    transport.cluster.create_topic("t")
    source, _ = await start("t")

    assert source.capabilities.settles
    assert source.capabilities.cumulative
    assert source.capabilities.ordering == {"partition"}


# Gaps ---------------------------------------------------------------------------------------------------------------


async def test_offsets_may_have_gaps(transport: MemoryTransport, send: Send, start: Start) -> None:
    transport.cluster.create_topic("t")
    send("t", b"0")
    transport.cluster.make_gap("t", 0, 3)
    send("t", b"4")
    source, sink = await start("t")
    await sink.received(2)
    sink.settle(*sink.records)
    await source.flush()

    assert [record.offset for record in sink.records] == [0, 4]
    assert await source.committed(T0) == 5


async def test_a_log_that_ends_with_a_gap_has_no_lag_once_it_is_read(
    transport: MemoryTransport, send: Send, start: Start
) -> None:
    transport.cluster.create_topic("t")
    send("t")
    source, sink = await start("t")
    await sink.received(1)
    transport.cluster.make_gap("t", 0, 1)
    await turns()

    assert await source.lag() == 0


async def test_a_committed_offset_inside_a_gap_goes_on_behind_it(
    transport: MemoryTransport, send: Send, start: Start
) -> None:
    transport.cluster.create_topic("t")
    send("t", b"0")
    transport.cluster.make_gap("t", 0, 3)
    send("t", b"4")
    transport.cluster.group("g").commit(T0, 2)
    _, sink = await start("t")

    assert await sink.received(1) == [b"4"]


async def test_an_aborted_transaction_is_passed_over_where_there_is_room_for_one_alone(
    transport: MemoryTransport, send: Send, start: Start
) -> None:
    transport.cluster.create_topic("t")
    transaction = transport.cluster.begin("t")
    for value in (b"0", b"1"):
        transaction.write((value, None, ()))
    transaction.abort()
    send("t", b"3")
    _, sink = await start("t", sink=RecordingSink(1))

    assert await sink.received(1) == [b"3"]


async def test_a_place_beyond_an_open_transaction_is_kept_until_that_ends(
    transport: MemoryTransport, send: Send, start: Start
) -> None:
    transport.cluster.create_topic("t")
    transaction = transport.cluster.begin("t")
    transaction.write((b"0", None, ()))
    send("t", b"1")
    transport.cluster.group("g").commit(T0, 1)
    _, sink = await start("t")
    await turns()
    assert sink.values == []
    transaction.commit()

    assert await sink.received(1) == [b"1"]


async def test_a_transaction_without_a_record_uses_up_nothing(transport: MemoryTransport, send: Send) -> None:
    transport.cluster.create_topic("t")
    transport.cluster.begin("t").commit()

    assert send("t").offset == 0


# Feeding ------------------------------------------------------------------------------------------------------------


async def test_one_partition_is_read_to_its_end_before_the_next(
    transport: MemoryTransport, send: Send, start: Start
) -> None:
    transport.cluster.create_topic("t", 3)
    for partition in range(3):
        for _ in range(3):
            send("t", partition=partition)
    _, sink = await start("t", sink=RecordingSink(4))
    await sink.received(4)

    assert sink.batches == [4]
    first, second = sink.records[0].partition, sink.records[3].partition
    assert [record.partition for record in sink.records] == [first, first, first, second]
    for _ in range(9):
        sink.settle(*sink.held)
        await turns()
    kept = [record.partition for record in sink.records]
    assert [kept[at : at + 3] for at in (0, 3, 6)] == [[kept[at]] * 3 for at in (0, 3, 6)]


async def test_a_partition_with_much_to_read_does_not_starve_the_others(
    transport: MemoryTransport, send: Send, start: Start
) -> None:
    transport.cluster.create_topic("t", 2)
    for _ in range(2000):
        send("t", partition=0)
    send("t", partition=1)
    _, sink = await start("t")
    await sink.received(2001)

    assert [record.partition for record in sink.records].index(1) <= 500


async def test_each_partition_is_fed_in_order(transport: MemoryTransport, send: Send, start: Start) -> None:
    transport.cluster.create_topic("t", 3)
    for number in range(3000):
        send("t", partition=number % 3)
    _, sink = await start("t", sink=RecordingSink(7))
    while len(sink.records) < 3000:
        sink.settle(*sink.held)
        await sink.received(len(sink.records) + 1)

    for partition in range(3):
        assert [record.offset for record in sink.records if record.partition == partition] == list(range(1000))


async def test_no_more_is_fed_than_there_is_room_for(transport: MemoryTransport, send: Send, start: Start) -> None:
    transport.cluster.create_topic("t")
    for _ in range(10):
        send("t")
    source, sink = await start("t", sink=RecordingSink(3))
    await sink.received(3)
    await turns()

    assert len(sink.records) == 3
    assert await source.lag() == 7


async def test_other_tasks_have_their_turns_while_much_is_fed(
    transport: MemoryTransport, send: Send, start: Start
) -> None:
    transport.cluster.create_topic("t")
    for _ in range(5000):
        send("t")
    _, sink = await start("t")
    seen: list[int] = []
    while len(sink.records) < 5000:
        seen.append(len(sink.records))
        await asyncio.sleep(0)

    assert len(seen) >= 5


async def test_lag_counts_what_was_not_fed_yet_in_all_partitions(
    transport: MemoryTransport, send: Send, start: Start
) -> None:
    transport.cluster.create_topic("t", 2)
    source, sink = await start("t")
    await source.pause()
    for partition in (0, 0, 1):
        send("t", partition=partition)

    assert await source.lag() == 3
    await source.resume()
    await sink.received(3)
    assert await source.lag() == 0


async def test_a_paused_partition_is_not_read_while_the_others_are(
    transport: MemoryTransport, send: Send, start: Start
) -> None:
    transport.cluster.create_topic("t", 2)
    source, sink = await start("t")
    held = next(claim for claim in sink.claims if claim.partition == T0)
    await source.pause(held)
    send("t", b"held", partition=0)
    send("t", b"other", partition=1)

    assert await sink.received(1) == [b"other"]
    await turns()
    assert sink.values == [b"other"]
    await source.resume(held)
    assert await sink.received(2) == [b"other", b"held"]


async def test_a_pause_of_all_outlasts_a_rebalance(transport: MemoryTransport, send: Send, start: Start) -> None:
    transport.cluster.create_topic("t", 2)
    source, sink = await start("t")
    await source.pause()
    _, other = await start("t")
    send("t", partition=0)
    send("t", partition=1)
    await other.received(1)
    await turns()

    assert not sink.records
    await source.resume()
    await sink.received(1)


async def test_a_stopped_source_feeds_nothing_but_still_commits(
    transport: MemoryTransport, send: Send, start: Start
) -> None:
    transport.cluster.create_topic("t")
    send("t")
    source, sink = await start("t")
    await sink.received(1)
    await source.stop()
    send("t")
    await turns()
    sink.settle(sink.records[0])
    await source.flush()

    assert len(sink.records) == 1
    assert source.assigned == (T0,)
    assert await source.committed(T0) == 1


async def test_an_error_in_the_reading_task_is_reported(transport: MemoryTransport, send: Send, start: Start) -> None:
    class BrokenSink(RecordingSink):
        async def ready(self) -> int:
            raise RuntimeError("no budget")

    transport.cluster.create_topic("t")
    sink = BrokenSink()
    await start("t", sink=sink)

    assert str(await sink.failed()) == "no budget"


# Addresses ----------------------------------------------------------------------------------------------------------


async def test_several_topics_are_one_subscription(transport: MemoryTransport, send: Send, start: Start) -> None:
    for name in ("a", "b", "c"):
        transport.cluster.create_topic(name)
        send(name, name.encode())
    source, sink = await start(Topics("a", Topic("b")))

    assert sorted(await sink.received(2)) == [b"a", b"b"]
    assert len(source.assigned) == 2


async def test_a_missing_topic_is_refused_at_the_start_and_not_made(transport: MemoryTransport, start: Start) -> None:
    transport.cluster.create_topic("a")

    with pytest.raises(TransportError, match="unknown topic b, c"):
        await start(Topics("a", "b", "c"))
    assert set(transport.cluster.topics) == {"a"}


async def test_a_pattern_matches_whole_names_and_no_internal_or_dead_letter_topic(
    transport: MemoryTransport, start: Start
) -> None:
    for name in ("orders.eu", "orders.eu.old", "my.orders.eu", "__orders.eu", "orders.dlq"):
        transport.cluster.create_topic(name)
    source, _ = await start(TopicPattern(r"(__)?orders\.\w+"))

    assert source.assigned == (TopicPartition("orders.eu", 0),)


async def test_named_groups_of_a_pattern_are_the_path_of_its_messages(
    transport: MemoryTransport, send: Send, start: Start
) -> None:
    transport.cluster.create_topic("orders.eu")
    send("orders.eu")
    _, sink = await start(TopicPattern(r"orders\.(?P<region>\w+)(\.(?P<more>\w+))?"))
    await sink.received(1)

    assert sink.records[0].path == {"region": "eu"}


async def test_a_pattern_without_a_match_is_no_error(transport: MemoryTransport, start: Start) -> None:
    source, sink = await start(TopicPattern("nothing"))

    assert source.assigned == ()
    assert sink.events == []


async def test_an_address_of_another_protocol_is_refused(transport: MemoryTransport) -> None:
    class Queue:
        name = "q"
        kind = None

    with pytest.raises(TransportError, match="no address of Kafka"):
        transport.source(Queue(), {"group": "g"})


# Readers without a group --------------------------------------------------------------------------------------------


async def test_a_reader_without_a_group_has_every_partition(transport: MemoryTransport, start: Start) -> None:
    transport.cluster.create_topic("t", 3)
    one, _ = await start("t", None)
    other, _ = await start("t", None)

    assert len(one.assigned) == len(other.assigned) == 3


async def test_a_reader_without_a_group_gets_added_partitions_and_keeps_its_place(
    transport: MemoryTransport, send: Send, start: Start
) -> None:
    transport.cluster.create_topic("t")
    _, sink = await start("t", None, start="latest")
    send("t", b"1", partition=0)
    await sink.received(1)
    transport.cluster.add_partitions("t", 2)
    await turns()
    send("t", b"2", partition=1)
    send("t", b"3", partition=0)

    assert sorted(await sink.received(3)) == [b"1", b"2", b"3"]
    assert sink.events == [("assign", [("t", 0)]), ("assign", [("t", 1)])]


async def test_a_reader_without_a_group_follows_a_topic_that_was_made_again(
    transport: MemoryTransport, send: Send, start: Start
) -> None:
    transport.cluster.create_topic("t")
    send("t", b"old")
    _, sink = await start("t", None, start="earliest")
    await sink.received(1)
    transport.cluster.delete_topic("t")
    transport.cluster.create_topic("t")
    send("t", b"new")

    assert await sink.received(2) == [b"old", b"new"]
    assert [what for what, _ in sink.events] == ["assign", "revoke", "assign"]


# A cluster that is down ---------------------------------------------------------------------------------------------


async def test_a_lost_cluster_is_said_once_and_nothing_is_lost(
    transport: MemoryTransport, send: Send, start: Start
) -> None:
    transport.cluster.create_topic("t")
    source, sink = await start("t")
    send("t", b"1")
    transport.cluster.down()
    transport.cluster.down()
    assert sink.degraded == ["the embedded Kafka is down"]
    assert await source.lag() is None
    await turns()
    assert not sink.records

    transport.cluster.up()
    transport.cluster.up()
    assert sink.degraded == ["the embedded Kafka is down", None]
    assert await sink.received(1) == [b"1"]


async def test_what_is_settled_while_the_cluster_is_down_is_committed_when_it_is_back(
    transport: MemoryTransport, send: Send, start: Start, clock: ManualClock
) -> None:
    transport.cluster.create_topic("t")
    send("t")
    source, sink = await start("t")
    await sink.received(1)
    transport.cluster.down()
    sink.settle(sink.records[0])
    flushing = asyncio.create_task(source.flush())
    await turns()
    await clock.advance(4)
    assert not flushing.done()
    assert transport.cluster.group("g").offsets == {}

    transport.cluster.up()
    await flushing
    assert transport.cluster.group("g").offsets == {T0: 1}


async def test_flushing_waits_five_seconds_for_a_cluster_that_is_down(
    transport: MemoryTransport, start: Start, clock: ManualClock
) -> None:
    transport.cluster.create_topic("t")
    source, _ = await start("t")
    transport.cluster.down()
    flushing = asyncio.create_task(source.flush())
    await turns()
    await clock.advance(5.1)

    with pytest.raises(TransportError, match="down"):
        await flushing


async def test_a_stopped_source_does_not_wait_for_a_cluster_that_is_down(
    transport: MemoryTransport, start: Start
) -> None:
    transport.cluster.create_topic("t")
    source, _ = await start("t")
    await source.stop()
    transport.cluster.down()

    with pytest.raises(TransportError, match="down"):
        await source.flush()


async def test_a_sink_may_flush_while_it_is_revoked_by_closing(
    transport: MemoryTransport, send: Send, start: Start
) -> None:
    class FlushingSink(RecordingSink):
        async def revoke(self, claims: Sequence[Claim], /, *, deadline: float, lost: bool = False) -> bool:
            await source.flush()
            return await super().revoke(claims, deadline=deadline, lost=lost)

    transport.cluster.create_topic("t")
    send("t")
    source, sink = await start("t", sink=FlushingSink())
    await sink.received(1)
    transport.cluster.down()
    await source.close()

    assert sink.partitions == []


async def test_closing_while_the_cluster_is_down_does_not_wait(
    transport: MemoryTransport, send: Send, start: Start
) -> None:
    transport.cluster.create_topic("t")
    send("t")
    source, sink = await start("t")
    await sink.received(1)
    transport.cluster.down()
    await source.close()

    assert source.assigned == ()


async def test_a_source_cannot_start_while_the_cluster_is_down(transport: MemoryTransport, start: Start) -> None:
    transport.cluster.create_topic("t")
    transport.cluster.down()

    with pytest.raises(TransportError, match="down"):
        await start("t")
