"""How headers travel on lists and channels, and what of other clients is read."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faststream_oo.errors import PublishError
from faststream_oo.redis.client.senders import wrapped
from faststream_oo.redis.envelope import Envelope, FieldContent, WrappedContent

BINARY = WrappedContent("binary")
JSON = WrappedContent("json")
FIELDS = FieldContent()

FASTSTREAM = (
    b"\x89BIN\r\n\x1a\n"  # what it begins with
    b"\x00\x01"  # version 1
    b"\x00\x00\x00\x12"  # the headers begin at 18
    b"\x00\x00\x00\x3b"  # the data at 59
    b"\x00\x02"  # two headers
    b"\x00\x0ecorrelation_id\x00\x03a-1"
    b"\x00\x08reply_to\x00\x06answer"
    b'{"order_id": 1}'
)
"""A message as FastStream 0.7 writes it."""

FASTSTREAM_JSON = rb'{"data": "{\"order_id\": 1}", "headers": {"correlation_id": "a-1", "reply_to": "answer"}}'
"""The same as FastStream 0.5 writes it, and 0.6 where it is told to."""


def test_the_binary_format_is_that_of_faststream_to_the_byte() -> None:
    headers = [(b"correlation_id", b"a-1"), (b"reply_to", b"answer")]

    assert wrapped("binary", b'{"order_id": 1}', headers) == FASTSTREAM
    assert (BINARY.opened(FASTSTREAM)[0], BINARY.headers(FASTSTREAM)) == (b'{"order_id": 1}', headers)


@pytest.mark.parametrize("envelope", ["binary", "json"])
@given(body=st.text(), headers=st.dictionaries(st.text(), st.text()))
def test_what_is_wrapped_is_read_again(envelope: Envelope, body: str, headers: dict[str, str]) -> None:
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    content, data = WrappedContent(envelope), wrapped(envelope, body.encode(), pairs)

    assert (content.opened(data)[0], list(content.headers(data))) == (body.encode(), pairs)


@given(body=st.binary(), headers=st.lists(st.tuples(st.binary(), st.binary())))
def test_the_binary_format_carries_every_byte_and_repeated_names(
    body: bytes, headers: list[tuple[bytes, bytes]]
) -> None:
    data = wrapped("binary", body, headers)

    assert (BINARY.opened(data)[0], list(BINARY.headers(data))) == (body, headers)


@pytest.mark.parametrize("length", [0, 1, 8, 10, 17, 18, 19, 20, 35, len(FASTSTREAM) - 16])
def test_what_only_begins_like_an_envelope_is_a_body(length: int) -> None:
    data = FASTSTREAM[:length]

    assert (BINARY.opened(data)[0], BINARY.headers(data)) == (data, ())


@given(data=st.binary())
def test_nothing_that_is_read_raises(data: bytes) -> None:
    for content in (BINARY, JSON):
        assert isinstance(content.opened(data)[0], bytes)
        assert isinstance(content.opened(FASTSTREAM[:18] + data)[0], bytes)


@pytest.mark.parametrize(
    "data", [b"7", b"[]", b'{"a": 1}', b'{"data": 5}', b'{"data": "x", "headers": 1}', b"{", b"\xff", b""]
)
def test_what_is_no_json_envelope_is_a_body(data: bytes) -> None:
    assert (JSON.opened(data)[0], list(JSON.headers(data))) == (data, [])


def test_a_json_envelope_of_others_has_any_values() -> None:
    data = orjson.dumps({"data": "5", "headers": {"a": "b", "n": 1}})

    assert (JSON.opened(data)[0], JSON.headers(data)) == (b"5", [(b"a", b"b"), (b"n", b"1")])
    assert JSON.headers(b'{"data": "5"}') == []


def test_a_foreign_object_with_data_is_unwrapped_by_the_json_envelope_alone() -> None:
    assert BINARY.opened(b'{"data": "5"}')[0] == b'{"data": "5"}'


@pytest.mark.parametrize(("body", "headers"), [(b"\xff", []), (b"", [(b"a", b"\xff")])])
def test_a_json_envelope_refuses_what_is_no_text(body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    with pytest.raises(PublishError, match="a JSON envelope holds text"):
        wrapped("json", body, headers)


def test_a_header_that_is_too_long_for_the_binary_format_is_refused() -> None:
    with pytest.raises(PublishError, match="more than 65,535 bytes"):
        wrapped("binary", b"", [(b"a", b"x" * 65_536)])


def test_no_envelope_is_the_body_alone() -> None:
    assert wrapped("none", b"7", [(b"a", b"b")]) == b"7"
    assert WrappedContent("none").opened(FASTSTREAM)[0] == FASTSTREAM


def test_fields_are_read_by_their_names_in_any_order() -> None:
    raw = [b"h:a", b"1", b"other", b"x", b"body", b"7", b"h:a", b"2", b"h:", b"3"]

    assert (FIELDS.opened(raw)[0], FIELDS.headers(raw)) == (b"7", [(b"a", b"1"), (b"a", b"2"), (b"", b"3")])


@pytest.mark.parametrize("data", [FASTSTREAM, FASTSTREAM_JSON])
def test_an_entry_of_faststream_is_read_with_the_headers_of_its_envelope(data: bytes) -> None:
    raw = [b"__data__", data, b"h:fsoo-attempt", b"5"]

    assert FIELDS.opened(raw) == (b'{"order_id": 1}', True)
    assert FIELDS.headers(raw) == [(b"correlation_id", b"a-1"), (b"reply_to", b"answer"), (b"fsoo-attempt", b"5")]
    assert FIELDS.key(raw) is None


def test_the_json_envelope_reads_the_binary_format_too() -> None:
    for data in (FASTSTREAM, FASTSTREAM_JSON):
        assert JSON.opened(data) == (b'{"order_id": 1}', True)
        assert JSON.headers(data) == [(b"correlation_id", b"a-1"), (b"reply_to", b"answer")]


def test_the_fields_of_others_are_an_object_of_texts() -> None:
    raw = [b"name", "ü".encode(), b"h:a", b"1", b"raw", b"\xff", b"n", b"5"]

    assert orjson.loads(FIELDS.opened(raw)[0]) == {"name": "ü", "raw": "\ufffd", "n": "5"}
    assert FIELDS.headers(raw) == [(b"a", b"1")]


@pytest.mark.parametrize("envelope", ["binary", "json"])
@pytest.mark.parametrize("body", [b"", b"7", b"fsoo-key in the body"])
@pytest.mark.parametrize(
    ("pairs", "key"),
    [
        ([(b"fsoo-key", b"1")], b"1"),
        ([(b"fsoo-key", b"1"), (b"a", b"2")], b"1"),
        ([(b"fsoo-key", b""), (b"a", b"fsoo-key")], b""),
        ([(b"a", b"fsoo-key"), (b"fsoo-key", b"1")], b"1"),
        ([(b"fsoo-key", b"1"), (b"a", b"2"), (b"fsoo-key", b"3")], b"3"),
        ([(b"fsoo-key2", b"1")], None),
        ([(b"a", b"\x00\x08fsoo-key\x00\x011")], None),
        ([], None),
    ],
)
def test_the_key_is_the_last_header_of_its_name_and_nothing_that_looks_like_it(
    envelope: Envelope, body: bytes, pairs: list[tuple[bytes, bytes]], key: bytes | None
) -> None:
    assert WrappedContent(envelope).key(wrapped(envelope, body, pairs)) == key
    assert WrappedContent(envelope).key(body) is None


NAMES = st.sampled_from([b"fsoo-key", b"fsoo-reply-to", b"reply_to", b"a", b""])
VALUES = st.one_of(st.sampled_from([b"fsoo-key", b"\x00\x08fsoo-key\x00\x011", b"reply"]), st.binary(max_size=20))


@given(body=VALUES, headers=st.lists(st.tuples(NAMES, VALUES), max_size=4))
def test_the_key_and_whether_an_answer_is_wanted_are_as_all_headers_say(
    body: bytes, headers: list[tuple[bytes, bytes]]
) -> None:
    data, named = wrapped("binary", body, headers), dict(headers)
    asks = named.keys() & {b"fsoo-reply-to", b"reply_to"}

    assert BINARY.key(data) == named.get(b"fsoo-key")
    assert BINARY.opened(data) == (body, True) if asks else BINARY.opened(data)[0] == body
    fields = [b"body", body, *(part for name, value in headers for part in (b"h:" + name, value))]
    assert FIELDS.key(fields) == named.get(b"fsoo-key")


@pytest.mark.parametrize("envelope", ["binary", "json", "none"])
def test_a_body_asks_for_no_answer(envelope: Envelope) -> None:
    content = WrappedContent(envelope)

    assert content.opened(b"a reply") == (b"a reply", False)
    assert content.opened(wrapped(envelope, b"a reply_to fsoo-reply-to", [(b"a", b"1")]))[1] is False
    if envelope != "none":
        assert content.opened(wrapped(envelope, b"1", [(b"reply_to", b"a")]))[1] is True


@pytest.mark.parametrize("count", [0, 1])
def test_what_stands_between_the_headers_and_the_body_is_no_header(count: int) -> None:
    first = b"\x00\x08fsoo-key\x00\x011"
    data = b"\x89BIN\r\n\x1a\n\x00\x01" + (18).to_bytes(4) + (20 + len(first)).to_bytes(4) + count.to_bytes(2) + first

    assert BINARY.key(data) == (b"1" if count else None) == dict(BINARY.headers(data)).get(b"fsoo-key")


def test_one_field_is_the_last_of_its_name_and_no_value_that_looks_like_it() -> None:
    fields = [b"x", b"h:fsoo-key", b"h:fsoo-key", b"1", b"body", b"h:fsoo-key", b"h:fsoo-key", b"2"]

    assert FIELDS.key(fields) == b"2"
    assert FIELDS.key([*fields, b"h:a", b"3"]) == b"2"
    assert FIELDS.key(fields[:2] + fields[4:6]) is None


@pytest.mark.parametrize("cut", range(1, 40))
def test_the_key_of_a_torn_envelope_is_none_or_whole(cut: int) -> None:
    for pairs in ([(b"a", b"1"), (b"fsoo-key", b"order")], [(b"fsoo-key", b"order"), (b"a", b"1")]):
        assert BINARY.key(wrapped("binary", b"", pairs)[:-cut]) is None
        assert BINARY.key(wrapped("binary", b"12", pairs)[:-1]) == b"order"
