"""What every Kafka transport keeps of its contract, below the core."""

import asyncio
from collections import Counter
from inspect import getsource
from typing import Any

import pytest

from faststream_oo.errors import ConnectError, PublishError, TransportError
from faststream_oo.kafka import KafkaSettings, Topic, TopicPattern, Topics
from faststream_oo.kafka.address import DeadLetterTopic, TopicPartition
from faststream_oo.kafka.transport import KafkaTransport
from faststream_oo.kafka.transports.aiokafka import shutdown
from faststream_oo.kafka.transports.aiokafka.source import PRIVATE
from faststream_oo.transport import Frame
from tests.integration.kafka.conftest import CLIENTS, Begin, Network, Raw, RawKafka, numbers, of_clients, only_aiokafka
from tests.integration.worlds import until
from tests.unit.kafka.sinks import RecordingSink

HOSTILE: list[tuple[str, bytes | None]] = [("h", b"1"), ("h", None), ("h", b"\xff\x00"), ("", b""), ("é", "ü".encode())]


# Life ----------------------------------------------------------------------------------------------------------------


async def test_an_open_transport_answers_a_ping(transport: KafkaTransport) -> None:
    await transport.ping()


async def test_a_source_settles_cumulatively_and_keeps_partitions_in_order(raw: Raw, begin: Begin) -> None:
    topic = await raw.create("caps")
    source, _ = await begin(topic, group=topic)

    assert source.capabilities.settles
    assert source.capabilities.cumulative
    assert source.capabilities.ordering == {"partition"}


async def test_a_stopped_source_feeds_no_more_but_still_commits(raw: Raw, begin: Begin) -> None:
    topic = await raw.create("stop")
    await raw.put_all(topic, numbers(0, 3))
    source, sink = await begin(topic, group=topic)
    await until(lambda: len(sink.records) == 3)

    await source.stop()
    await raw.put(topic, b"late")
    sink.settle(*sink.held)
    await source.flush()

    assert await source.committed(TopicPartition(topic, 0)) == 3
    assert sink.values == numbers(0, 3)


async def test_a_missing_topic_is_refused_and_not_made(transport: KafkaTransport, begin: Begin) -> None:
    with pytest.raises(TransportError, match="nobody-made-this"):
        await begin("nobody-made-this", group="g")
    assert not await transport.partitions("nobody-made-this")


async def test_transactions_are_refused(raw: Raw, transport: KafkaTransport) -> None:
    source = transport.source(Topic(await raw.create("none")), {"group": "g"})
    with pytest.raises(PublishError):
        await transport.transact(source, {}, [])


# Records -------------------------------------------------------------------------------------------------------------


async def test_keys_values_and_headers_are_received_as_they_are(raw: Raw, begin: Begin) -> None:
    topic = await raw.create("in")
    await raw.put(topic, b"\x00\xff", b"k", HOSTILE)
    await raw.put(topic, None, b"k")
    await raw.put(topic, b"", None)
    _, sink = await begin(topic, group=topic)
    await until(lambda: len(sink.records) == 3)

    found = [(one.raw.value, one.raw.key, list(one.raw.headers), one.tombstone) for one in sink.records]
    assert found == [(b"\x00\xff", b"k", HOSTILE, False), (None, b"k", [], True), (b"", None, [], False)]


async def test_keys_values_and_headers_are_sent_as_they_are(raw: Raw, transport: KafkaTransport) -> None:
    topic = await raw.create("out")
    sender = transport.sender(Topic(topic))
    sent = [sender.send(Frame(b"v", {"h": "ü"}, b"k")), sender.send(Frame(None, key=b"k")), sender.send(Frame(b""))]
    await asyncio.gather(*(confirm for confirm in sent if confirm is not None))

    found = [(one.body, one.key, list(one.headers)) for one in await raw.read(topic)]
    assert found == [(b"v", b"k", [("h", "ü".encode())]), (None, b"k", []), (b"", None, [])]


async def test_a_copy_of_a_record_has_its_headers_repeated_and_null_ones_included(
    raw: Raw, transport: KafkaTransport, begin: Begin
) -> None:
    topic, letters = await raw.create("origin"), await raw.create("letters")
    await raw.put(topic, b"v", b"k", HOSTILE)
    _, sink = await begin(topic, group=topic)
    await until(lambda: sink.records)
    (record,) = sink.records
    confirm = transport.sender(Topic(letters)).send(Frame(record.body, {"fsoo-x": "1"}, record.key, copy_of=record))
    assert confirm is not None
    await confirm

    (found,) = await raw.read(letters)
    assert (found.body, found.key, list(found.headers)) == (b"v", b"k", [*HOSTILE, ("fsoo-x", b"1")])


async def test_two_thousand_sends_without_waiting_keep_their_order(raw: Raw, transport: KafkaTransport) -> None:
    topic = await raw.create("order")
    sender = transport.sender(Topic(topic))
    values = [b"%04d" % number + b"x" * (number % 7 * 100) for number in range(2000)]
    sent = [sender.send(Frame(value)) for value in values]
    receipts = await asyncio.gather(*(confirm for confirm in sent if confirm is not None))

    assert [receipt.offset for receipt in receipts] == list(range(2000))
    assert [one.body for one in await raw.read(topic)] == values


async def test_a_record_that_is_too_large_is_refused_before_it_is_sent(raw: Raw, transport: KafkaTransport) -> None:
    sender = transport.sender(Topic(await raw.create("large")))
    with pytest.raises(PublishError, match=r"max_request_size|message\.max\.bytes"):
        sender.send(Frame(b"x" * 1_100_000))


async def test_a_bad_topic_name_is_refused_before_it_is_sent(transport: KafkaTransport) -> None:
    with pytest.raises(PublishError, match="no topic name"):
        transport.sender(Topic("no such/name")).send(Frame(b"v"))


async def test_a_record_to_a_missing_topic_is_not_confirmed_and_makes_none(transport: KafkaTransport) -> None:
    with pytest.raises(PublishError, match="nobody-made-this-either"):
        await _sent(transport, "nobody-made-this-either", b"v")
    assert not await transport.partitions("nobody-made-this-either")


async def _sent(transport: KafkaTransport, topic: str, value: bytes) -> None:
    confirm = transport.sender(Topic(topic)).send(Frame(value))
    assert confirm is not None
    await confirm


# Offsets -------------------------------------------------------------------------------------------------------------


async def test_what_is_settled_without_a_gap_is_committed_and_a_restart_continues_there(raw: Raw, begin: Begin) -> None:
    topic = await raw.create("gap")
    await raw.put_all(topic, numbers(0, 6))
    source, sink = await begin(topic, group=topic, commit_interval=0.01)
    await until(lambda: len(sink.records) == 6)
    sink.settle(*[record for record in sink.records if record.offset != 3])
    await source.close()

    source, sink = await begin(topic, group=topic)
    await until(lambda: len(sink.records) == 3)
    assert await source.committed(TopicPartition(topic, 0)) == 3
    assert sink.values == numbers(3, 6)


async def test_settles_are_committed_by_themselves_after_the_interval(raw: Raw, begin: Begin) -> None:
    topic = await raw.create("interval")
    await raw.put_all(topic, numbers(0, 2))
    source, sink = await begin(topic, group=topic, commit_interval=0.01)
    await until(lambda: len(sink.records) == 2)
    sink.settle(*sink.held)

    await until(lambda: sink.claims[0].committed == 2)
    assert await source.committed(TopicPartition(topic, 0)) == 2


async def test_without_settles_an_offset_is_committed_before_its_record_is_fed(raw: Raw, begin: Begin) -> None:
    topic = await raw.create("amo")
    await raw.put_all(topic, numbers(0, 3))
    source, sink = await begin(topic, group=topic, settles=False)
    await until(lambda: len(sink.records) == 3)

    assert await source.committed(TopicPartition(topic, 0)) == 3


@only_aiokafka
async def test_a_slow_head_stops_its_partition_until_it_is_settled(raw: Raw, begin: Begin) -> None:
    topic = await raw.create("head")
    source, sink = await begin(topic, RecordingSink(), group=topic, prefetch=5)
    await raw.put_all(topic, numbers(0, 2000))
    await until(lambda: len(sink.records) > 100)
    sink.settle(*sink.held[1:])
    read = len(sink.records)
    assert read < 2000

    async with asyncio.timeout(20):
        while len(sink.records) < 2000:
            sink.settle(*sink.held)
            await asyncio.sleep(0.01)
    await source.flush()
    assert sink.values == numbers(0, 2000)


async def test_latest_sees_what_is_published_as_soon_as_start_returned(raw: Raw, begin: Begin) -> None:
    topic = await raw.create("latest", 2)
    await raw.put(topic, b"old", partition=1)
    _, sink = await begin(topic, group=topic, start="latest")
    await raw.put(topic, b"new", partition=0)
    await raw.put(topic, b"new", partition=1)

    await until(lambda: len(sink.records) == 2)
    assert sink.values == [b"new", b"new"]


async def test_start_fail_fails_where_nothing_is_committed(raw: Raw, begin: Begin) -> None:
    topic = await raw.create("fail")
    await raw.put(topic, b"v")
    sink = RecordingSink()
    try:
        await begin(topic, sink, group=topic, start="fail")
        await until(lambda: sink.errors)
        (error,) = sink.errors
    except TransportError as refused:
        error = refused

    assert isinstance(error, TransportError)
    assert not sink.records


async def test_without_a_group_every_partition_is_read_and_nothing_committed(raw: Raw, begin: Begin) -> None:
    one, other = await raw.create("one", 3), await raw.create("other")
    for topic, partition in ((one, 0), (one, 1), (one, 2), (other, 0)):
        await raw.put(topic, b"v", partition=partition)
    source, sink = await begin(Topics(one, other), start="earliest")
    await until(lambda: len(sink.records) == 4)

    assert len(source.assigned) == 4
    with pytest.raises(TransportError):
        await source.commit()


async def test_lag_is_what_was_not_read_yet(raw: Raw, begin: Begin) -> None:
    topic = await raw.create("lag")
    source, sink = await begin(topic, group=topic)
    await raw.put(topic, b"v")
    await until(lambda: sink.records)
    await source.pause()
    await raw.put_all(topic, numbers(0, 5))

    lag = await source.lag()
    assert lag is not None
    assert lag in range(1, 6)  # what the pause came too late for is read


# Groups --------------------------------------------------------------------------------------------------------------


async def test_a_join_and_a_leave_move_partitions_without_a_loss_or_a_duplicate(raw: Raw, begin: Begin) -> None:
    topic = await raw.create("join", 4)
    first, second = RecordingSink(settles=True), RecordingSink(settles=True)
    await begin(topic, first, group=topic)
    assert len(first.partitions) == 4
    for number in range(200):
        await raw.put(topic, b"%d" % number, partition=number % 4)
    leaving, _ = await begin(topic, second, group=topic)
    await until(lambda: len(first.partitions) == len(second.partitions) == 2)
    for number in range(200, 300):
        await raw.put(topic, b"%d" % number, partition=number % 4)
    await until(lambda: len(first.values) + len(second.values) >= 300)
    await leaving.close()
    await until(lambda: len(first.partitions) == 4)
    await raw.put(topic, b"300", partition=0)
    await until(lambda: b"300" in first.values)

    assert Counter(first.values + second.values) == Counter(numbers(0, 301))
    assert {kind for kind, _ in first.events} == {"assign", "revoke"}
    assert all(deadline > 0 for deadline in first.deadlines)


async def test_a_claim_is_over_when_its_partition_was_given_back(raw: Raw, begin: Begin) -> None:
    topic = await raw.create("over", 2)
    _, sink = await begin(topic, group=topic)
    old = list(sink.claims)
    _, other = await begin(topic, group=topic)
    await until(lambda: len(sink.partitions) == len(other.partitions) == 1)

    assert not any(claim.live for claim in old)
    assert all(claim.live for claim in sink.claims)


@only_aiokafka
async def test_a_zombie_moves_no_offset_of_a_group_that_gave_it_up(raw: Raw, network: Network, begin: Begin) -> None:
    topic = await raw.create("zombie")
    await raw.put_all(topic, numbers(0, 3))
    source, sink = await begin(topic, group=topic, session_timeout=1.0, commit_interval=0.01)
    await until(lambda: len(sink.records) == 3)
    (claim,) = sink.claims
    network.silence()
    assert isinstance(raw, RawKafka)
    async with raw.heir(topic, topic) as heir:
        assert await heir.take(3) == numbers(0, 3)
        sink.settle(sink.records[0])
        network.hear()
        await until(lambda: not claim.live)
        await source.flush()

        assert await raw.committed(topic, topic) == 3
        assert not sink.errors


@only_aiokafka
async def test_the_client_is_polled_while_there_is_no_room(
    raw: Raw, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = await raw.create("full")
    await raw.put_all(topic, numbers(0, 4))
    polls = 0
    client: Any = pytest.importorskip("aiokafka").AIOKafkaConsumer
    getmany = client.getmany

    async def counted(*args: object, **options: object) -> object:
        nonlocal polls
        polls += 1
        return await getmany(*args, **options)

    monkeypatch.setattr(client, "getmany", counted)
    source, sink = await begin(topic, RecordingSink(2), group=topic, max_poll_interval=0.6)
    await until(lambda: len(sink.records) == 2)
    read = polls
    await until(lambda: polls == read + 9)  # three times as long as the client would stay in its group unpolled
    assert sink.events == [("assign", [(topic, 0)])]

    sink.settle(*sink.held)
    await until(lambda: len(sink.records) == 4)
    sink.settle(*sink.held)
    await source.flush()
    assert await raw.committed(topic, topic) == 4


async def test_a_pause_holds_back_everything_until_it_is_undone(raw: Raw, begin: Begin) -> None:
    topic = await raw.create("pause")
    source, sink = await begin(topic, group=topic)
    await raw.put(topic, b"0")
    await until(lambda: len(sink.records) == 1)
    await source.pause()
    await raw.put_all(topic, numbers(1, 4))
    held_back = len(sink.records)
    await source.resume()

    await until(lambda: len(sink.records) == 4)
    assert held_back == 1
    assert sink.values == numbers(0, 4)


async def test_a_claim_is_paused_alone_and_stays_so_when_others_are_resumed(raw: Raw, begin: Begin) -> None:
    topic = await raw.create("alone", 2)
    source, sink = await begin(topic, group=topic)
    claim = next(claim for claim in sink.claims if claim.partition.partition == 0)
    await source.pause(claim)
    await source.pause()
    await source.resume()
    await raw.put(topic, b"paused", partition=0)
    await raw.put(topic, b"read", partition=1)
    await until(lambda: sink.values == [b"read"])

    await source.resume(claim)
    await until(lambda: sink.values == [b"read", b"paused"])


async def test_a_pattern_takes_a_new_topic_with_its_path_but_no_dead_letters(raw: Raw, begin: Begin) -> None:
    known = await raw.create("region.north")
    tail = known.rpartition("-")[2]
    await raw.create_exactly(f"region.west-{tail}.dlq")
    await raw.create_exactly(f"region.west-{tail}-more")
    pattern = TopicPattern(rf"region\.(?P<region>\w+)-{tail}(\.dlq)?")
    sink = RecordingSink(settles=True)
    await begin(pattern, sink, group=tail, config={"metadata_max_age_ms": 300})
    assert [claim.path for claim in sink.claims] == [{"region": "north"}]
    await raw.put_all(known, numbers(0, 20))
    await until(lambda: len(sink.records) == 20)

    await raw.create_exactly(f"region.south-{tail}")
    await raw.put(f"region.south-{tail}", b"20")
    await until(lambda: b"20" in sink.values)

    assert sink.values == numbers(0, 21), "what was settled as the topics changed was committed"
    assert {claim.path["region"] for claim in sink.claims} == {"north", "south"}
    assert not sink.errors


async def test_a_claim_may_be_paused_while_a_patterns_topics_change(raw: Raw, begin: Begin) -> None:
    known = await raw.create("change.a")
    tail = known.rpartition("-")[2]
    sink = RecordingSink(settles=True)
    source, _ = await begin(TopicPattern(rf"change\.\w-{tail}"), sink, group=tail, config={"metadata_max_age_ms": 300})
    (claim,) = sink.claims
    sink.gate.clear()
    await raw.create_exactly(f"change.b-{tail}")
    await until(lambda: ("revoke", [(known, 0)]) in sink.events)
    await source.pause(claim)
    await source.resume(claim)
    await source.pause()
    await source.resume()
    sink.gate.set()
    await until(lambda: len(sink.partitions) == 2)

    assert not sink.errors


# Topology ------------------------------------------------------------------------------------------------------------


async def test_verify_tells_what_is_missing_and_what_differs_and_makes_nothing(
    raw: Raw, transport: KafkaTransport
) -> None:
    there = await raw.create("verify", 2)
    differences = await transport.declare([Topic(there, partitions=3), Topic(f"{there}-not")], "verify")

    assert sorted(differences) == [
        f'topic "{there}" has 2 partitions, declared are 3',
        f'topic "{there}-not" does not exist',
    ]
    assert not await transport.partitions(f"{there}-not")


async def test_a_dead_letter_topic_has_the_partitions_of_its_source_and_64_kib_more(
    raw: Raw, transport: KafkaTransport
) -> None:
    source = await raw.create("source", 3, max_message_bytes="2000000")
    letters = DeadLetterTopic(f"{source}.g.dlq", source=source)

    assert await transport.declare([letters], "create") == []
    assert len(await transport.partitions(letters.name)) == 3
    assert await raw.largest(letters.name) == 2_000_000 + 65_536


# A broker that is away -----------------------------------------------------------------------------------------------


@of_clients
async def test_a_dead_broker_is_told_at_once_with_its_true_cause(unused_tcp_port: int, driver: str) -> None:
    transport = CLIENTS[driver](KafkaSettings(servers=[f"127.0.0.1:{unused_tcp_port}"]))
    async with asyncio.timeout(5):
        with pytest.raises(ConnectError) as raised:
            await transport.open()

    assert raised.value.broker == "kafka"
    assert raised.value.servers == f"127.0.0.1:{unused_tcp_port}"
    assert raised.value.cause == "connection refused"
    assert "kafka.servers" in raised.value.hint


@of_clients
async def test_what_listens_but_never_answers_is_given_up_in_bounded_time(
    monkeypatch: pytest.MonkeyPatch, driver: str, silent: int
) -> None:
    monkeypatch.setattr(f"faststream_oo.kafka.transports.{driver}.transport.CONNECT_SECONDS", 1.0)
    async with asyncio.timeout(10):
        with pytest.raises(ConnectError):
            await CLIENTS[driver](KafkaSettings(servers=[f"127.0.0.1:{silent}"])).open()


@only_aiokafka
async def test_a_lost_broker_is_said_once_and_nothing_is_lost(raw: Raw, network: Network, begin: Begin) -> None:
    topic = await raw.create("lost")
    source, sink = await begin(topic, group=topic)
    await raw.put(topic, b"0")
    await until(lambda: len(sink.records) == 1)

    network.cut()
    await until(lambda: sink.degraded)
    sink.settle(*sink.held)
    await raw.put(topic, b"1")
    network.mend()
    await until(lambda: len(sink.degraded) == 2)
    await until(lambda: len(sink.records) == 2)
    await source.flush()

    assert sink.degraded[0] is not None
    assert sink.degraded[1:] == [None]
    assert await source.committed(TopicPartition(topic, 0)) == 1
    assert not sink.errors


@only_aiokafka
async def test_a_transport_whose_broker_is_silent_closes_in_seconds(
    raw: Raw, network: Network, transport: KafkaTransport
) -> None:
    topic = await raw.create("close")
    await _sent(transport, topic, b"v")
    network.silence()
    confirm = transport.sender(Topic(topic)).send(Frame(b"never"))
    assert confirm is not None
    async with asyncio.timeout(15):
        await transport.close()

    with pytest.raises(PublishError):
        await confirm


@only_aiokafka
async def test_a_source_whose_broker_is_silent_closes_in_bounded_time(raw: Raw, network: Network, begin: Begin) -> None:
    topic = await raw.create("leave")
    await raw.put(topic, b"v")
    source, sink = await begin(topic, group=topic)
    await until(lambda: sink.records)
    network.silence()
    sink.settle(*sink.held)
    async with asyncio.timeout(25):
        await source.close()


def test_the_clients_private_parts_that_are_used_are_still_there() -> None:
    coordinator = pytest.importorskip("aiokafka.consumer.group_coordinator").GroupCoordinator

    for owner, names in (*shutdown.PRIVATE.items(), (coordinator, PRIVATE)):
        for name in names:
            assert hasattr(owner, name) or f"self.{name} = " in getsource(owner), f"{owner.__name__}.{name} is gone"
