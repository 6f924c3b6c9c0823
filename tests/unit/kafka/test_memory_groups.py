"""Consumer groups of an embedded Kafka: join, leave, crash, and what a rebalance does."""

import asyncio
from collections.abc import Sequence
from contextvars import ContextVar

import pytest

from faststream_oo.kafka.address import TopicPartition, TopicPattern
from faststream_oo.kafka.options import KafkaSettings
from faststream_oo.kafka.transports.memory.groups import Group
from faststream_oo.kafka.transports.memory.members import MemorySource
from faststream_oo.kafka.transports.memory.transport import MemoryTransport
from faststream_oo.transport import Claim
from tests.unit.kafka.clock import ManualClock, turns
from tests.unit.kafka.sinks import RecordingSink, Send, Start

T0 = TopicPartition("t", 0)


async def test_partitions_are_dealt_out_in_turn_to_the_members_by_id(transport: MemoryTransport) -> None:
    """Two topics of three partitions, one to four members."""
    expected = {
        1: ["a0 a1 a2 b0 b1 b2"],
        2: ["a0 a2 b1", "a1 b0 b2"],
        3: ["a0 b0", "a1 b1", "a2 b2"],
        4: ["a0 b1", "a1 b2", "a2", "b0"],
    }
    for name in ("a", "b"):
        transport.cluster.create_topic(name, 3)
    sources: list[MemorySource] = []
    for number in range(4):
        member = MemoryTransport(KafkaSettings(client_id=f"m{number}"))
        member._cluster = transport.cluster
        source = member.source(TopicPattern("[ab]"), {"group": "g"})
        await source.start(RecordingSink())
        sources.append(source)
        shares = [" ".join(f"{tp.topic}{tp.partition}" for tp in source.assigned) for source in sources]
        assert shares == expected[number + 1]
    for source in sources:
        await source.close()


async def test_a_member_more_than_partitions_simply_waits(transport: MemoryTransport, start: Start) -> None:
    transport.cluster.create_topic("t", 2)
    members = [await start("t") for _ in range(3)]

    assert sorted(len(source.assigned) for source, _ in members) == [0, 1, 1]
    assert not any(sink.errors for _, sink in members)


async def test_at_a_join_everything_is_revoked_and_then_assigned(transport: MemoryTransport, start: Start) -> None:
    """Also what stays: the first assignment revokes nothing."""
    transport.cluster.create_topic("t", 2)
    _, first = await start("t")
    both = [("t", 0), ("t", 1)]
    assert first.events == [("assign", both)]

    _, second = await start("t")
    assert first.events[1] == ("revoke", both)
    assert [what for what, _ in first.events] == ["assign", "revoke", "assign"]
    assert sorted(first.partitions + second.partitions) == both


async def test_a_record_that_was_read_but_not_committed_comes_again_to_the_owner_that_stays(
    transport: MemoryTransport, send: Send, start: Start
) -> None:
    """Every eager rebalance begins again at the committed offsets, also of partitions that stay."""
    transport.cluster.create_topic("t")
    transport.cluster.create_topic("u")
    for value in (b"0", b"1"):
        send("t", value)
    source, sink = await start("t")
    await sink.received(2)
    sink.settle(sink.records[0])
    await start("u")
    await sink.received(3)

    assert source.assigned == (T0,)
    assert sink.values == [b"0", b"1", b"1"]
    assert sink.records[1].claim is not sink.records[2].claim


async def test_what_is_settled_while_it_is_revoked_is_committed_and_not_redelivered(
    transport: MemoryTransport, send: Send, start: Start
) -> None:
    transport.cluster.create_topic("t", 2)
    for partition in (0, 1):
        send("t", partition=partition)
    _, first = await start("t", sink=RecordingSink(settles=True))
    await first.received(2)
    _, second = await start("t")
    await turns()

    assert transport.cluster.group("g").offsets == {T0: 1, TopicPartition("t", 1): 1}
    assert (len(first.records), second.records) == (2, [])


async def test_a_revoke_has_the_drain_timeout_as_its_deadline(transport: MemoryTransport, start: Start) -> None:
    """The rest of the rebalance timeout is for committing and joining again."""
    transport.cluster.create_topic("t")
    source, sink = await start("t", rebalance_timeout=55.0)
    await source.close()

    assert sink.deadlines == [25.0]


async def test_nobody_is_assigned_anything_before_everybody_has_given_back(
    transport: MemoryTransport, start: Start
) -> None:
    transport.cluster.create_topic("t", 2)
    _, slow = await start("t")
    slow.gate.clear()
    joining = asyncio.create_task(start("t"))
    await turns()
    assert not joining.done()

    slow.gate.set()
    source, _ = await joining
    assert len(source.assigned) == 1


async def test_two_who_join_during_a_rebalance_are_part_of_it(transport: MemoryTransport, start: Start) -> None:
    transport.cluster.create_topic("t", 3)
    _, slow = await start("t")
    slow.gate.clear()
    joining = [asyncio.create_task(start("t")) for _ in range(2)]
    await turns()
    slow.gate.set()
    await asyncio.gather(*joining)

    assert len(slow.partitions) == 1
    assert transport.cluster.group("g").generation == 2


async def test_a_member_that_leaves_hands_its_uncommitted_records_to_the_others(
    transport: MemoryTransport, send: Send, start: Start
) -> None:
    """And the others get their own uncommitted ones again."""
    transport.cluster.create_topic("t", 2)
    leaver, _ = await start("t")
    _, stayer = await start("t")
    send("t", b"0", partition=0)
    send("t", b"1", partition=1)
    [own] = await stayer.received(1)
    await leaver.close()
    await stayer.received(3)

    assert sorted(stayer.values[1:]) == [b"0", b"1"]
    assert own in stayer.values[1:]


async def test_a_crashed_members_records_move_when_its_session_is_over(
    transport: MemoryTransport, send: Send, start: Start, clock: ManualClock
) -> None:
    transport.cluster.create_topic("t", 2)
    doomed, lost = await start("t", session_timeout=6.0)
    _, survivor = await start("t", session_timeout=6.0)
    for partition in (0, 1):
        send("t", str(partition).encode(), partition=partition)
    await lost.received(1)
    await survivor.received(1)
    lost.settle(*lost.held)
    transport.cluster.crash(doomed)
    await clock.advance(5.9)
    assert len(survivor.records) == 1

    await clock.advance(0.2)
    assert sorted((await survivor.received(3))[1:]) == [b"0", b"1"]
    assert [what for what, _ in lost.events] == ["assign", "revoke", "assign"]


async def test_after_a_clean_stop_the_next_member_reads_at_once(
    transport: MemoryTransport, send: Send, start: Start
) -> None:
    transport.cluster.create_topic("t")
    send("t")
    source, _ = await start("t")
    await source.close()
    _, sink = await start("t")

    assert len(await sink.received(1)) == 1


async def test_who_joins_waits_for_the_session_of_one_who_crashed(
    transport: MemoryTransport, start: Start, clock: ManualClock
) -> None:
    transport.cluster.create_topic("t")
    doomed, _ = await start("t", session_timeout=6.0)
    transport.cluster.crash(doomed)
    joining = asyncio.create_task(start("t"))
    await clock.advance(5)
    assert not joining.done()

    await clock.advance(1.1)
    source, _ = await joining
    assert source.assigned == (T0,)


async def test_what_a_crashed_member_settles_is_not_committed(
    transport: MemoryTransport, send: Send, start: Start, clock: ManualClock
) -> None:
    transport.cluster.create_topic("t")
    send("t")
    source, sink = await start("t")
    await sink.received(1)
    transport.cluster.crash(source)
    sink.settle(sink.records[0])
    await clock.advance(100)
    await source.close()

    assert transport.cluster.group("g").offsets == {}


async def test_a_member_that_crashes_while_it_gives_back_commits_nothing(
    transport: MemoryTransport, send: Send, start: Start, clock: ManualClock
) -> None:
    transport.cluster.create_topic("t")
    send("t")
    doomed, slow = await start("t", sink=RecordingSink(settles=True), session_timeout=6.0)
    await slow.received(1)
    slow.gate.clear()
    joining = asyncio.create_task(start("t"))
    await turns()
    transport.cluster.crash(doomed)
    slow.gate.set()
    await clock.advance(7)
    _, sink = await joining

    assert len(await sink.received(1)) == 1


async def test_what_a_static_member_had_waits_for_it_until_its_session_is_over(
    transport: MemoryTransport, send: Send, start: Start, clock: ManualClock
) -> None:
    transport.cluster.create_topic("t", 2)
    leaver, left = await start("t", group_instance_id="one", session_timeout=6.0)
    _, stays = await start("t", group_instance_id="two")
    ((_, partition),) = left.partitions
    await leaver.close()
    send("t", b"v", partition=partition)
    await clock.advance(5.9)
    assert stays.records == []

    await clock.advance(0.2)
    assert await stays.received(1) == [b"v"]


async def test_a_static_member_that_crashed_comes_back_to_its_partitions_at_once(
    transport: MemoryTransport, send: Send, start: Start, clock: ManualClock
) -> None:
    transport.cluster.create_topic("t", 2)
    doomed, lost = await start("t", group_instance_id="one", session_timeout=6.0)
    _, stays = await start("t", group_instance_id="two")
    had, events = lost.partitions, list(stays.events)
    transport.cluster.crash(doomed)
    source, back = await start("t", group_instance_id="one", session_timeout=6.0)
    await clock.advance(10)

    assert back.partitions == had
    assert stays.events == events
    await source.commit()


async def test_a_static_member_that_comes_back_during_a_rebalance_ends_the_wait_for_it(
    transport: MemoryTransport, start: Start
) -> None:
    transport.cluster.create_topic("t", 2)
    leaver, _ = await start("t", group_instance_id="one")
    await leaver.close()
    joining = asyncio.create_task(start("t"))
    await turns()
    assert not joining.done()

    _, back = await start("t", group_instance_id="one")
    _, joined = await joining
    assert [len(sink.partitions) for sink in (back, joined)] == [1, 1]


async def test_a_static_member_comes_back_to_the_topics_of_then(transport: MemoryTransport, start: Start) -> None:
    transport.cluster.create_topic("t")
    leaver, _ = await start("t", group_instance_id="one")
    await leaver.close()
    transport.cluster.delete_topic("t")
    transport.cluster.create_topic("t", 3)
    _, back = await start("t", group_instance_id="one")

    assert back.partitions == [("t", 0), ("t", 1), ("t", 2)]


async def test_a_static_member_whose_id_another_has_is_told_and_commits_nothing_more(
    transport: MemoryTransport, send: Send, start: Start
) -> None:
    transport.cluster.create_topic("t")
    send("t", b"v")
    source, first = await start("t", group_instance_id="same")
    await first.received(1)
    _, second = await start("t", group_instance_id="same")
    first.settle(*first.held)
    await source.close()

    assert 'group_instance_id="same" is used by another process too' in str(first.errors[0])
    assert await second.received(1) == [b"v"]
    assert transport.cluster.group("g").offsets == {}


async def test_a_topic_goes_only_to_the_members_that_subscribe_to_it(transport: MemoryTransport, start: Start) -> None:
    for name in ("a", "b"):
        transport.cluster.create_topic(name, 2)
    _, reads_a = await start("a")
    _, reads_b = await start("b")

    assert reads_a.partitions == [("a", 0), ("a", 1)]
    assert reads_b.partitions == [("b", 0), ("b", 1)]


async def test_a_new_topic_that_a_pattern_matches_is_read_and_uncommitted_records_come_again(
    transport: MemoryTransport, send: Send, start: Start
) -> None:
    transport.cluster.create_topic("p.a")
    send("p.a", b"a")
    _, sink = await start(TopicPattern(r"p\..*"))
    await sink.received(1)
    transport.cluster.create_topic("p.b")
    send("p.b", b"b")
    await sink.received(3)

    assert sorted(sink.values) == [b"a", b"a", b"b"]


async def test_a_topic_of_others_disturbs_nobody(transport: MemoryTransport, start: Start) -> None:
    transport.cluster.create_topic("t")
    _, sink = await start("t")
    transport.cluster.create_topic("u")
    await turns()

    assert len(sink.events) == 1


async def test_added_partitions_are_read_by_an_earliest_group(
    transport: MemoryTransport, send: Send, start: Start
) -> None:
    transport.cluster.create_topic("t")
    source, sink = await start("t")
    transport.cluster.add_partitions("t", 3)
    send("t", b"2", partition=2)

    assert await sink.received(1) == [b"2"]
    assert len(source.assigned) == 3


async def test_a_topic_deleted_while_it_is_read_is_no_error(
    transport: MemoryTransport, send: Send, start: Start
) -> None:
    """Its offsets are deleted with it: one of the same name is read from its start."""
    transport.cluster.create_topic("t")
    send("t", b"old")
    source, sink = await start("t")
    await sink.received(1)
    sink.settle(*sink.records)
    await source.flush()
    transport.cluster.delete_topic("t")
    await turns()
    assert source.assigned == ()
    assert await source.lag() == 0

    transport.cluster.create_topic("t")
    send("t", b"new")
    assert await sink.received(2) == [b"old", b"new"]
    assert not sink.errors


async def test_nothing_is_fed_before_the_sink_knows_its_claims(
    transport: MemoryTransport, send: Send, start: Start
) -> None:
    class SlowSink(RecordingSink):
        async def assign(self, claims: Sequence[Claim], /) -> None:
            await turns()
            assert not self.records
            await super().assign(claims)

    transport.cluster.create_topic("t")
    send("t")
    _, sink = await start("t", sink=SlowSink())

    await sink.received(1)
    assert not sink.errors


async def test_nothing_is_fed_of_claims_that_are_being_revoked(
    transport: MemoryTransport, send: Send, start: Start
) -> None:
    transport.cluster.create_topic("t")
    source, sink = await start("t")
    sink.gate.clear()
    closing = asyncio.create_task(source.close())
    await turns()
    send("t")
    await turns()
    assert not sink.records

    sink.gate.set()
    await closing


async def test_closing_during_a_rebalance_revokes_once(transport: MemoryTransport, start: Start) -> None:
    transport.cluster.create_topic("t")
    source, sink = await start("t")
    sink.gate.clear()
    joining = asyncio.create_task(start("t"))
    await turns()
    closing = asyncio.create_task(source.close())
    await turns()
    sink.gate.set()
    await closing
    other, _ = await joining
    await turns()

    assert [what for what, _ in sink.events] == ["assign", "revoke"]
    assert other.assigned == (T0,)


async def test_a_start_that_is_cancelled_leaves_the_group(transport: MemoryTransport, start: Start) -> None:
    transport.cluster.create_topic("t")
    source, sink = await start("t")
    sink.gate.clear()
    joining = asyncio.create_task(start("t"))
    await turns()
    joining.cancel()
    await asyncio.wait([joining])
    sink.gate.set()
    await turns()

    assert source.assigned == (T0,)
    assert len(transport.cluster.group("g").members) == 1


async def test_a_revoke_that_fails_is_reported_and_the_others_go_on(transport: MemoryTransport, start: Start) -> None:
    class BrokenSink(RecordingSink):
        async def revoke(self, claims: object, /, *, deadline: float, lost: bool = False) -> bool:
            raise RuntimeError("cannot drain")

    transport.cluster.create_topic("t", 2)
    source, broken = await start("t", sink=BrokenSink())
    other, _ = await start("t")

    assert str(await broken.failed()) == "cannot drain"
    assert len(other.assigned) == 1
    with pytest.raises(RuntimeError, match="cannot drain"):
        await source.close()
    await turns()
    assert len(other.assigned) == 2


async def test_a_member_is_called_in_the_context_it_was_started_in(transport: MemoryTransport, start: Start) -> None:
    """Whoever causes a rebalance lends it nothing of his own, such as the attempt he is in."""
    who = ContextVar("who", default="nobody")
    heard: list[str] = []

    class ListeningSink(RecordingSink):
        async def revoke(self, *args: object, deadline: float, lost: bool = False) -> bool:
            heard.append(who.get())
            return True

    transport.cluster.create_topic("t")
    who.set("the first")
    await start("t", sink=ListeningSink())
    who.set("the second")
    await start("t")

    assert heard == ["the first"]


async def test_no_rebalance_begins_while_the_cluster_is_down(
    transport: MemoryTransport, start: Start, clock: ManualClock
) -> None:
    transport.cluster.create_topic("t")
    doomed, _ = await start("t")
    _, sink = await start("t")
    transport.cluster.crash(doomed)
    transport.cluster.down()
    before = len(sink.events)
    await clock.advance(60)
    assert len(sink.events) == before

    transport.cluster.up()
    await turns()
    assert sink.partitions == [("t", 0)]


async def test_a_commit_for_a_deleted_topic_is_not_kept(transport: MemoryTransport) -> None:
    group: Group = transport.cluster.group("g")
    group.commit(T0, 5)

    assert group.offsets == {}


@pytest.mark.parametrize("members", [2, 3])
async def test_nothing_is_lost_or_doubled_by_members_that_drain(
    transport: MemoryTransport, send: Send, start: Start, members: int
) -> None:
    transport.cluster.create_topic("t", 4)
    for number in range(400):
        send("t", str(number).encode(), partition=number % 4)
    sinks: list[RecordingSink] = []
    sources: list[MemorySource] = []
    for _ in range(members):
        source, sink = await start("t", sink=RecordingSink(20, settles=True))
        sources.append(source)
        sinks.append(sink)
        await asyncio.sleep(0)
    await sources[0].close()
    while sum(len(sink.records) for sink in sinks) < 400:
        for sink in sinks:
            sink.settle(*sink.held)
        await turns()

    assert sorted(int(value) for sink in sinks for value in sink.values) == list(range(400))
