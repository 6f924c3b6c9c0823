"""Streams of an embedded NATS: what they capture, keep, refuse and forget."""

import json
from collections.abc import Callable

import pytest
from attrs import evolve

from faststream_oo.nats.transports.memory.durables import ConsumerConfig
from faststream_oo.nats.transports.memory.jetstream import Kept, MemoryJetStream
from faststream_oo.nats.transports.memory.server import Delivered, Interest, MemoryServer
from faststream_oo.nats.transports.memory.streams import MemoryStream, StreamConfig, StreamError
from tests.unit.kafka.clock import ManualClock
from tests.unit.nats.streams import Puller, put


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def server(clock: ManualClock) -> MemoryServer:
    return MemoryServer(clock)


@pytest.fixture
def jetstream(server: MemoryServer) -> MemoryJetStream:
    return server.jetstream


@pytest.fixture
def made(jetstream: MemoryJetStream) -> Callable[..., MemoryStream]:
    """Make the stream S over `s.>`."""

    def made(**options: object) -> MemoryStream:
        return jetstream.add_stream(StreamConfig("S", **{"subjects": ["s.>"], **options}))  # type: ignore[arg-type]

    return made


def kept(stream: MemoryStream) -> list[int]:
    return [one.sequence for one in stream.from_place(1)]


# J-01, J-02, J-03, J-04 -----------------------------------------------------------------------------------------------


def test_a_stream_captures_what_anybody_publishes_below_its_subjects(
    server: MemoryServer, made: Callable[..., MemoryStream]
) -> None:
    stream = made(subjects=["s.*"])
    server.publish(("s.x", b"1", "", {"h": "v"}))

    assert put(server, "s.x.y") is None
    (one,) = stream.from_place(1)
    assert (one.subject, one.data, one.headers) == ("s.x", b"1", {"h": "v"})


def test_a_stream_without_subjects_captures_its_own_name(server: MemoryServer, jetstream: MemoryJetStream) -> None:
    jetstream.add_stream(StreamConfig("S"))
    assert put(server, "S") == Kept("S", 1)


def test_the_same_stream_may_be_added_again_and_another_under_its_name_may_not(
    jetstream: MemoryJetStream, made: Callable[..., MemoryStream]
) -> None:
    assert made() is made()
    with pytest.raises(StreamError, match=r"already in use with a different configuration \(10058\)"):
        made(max_msgs=3)


@pytest.mark.parametrize("subject", ["s.x", "s.>", "*.x"])
def test_two_streams_may_not_capture_one_subject(
    jetstream: MemoryJetStream, made: Callable[..., MemoryStream], subject: str
) -> None:
    made()
    with pytest.raises(StreamError, match=r"subjects overlap with an existing stream \(10065\)"):
        jetstream.add_stream(StreamConfig("T", subjects=[subject]))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"retention": "workqueue"}, "can not change retention policy to/from workqueue"),
        ({"storage": "memory"}, "can not change storage type"),
    ],
)
def test_retention_and_storage_of_a_stream_stay(
    jetstream: MemoryJetStream, made: Callable[..., MemoryStream], change: dict[str, str], text: str
) -> None:
    made()
    with pytest.raises(StreamError, match=text):
        jetstream.update_stream(StreamConfig("S", subjects=["s.>"], **change))  # type: ignore[arg-type]


def test_a_stream_that_is_not_there_is_not_found(jetstream: MemoryJetStream) -> None:
    with pytest.raises(StreamError, match=r"stream not found \(10059\)"):
        jetstream.update_stream(StreamConfig("S"))
    with pytest.raises(StreamError, match=r"stream not found \(10059\)"):
        jetstream.delete_stream("S")


# J-05 to J-10 ---------------------------------------------------------------------------------------------------------


def test_a_place_is_never_used_again(server: MemoryServer, made: Callable[..., MemoryStream]) -> None:
    stream = made()
    put(server, "s.a", "s.a")
    assert stream.purge() == 2
    assert (stream.first, stream.last, len(stream)) == (3, 2, 0)
    assert put(server, "s.a") == Kept("S", 3)


def test_a_purge_of_a_pattern_leaves_the_rest(server: MemoryServer, made: Callable[..., MemoryStream]) -> None:
    stream = made()
    put(server, "s.a.1", "s.b", "s.a.2")
    assert stream.purge("s.a.*") == 2
    assert kept(stream) == [2]


async def test_an_id_is_stored_once_within_the_window_whatever_the_body_is(
    server: MemoryServer, made: Callable[..., MemoryStream], clock: ManualClock
) -> None:
    stream = made(duplicate_window=1.0)
    first = put(server, "s.a", headers={"Nats-Msg-Id": "1"})
    stream.purge()
    again = put(server, "s.a", body=b"other", headers={"Nats-Msg-Id": "1"})
    await clock.advance(1.0)
    later = put(server, "s.a", headers={"Nats-Msg-Id": "1"})

    assert (first, again, later) == (Kept("S", 1), Kept("S", 1, duplicate=True), Kept("S", 2))


@pytest.mark.parametrize("header", [("nats-msg-id", "1"), ("Nats-Msg-Id", ""), ("Nats-Msg-Id", None)])
def test_only_a_whole_id_under_its_own_name_is_known_again(
    server: MemoryServer, made: Callable[..., MemoryStream], header: tuple[str, str | None]
) -> None:
    made()
    name, value = header
    puts = [
        put(server, "s.a", headers={name: text if value is None else value}) for text in ("a", "A")
    ]  # ids are case sensitive
    assert puts == [Kept("S", 1), Kept("S", 2)]


@pytest.mark.parametrize(
    ("headers", "text"),
    [
        ({"Nats-Expected-Stream": "T"}, r"expected stream does not match \(10060\)"),
        ({"Nats-Expected-Last-Sequence": "1"}, r"wrong last sequence: 2 \(10071\)"),
        ({"Nats-Expected-Last-Subject-Sequence": "2"}, r"wrong last sequence: 1 \(10071\)"),
        ({"Nats-Expected-Last-Msg-Id": "x"}, r"wrong last msg ID: y \(10070\)"),
    ],
)
def test_what_is_expected_and_not_so_is_refused(
    server: MemoryServer, made: Callable[..., MemoryStream], headers: dict[str, str], text: str
) -> None:
    stream = made()
    put(server, "s.a")
    put(server, "s.b", headers={"Nats-Msg-Id": "y"})
    refused = put(server, "s.a", headers=headers)

    with pytest.raises(StreamError, match=text):
        raise refused if isinstance(refused, StreamError) else AssertionError(refused)
    assert kept(stream) == [1, 2]


def test_what_is_expected_and_so_is_stored(server: MemoryServer, made: Callable[..., MemoryStream]) -> None:
    made()
    put(server, "s.b", headers={"Nats-Msg-Id": "y"})
    expected = {
        "Nats-Expected-Stream": "S",
        "Nats-Expected-Last-Sequence": "1",
        "Nats-Expected-Last-Subject-Sequence": "0",
        "Nats-Expected-Last-Msg-Id": "y",
    }
    assert put(server, "s.a", headers=expected) == Kept("S", 2)


def test_a_full_stream_forgets_its_oldest(server: MemoryServer, made: Callable[..., MemoryStream]) -> None:
    stream = made(max_msgs=3)
    put(server, *["s.a"] * 5)
    assert kept(stream) == [3, 4, 5]


@pytest.mark.parametrize(
    ("limit", "text"),
    [({"max_msgs": 3}, "maximum messages exceeded"), ({"max_bytes": 130}, "maximum bytes exceeded")],
)
def test_a_full_stream_that_discards_new_messages_refuses_them(
    server: MemoryServer, made: Callable[..., MemoryStream], limit: dict[str, int], text: str
) -> None:
    stream = made(discard="new", **limit)
    put(server, *["s.a"] * 3, body=b"0123456789")
    refused = put(server, "s.a", body=b"0123456789")

    assert isinstance(refused, StreamError)
    assert str(refused) == f"{text} (10077)"
    assert kept(stream) == [1, 2, 3]


def test_a_message_that_is_too_large_is_refused(server: MemoryServer, made: Callable[..., MemoryStream]) -> None:
    made(max_msg_size=3)
    refused = put(server, "s.a", body=b"0123")
    assert isinstance(refused, StreamError)
    assert refused.code == 10054


def test_a_subject_keeps_so_many_messages_as_its_stream_allows(
    server: MemoryServer, made: Callable[..., MemoryStream]
) -> None:
    stream = made(max_msgs_per_subject=1)
    put(server, "s.a", "s.a", "s.a", "s.b")
    assert (kept(stream), stream.first) == ([3, 4], 3)


def test_a_sealed_stream_takes_nothing_forgets_nothing_and_stays_sealed(
    server: MemoryServer, jetstream: MemoryJetStream, made: Callable[..., MemoryStream]
) -> None:
    stream = made()
    put(server, "s.a")
    jetstream.update_stream(evolve(stream.config, sealed=True))
    refused = put(server, "s.a")

    assert isinstance(refused, StreamError)
    assert refused.code == 10109
    with pytest.raises(StreamError, match=r"invalid operation on sealed stream \(10109\)"):
        stream.purge()
    with pytest.raises(StreamError, match=r"can not unseal a sealed stream \(10052\)"):
        jetstream.update_stream(evolve(stream.config, sealed=False))
    assert kept(stream) == [1]


async def test_a_message_goes_when_it_is_old(
    server: MemoryServer, made: Callable[..., MemoryStream], clock: ManualClock
) -> None:
    stream = made(max_age=1.0)
    put(server, "s.a")
    await clock.advance(0.6)
    put(server, "s.a")
    await clock.advance(0.5)
    assert kept(stream) == [2]
    await clock.advance(0.5)
    assert kept(stream) == []


def test_an_age_below_a_tenth_of_a_second_is_refused(made: Callable[..., MemoryStream]) -> None:
    with pytest.raises(StreamError, match="max age needs to be >= 100ms"):
        made(max_age=0.05)


def test_a_rollup_takes_the_place_of_what_was_on_its_subject(
    server: MemoryServer, made: Callable[..., MemoryStream]
) -> None:
    stream = made(allow_rollup=True)
    put(server, "s.a", "s.b", "s.a")
    put(server, "s.a", headers={"Nats-Rollup": "sub"})
    assert kept(stream) == [2, 4]


# J-35, J-37, N-14, N-24 -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", [b"+ACK", b"+TERM"])
def test_a_work_queue_forgets_what_ended(server: MemoryServer, made: Callable[..., MemoryStream], word: bytes) -> None:
    stream = made(retention="workqueue")
    puller = Puller(server, ConsumerConfig("c"))
    put(server, "s.a", "s.a")
    puller.tell(0, word)
    assert kept(stream) == [2]


def test_interest_keeps_a_message_until_every_consumer_of_it_is_done(
    server: MemoryServer, made: Callable[..., MemoryStream]
) -> None:
    stream = made(retention="interest")
    put(server, "s.a")
    assert (kept(stream), stream.last) == ([], 1)

    one, other = Puller(server, ConsumerConfig("one")), Puller(server, ConsumerConfig("other", filters=["s.a"]))
    put(server, "s.a", "s.b")
    one.tell(0, b"+ACK")
    assert kept(stream) == [2, 3]
    other.tell(0, b"+ACK")
    one.tell(1, b"+ACK")
    assert kept(stream) == []


def test_what_only_a_deleted_consumer_was_interested_in_goes(
    server: MemoryServer, jetstream: MemoryJetStream, made: Callable[..., MemoryStream]
) -> None:
    stream = made(retention="interest")
    Puller(server, ConsumerConfig("one"))
    put(server, "s.a")
    jetstream.delete_consumer("S", "one")
    assert kept(stream) == []


@pytest.mark.parametrize(
    ("stored", "answer"),
    [
        ({}, {"stream": "S", "seq": 1}),
        ({"max_msg_size": 1}, {"error": {"code": 400, "err_code": 10054}, "stream": "", "seq": 0}),
    ],
)
def test_a_request_to_a_captured_subject_is_answered_by_the_stream(
    server: MemoryServer, made: Callable[..., MemoryStream], stored: dict[str, object], answer: dict[str, object]
) -> None:
    made(**stored)
    replies: list[Delivered] = []
    server.subscribe(Interest("inbox", None, replies.append))
    server.publish(("s.a", b"12", "inbox", None))

    (reply,) = (json.loads(one.data) for one in replies)
    if "error" in reply:
        del reply["error"]["description"]
    assert reply == answer


def test_a_core_subscriber_sees_what_a_stream_stores(server: MemoryServer, made: Callable[..., MemoryStream]) -> None:
    made()
    heard: list[Delivered] = []
    server.subscribe(Interest("s.*", None, heard.append))
    put(server, "s.a", body=b"1", headers={"Nats-Msg-Id": "x"})
    assert [(one.subject, one.data, one.headers) for one in heard] == [("s.a", b"1", {"Nats-Msg-Id": "x"})]
