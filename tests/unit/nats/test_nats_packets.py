"""What goes over the wire for a frame, and what is refused before it does."""

from collections.abc import Mapping

import pytest

from faststream_oo.errors import PublishError
from faststream_oo.nats.address import Subject
from faststream_oo.nats.claim import SubjectClaim
from faststream_oo.nats.message import NatsMessage, ReceivedMessage
from faststream_oo.nats.packets import NO_SHAPES, Packet, Shapes, packet
from faststream_oo.nats.transports.memory.server import Delivered
from faststream_oo.transport import Frame


def packed(
    body: bytes | None, headers: Mapping[str, str] | None = None, *, key: bytes | None = None, largest: int = 1000
) -> Packet:
    return packet("orders", Frame(body, headers, key), largest, {})


def test_an_empty_body_and_no_headers_are_sent_as_such() -> None:
    assert packed(None) == ("orders", b"", "", None)


def test_the_key_travels_as_a_header() -> None:
    assert packed(b"1", {"fsoo-id": "x"}, key="ü".encode())[3] == {"fsoo-id": "x", "fsoo-key": "ü"}


def test_a_key_that_is_no_text_is_refused() -> None:
    with pytest.raises(PublishError, match="no text"):
        packed(b"1", key=b"\xff")


@pytest.mark.parametrize("name", ["a b", "a:b", "ü", "", "a\r\nb"])
def test_a_header_name_that_the_client_refuses_is_refused(name: str) -> None:
    with pytest.raises(PublishError, match="no name of a header"):
        packed(b"1", {name: "v"})


def test_header_names_that_differ_in_case_are_both_sent() -> None:
    assert packed(b"1", {"a": "1", "A": "2"})[3] == {"a": "1", "A": "2"}


def test_a_header_that_cannot_be_encoded_is_refused() -> None:
    with pytest.raises(PublishError, match="cannot be encoded"):
        packed(b"1", {"a": "\udcff"})


def test_headers_count_towards_the_limit() -> None:
    headers = {"a": "1", "b": "ü"}
    block = len("NATS/1.0\r\na: 1\r\nb: ü\r\n\r\n".encode())
    assert packed(b"x" * (1000 - block), headers)[3] == headers
    with pytest.raises(PublishError, match=r"1,001 bytes, headers included, 1,000 is the limit"):
        packed(b"x" * (1001 - block), headers)


def test_a_body_alone_may_fill_the_limit() -> None:
    assert len(packed(b"x" * 1000)[1]) == 1000
    with pytest.raises(PublishError, match="1,001 bytes"):
        packed(b"x" * 1001)


def test_shapes_of_headers_are_remembered_up_to_a_number() -> None:
    shapes: Shapes = {}
    for number in range(NO_SHAPES + 10):
        packet("orders", Frame(b"", {f"h{number}": ""}), 1000, shapes)
    assert len(shapes) == NO_SHAPES


def test_headers_of_a_remembered_shape_count_towards_the_limit() -> None:
    shapes: Shapes = {}
    packet("orders", Frame(b"", {"a": "1"}), 1000, shapes)
    with pytest.raises(PublishError, match=r"1,020 bytes, headers included, 1,000 is the limit"):
        packet("orders", Frame(b"", {"a": "x" * 1003}), 1000, shapes)
    with pytest.raises(PublishError, match="cannot be encoded"):
        packet("orders", Frame(b"", {"a": "\udcff"}), 1000, shapes)


def copied(message: NatsMessage, added: Mapping[str, str], largest: int = 1000) -> Packet:
    return packet("dlq", Frame(None, added, copy_of=message), largest, {})


def test_a_copy_has_the_bytes_and_headers_as_they_came_and_the_added_ones() -> None:
    message = NatsMessage(body=b"\x00{", headers={"a": "1", "fsoo-id": "x", "fsoo-attempt": "1"})
    assert copied(message, {"fsoo-attempt": "3"}) == (
        "dlq",
        b"\x00{",
        "",
        {"a": "1", "fsoo-id": "x", "fsoo-attempt": "3"},
    )


def test_of_a_copy_that_is_too_large_the_longest_added_headers_are_left_out() -> None:
    message = NatsMessage(body=b"x" * 900, headers={"a": "1"})
    added = {"fsoo-error-stack": "s" * 500, "fsoo-dl-reason": "exhausted"}
    assert copied(message, added)[3] == {"a": "1", "fsoo-dl-reason": "exhausted"}


def test_a_message_that_fills_the_limit_can_be_copied() -> None:
    message = NatsMessage(body=b"x" * 1000)
    assert copied(message, {"fsoo-dl-reason": "exhausted"}) == ("dlq", message.body, "", None)


def test_a_copy_leaves_out_names_that_the_client_does_not_write() -> None:
    assert copied(NatsMessage(body=b"1", headers={"a(b": "1"}), {})[3] is None


def test_a_reply_subject_is_native_and_the_requests_own() -> None:
    headers = {"fsoo-reply-to": "_INBOX.x", "fsoo-request-id": "r-1"}
    assert packed(b"1", headers) == ("orders", b"1", "_INBOX.x.r-1", {"fsoo-request-id": "r-1"})


def test_line_breaks_of_diagnostics_travel_and_come_back() -> None:
    sent = copied(NatsMessage(body=b"1"), {"fsoo-error-message": "a\nb", "fsoo-error-stack": "c\nd"})
    assert "\n" not in "".join((sent[3] or {}).values())
    received = ReceivedMessage(Delivered("dlq", b"1", "", sent[3]), SubjectClaim(Subject("dlq"), print), 0)
    assert received.headers == {"fsoo-error-message": "a\nb", "fsoo-error-stack": "c\nd"}
