"""Consumers of an embedded stream: where they begin, what comes again and when, and who gets what."""

from collections.abc import Sequence
from typing import Any

import pytest

from faststream_oo.nats.transports.memory.durables import ConsumerConfig
from faststream_oo.nats.transports.memory.jetstream import MemoryJetStream
from faststream_oo.nats.transports.memory.server import MemoryServer
from faststream_oo.nats.transports.memory.streams import MemoryStream, StreamConfig, StreamError
from tests.unit.kafka.clock import ManualClock
from tests.unit.nats.streams import Puller, put


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def server(clock: ManualClock) -> MemoryServer:
    """A server with the stream S over `s.>`."""
    server = MemoryServer(clock)
    server.jetstream.add_stream(StreamConfig("S", subjects=["s.>"]))
    return server


@pytest.fixture
def stream(server: MemoryServer) -> MemoryStream:
    return server.jetstream.stream("S")


@pytest.fixture
def jetstream(server: MemoryServer) -> MemoryJetStream:
    return server.jetstream


def numbered(server: MemoryServer, count: int, start: int = 0) -> None:
    """Publish to `s.0`, `s.1` and so on."""
    put(server, *(f"s.{number}" for number in range(start, start + count)))


# Settling: J-11 to J-20 -----------------------------------------------------------------------------------------------


def test_a_consumer_settles_singly_within_half_a_minute_and_begins_with_everything() -> None:
    config = ConsumerConfig("c")
    assert (config.ack, config.ack_wait, config.max_deliver, config.max_ack_pending, config.deliver) == (
        "explicit",
        30.0,
        None,
        1000,
        "all",
    )


async def test_each_message_comes_again_when_what_became_of_it_says_so(
    server: MemoryServer, clock: ManualClock
) -> None:
    numbered(server, 5)
    puller = Puller(server, ConsumerConfig("c", ack_wait=1.0))
    puller.tell(0, b"+ACK")
    puller.tell(3, b"+TERM")
    puller.tell(2, b'-NAK {"delay": 400000000}')
    puller.tell(1, b"-NAK")
    assert puller.fetch(1000) == []  # it came at once
    assert puller.seen[5:] == ["1#2"]
    puller.tell(5, b"+ACK")
    await clock.advance(0.4)
    assert puller.seen[6:] == ["2#2"]
    puller.tell(6, b"+ACK")
    await clock.advance(0.6)
    assert puller.seen[7:] == ["4#2"]
    await clock.advance(1.0)
    assert puller.seen[8:] == ["4#3"]
    assert puller.sequences[-1] == 5
    assert puller.taken[-1].reply.split(".")[6] == "9"  # of the consumer's deliveries


def test_what_comes_again_comes_before_what_is_new(server: MemoryServer) -> None:
    numbered(server, 3)
    puller = Puller(server, ConsumerConfig("c"), room=1)
    puller.tell(0, b"+ACK")
    assert puller.fetch(1) == ["1#1"]
    puller.tell(1, b"-NAK")
    assert puller.fetch(1) == ["1#2"]
    puller.tell(2, b"+ACK")
    assert puller.fetch(1) == ["2#1"]


async def test_what_waited_too_long_comes_before_what_is_new(server: MemoryServer, clock: ManualClock) -> None:
    numbered(server, 3)
    puller = Puller(server, ConsumerConfig("c", ack_wait=1.0), room=1)
    await clock.advance(1.0)
    assert puller.fetch(3) == ["0#2", "1#1", "2#1"]


async def test_others_flow_while_one_waits_to_come_again(server: MemoryServer, clock: ManualClock) -> None:
    numbered(server, 3)
    puller = Puller(server, ConsumerConfig("c", max_ack_pending=2), room=1)
    puller.tell(0, b'-NAK {"delay": 500000000}')
    assert puller.fetch(2) == ["1#1"]  # the delayed one counts as pending
    assert len(puller.consumer.pending) == 2
    puller.tell(1, b"+ACK")
    await clock.advance(0.5)
    assert puller.seen[2:] == ["2#1"]


async def test_in_progress_keeps_a_message_from_coming_again(server: MemoryServer, clock: ManualClock) -> None:
    numbered(server, 2)
    puller = Puller(server, ConsumerConfig("c", ack_wait=0.6), room=1)
    for _ in range(3):
        await clock.advance(0.4)
        puller.tell(0, b"+WPI")
    assert puller.fetch(1) == ["1#1"]


async def test_an_end_counts_after_the_wait_while_nobody_asks(server: MemoryServer, clock: ManualClock) -> None:
    numbered(server, 3)
    puller = Puller(server, ConsumerConfig("c", ack_wait=0.6), room=3)
    await clock.advance(1.0)
    for place in range(3):
        puller.tell(place, b"+ACK")
    assert puller.fetch(10) == []


async def test_a_late_end_of_the_first_copy_settles_the_second(server: MemoryServer, clock: ManualClock) -> None:
    numbered(server, 1)
    puller = Puller(server, ConsumerConfig("c", ack_wait=0.6))
    await clock.advance(0.6)
    assert puller.seen == ["0#1", "0#2"]
    puller.tell(0, b"+ACK")
    await clock.advance(5.0)
    assert len(puller.seen) == 2


async def test_a_message_comes_no_more_than_it_may_and_stays_in_its_stream(
    server: MemoryServer, stream: MemoryStream, clock: ManualClock
) -> None:
    numbered(server, 1)
    config = ConsumerConfig("c", ack_wait=1.0, max_deliver=2)
    puller = Puller(server, config)
    await clock.advance(10.0)
    assert puller.seen == ["0#1", "0#2"]
    assert (len(puller.consumer.pending), puller.consumer.waiting, len(stream)) == (0, 0, 1)


async def test_waits_of_their_own_take_the_place_of_the_one(server: MemoryServer, clock: ManualClock) -> None:
    numbered(server, 1)
    puller = Puller(server, ConsumerConfig("c", backoff=[0.2, 0.6], max_deliver=4))
    counts: list[int] = []
    for step in (0.0, 0.2, 0.6, 0.6, 5.0):
        await clock.advance(step)
        counts.append(len(puller.taken))
    assert counts == [1, 2, 3, 4, 4]


def test_more_waits_than_deliveries_are_refused(jetstream: MemoryJetStream) -> None:
    with pytest.raises(StreamError, match="max deliver is required to be > length of backoff values"):
        jetstream.add_consumer("S", ConsumerConfig("c", backoff=[1.0, 2.0, 3.0], max_deliver=2))


async def test_without_settling_nothing_is_pending_and_an_end_is_harmless(
    server: MemoryServer, clock: ManualClock
) -> None:
    numbered(server, 2)
    puller = Puller(server, ConsumerConfig("c", ack="none", ack_wait=1.0))
    puller.tell(0, b"+ACK")
    await clock.advance(5.0)
    assert (puller.seen, len(puller.consumer.pending)) == (["0#1", "1#1"], 0)


def test_one_end_settles_all_before_it_where_asked_for(server: MemoryServer) -> None:
    numbered(server, 4)
    puller = Puller(server, ConsumerConfig("c", ack="all"))
    puller.tell(2, b"+ACK")
    assert list(puller.consumer.pending) == [4]


def test_an_end_after_the_consumer_is_gone_is_unheard(server: MemoryServer, jetstream: MemoryJetStream) -> None:
    numbered(server, 1)
    puller = Puller(server, ConsumerConfig("c"))
    jetstream.delete_consumer("S", "c")
    puller.tell(0, b"+ACK")
    assert puller.over


# Where they begin: J-22 to J-26 ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "seen"),
    [
        ("all", ["a", "b", "a", "b", "c", "d"]),
        ("last", ["c", "d"]),
        ("new", ["d"]),
        ("last_per_subject", ["a", "b", "c", "d"]),
        (3, ["a", "b", "c", "d"]),
        (99, []),
        (1577836800.0, ["a", "b", "a", "b", "c", "d"]),
    ],
)
def test_a_consumer_begins_where_it_was_asked_to(server: MemoryServer, start: Any, seen: list[str]) -> None:
    put(server, "s.a", "s.b", "s.a", "s.b", "s.c")
    puller = Puller(server, ConsumerConfig("c", deliver=start, filters=["s.>"]))
    put(server, "s.d")
    assert [one.removesuffix("#1") for one in puller.seen] == seen


def test_filters_take_the_subjects_that_they_name_in_the_order_of_the_stream(server: MemoryServer) -> None:
    put(server, "s.a", "s.b", "s.a", "s.b", "s.c")
    assert Puller(server, ConsumerConfig("c", filters=["s.c", "s.a"])).sequences == [1, 3, 5]


def test_a_filter_outside_the_stream_is_taken_and_delivers_nothing(server: MemoryServer) -> None:
    put(server, "s.a")
    assert Puller(server, ConsumerConfig("c", filters=["t.a"])).seen == []


def test_filters_that_overlap_are_refused(jetstream: MemoryJetStream) -> None:
    with pytest.raises(StreamError, match=r"consumer subject filters cannot overlap \(10138\)"):
        jetstream.add_consumer("S", ConsumerConfig("c", filters=["s.a", "s.*"]))


@pytest.mark.parametrize(("change", "text"), [({"deliver": "new"}, "deliver policy"), ({"ack": "none"}, "ack policy")])
def test_where_a_durable_began_and_how_it_settles_stay(
    jetstream: MemoryJetStream, change: dict[str, Any], text: str
) -> None:
    jetstream.add_consumer("S", ConsumerConfig("c"))
    with pytest.raises(StreamError, match=rf"{text} can not be updated \(10012\)"):
        jetstream.add_consumer("S", ConsumerConfig("c", **change))


def test_filters_and_waits_of_a_durable_may_change(server: MemoryServer) -> None:
    put(server, "s.a", "s.b", "s.b")
    first = Puller(server, ConsumerConfig("c", filters=["s.a"]))
    first.room = 0
    second = Puller(server, ConsumerConfig("c", filters=["s.b"], ack_wait=5.0))
    put(server, "s.a", "s.b")
    assert second.sequences == [5]
    assert second.consumer is first.consumer


def test_a_durable_that_is_made_again_starts_over(server: MemoryServer, jetstream: MemoryJetStream) -> None:
    numbered(server, 2)
    Puller(server, ConsumerConfig("c")).tell(0, b"+ACK")
    jetstream.delete_consumer("S", "c")
    assert Puller(server, ConsumerConfig("c")).seen == ["0#1", "1#1"]


async def test_a_consumer_that_nobody_takes_from_goes_where_it_was_made_to(
    server: MemoryServer, jetstream: MemoryJetStream, clock: ManualClock
) -> None:
    puller = Puller(server, ConsumerConfig("c", inactive_threshold=0.5))
    await clock.advance(5.0)
    puller.consumer.part(puller)
    await clock.advance(0.4)
    jetstream.consumer("S", "c")
    await clock.advance(0.2)
    with pytest.raises(StreamError, match=r"consumer not found \(10014\)"):
        jetstream.consumer("S", "c")


# Who gets what: J-29 to J-34 ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("push", [False, True])
def test_no_more_is_handed_out_than_may_be_unsettled(server: MemoryServer, push: bool) -> None:
    numbered(server, 5)
    puller = Puller(server, ConsumerConfig("c", max_ack_pending=2, push=push))
    assert puller.seen == ["0#1", "1#1"]
    puller.tell(0, b"+ACK")
    assert puller.seen[2:] == ["2#1"]


def test_two_pullers_share_and_the_first_that_waits_is_served_first(server: MemoryServer) -> None:
    config = ConsumerConfig("c")
    first, second = Puller(server, config, room=1), Puller(server, config, room=1)
    numbered(server, 3)
    assert (first.seen, second.seen) == (["0#1"], ["1#1"])


async def test_what_a_puller_left_unsettled_comes_after_its_wait(server: MemoryServer, clock: ManualClock) -> None:
    config = ConsumerConfig("c", ack_wait=1.0)
    numbered(server, 3)
    first = Puller(server, config, room=2)
    first.consumer.part(first)
    second = Puller(server, config)
    assert second.seen == ["2#1"]
    await clock.advance(1.0)
    assert second.seen == ["2#1", "0#2", "1#2", "2#2"]


def test_a_pushed_group_shares_at_random(server: MemoryServer) -> None:
    config = ConsumerConfig("c", push=True, deliver_group="g", max_ack_pending=1000)
    pullers = [Puller(server, config), Puller(server, config)]
    numbered(server, 100)
    assert sum(len(one.seen) for one in pullers) == 100
    assert all(one.seen for one in pullers)


def test_another_group_on_a_pushed_durable_is_refused(server: MemoryServer, jetstream: MemoryJetStream) -> None:
    jetstream.add_consumer("S", ConsumerConfig("c", push=True, deliver_group="g"))
    with pytest.raises(StreamError, match="deliver group can not be updated"):
        jetstream.add_consumer("S", ConsumerConfig("c", push=True, deliver_group="h"))


# Streams below them: J-32, J-36, J-38, J-39 ---------------------------------------------------------------------------


def test_a_deleted_stream_ends_its_consumers(server: MemoryServer, jetstream: MemoryJetStream) -> None:
    puller = Puller(server, ConsumerConfig("c"))
    jetstream.delete_stream("S")
    assert puller.over


async def test_what_was_removed_from_the_stream_comes_neither_again_nor_first(
    server: MemoryServer, stream: MemoryStream, clock: ManualClock
) -> None:
    numbered(server, 3)
    puller = Puller(server, ConsumerConfig("c", ack_wait=1.0), room=2)
    stream.remove(1)
    stream.remove(3)
    assert (len(puller.consumer.pending), puller.consumer.waiting) == (1, 0)
    await clock.advance(1.0)
    assert puller.fetch(5) == ["1#2"]


def test_a_consumer_of_headers_alone_says_so(server: MemoryServer) -> None:
    numbered(server, 1)
    (delivery,) = Puller(server, ConsumerConfig("c", headers_only=True)).taken
    assert delivery.headers_only


@pytest.mark.parametrize(
    ("first", "second", "code"),
    [
        ([], [], 10099),
        (["s.a"], ["s.a"], 10100),
        (["s.a"], ["s.*"], 10100),
    ],
)
def test_a_work_queue_has_one_consumer_for_each_subject(
    jetstream: MemoryJetStream, first: Sequence[str], second: Sequence[str], code: int
) -> None:
    jetstream.add_stream(StreamConfig("W", subjects=["w.>"], retention="workqueue"))
    jetstream.add_consumer("W", ConsumerConfig("c", filters=first))
    with pytest.raises(StreamError, match=str(code)):
        jetstream.add_consumer("W", ConsumerConfig("d", filters=second))


def test_consumers_of_a_work_queue_may_have_subjects_of_their_own(jetstream: MemoryJetStream) -> None:
    jetstream.add_stream(StreamConfig("W", subjects=["w.>"], retention="workqueue"))
    jetstream.add_consumer("W", ConsumerConfig("c", filters=["w.a"]))
    jetstream.add_consumer("W", ConsumerConfig("d", filters=["w.b"]))


@pytest.mark.parametrize(("options", "code"), [({"deliver": "new"}, 10101), ({"ack": "none"}, 10084)])
def test_a_work_queue_is_consumed_whole_and_settled(
    jetstream: MemoryJetStream, options: dict[str, Any], code: int
) -> None:
    jetstream.add_stream(StreamConfig("W", subjects=["w.>"], retention="workqueue"))
    with pytest.raises(StreamError, match=str(code)):
        jetstream.add_consumer("W", ConsumerConfig("c", **options))
