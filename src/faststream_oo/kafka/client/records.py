"""A frame as the record that it becomes: the same bytes whichever client writes them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from faststream_oo.errors import PublishError
from faststream_oo.kafka.message import Content, Headers, ReceivedRecord
from faststream_oo.transport import Frame

DEAD_LETTER_ROOM: Final = 64 * 1024
"""Bytes that a dead letter may be longer than its record: the diagnostics."""

_NULL_BODY: Final = "fsoo-dl-null"
_BATCH_HEADER: Final = 61  # Bytes before the records of a batch (KIP-98).
_RECORD_OVERHEAD: Final = 21  # What aiokafka reckons for length, attributes, timestamp and offset at most.
_LEAST_OVERHEAD: Final = 3  # What the first record of a batch has of them, its length apart.


def content(frame: Frame, topic: str, /) -> Content:
    """Return value, key and headers of a frame; a copy has everything of the record it copies.

    Raises:
        PublishError: It has neither key nor value.
    """
    headers = _encoded(frame.headers)
    value, key = frame.body, frame.key
    if frame.copy_of is not None:
        kept: Headers
        if isinstance(frame.copy_of, ReceivedRecord):
            value, key, kept = frame.copy_of.content
        else:
            kept = _encoded(frame.copy_of.headers)
        if value is None and key is None:  # aiokafka does not write such a record
            value = b""
            headers.append((_NULL_BODY, b"1"))
        replaced = {name for name, _ in headers if name.startswith("fsoo-")}
        headers = [header for header in kept if header[0] not in replaced] + headers
    if value is None and key is None:
        raise PublishError(f'a record to "{topic}" has neither key nor value')
    return value, key, headers


def placed(options: Mapping[str, object], /) -> tuple[int | None, int | None]:
    """Return partition and timestamp in milliseconds, None for what is not said. Raises PublishError."""
    partition, timestamp = options.get("partition"), options.get("timestamp")
    if partition is not None and not isinstance(partition, int):
        raise PublishError(f"partition={partition!r} is no number")
    if timestamp is not None and not isinstance(timestamp, datetime):
        raise PublishError(f"timestamp={timestamp!r} is no datetime")
    return partition, None if timestamp is None else round(timestamp.timestamp() * 1000)


def estimated_size(record: Content, /) -> int:
    """Return the bytes of a record as aiokafka estimates them before it sends."""
    return _BATCH_HEADER + _RECORD_OVERHEAD + _body_size(record)


def stored_size(record: Content, /) -> int:
    """Return the bytes of a record as the broker counts them, uncompressed and alone in its batch."""
    size = _LEAST_OVERHEAD + _body_size(record)
    return _BATCH_HEADER + _varint(size) + size


def _encoded(headers: Mapping[str, str]) -> list[tuple[str, bytes | None]]:
    try:  # what is no UTF-8 is text that stands for bytes, as it was received
        return [(name, text.encode("utf-8", "surrogateescape")) for name, text in headers.items()]
    except UnicodeEncodeError as error:
        raise PublishError(f"a header cannot be encoded: {error}") from error
    except AttributeError as error:
        raise PublishError(f"a header is no text: {error}") from error


def _varint(value: int) -> int:
    """Bytes of a length as Kafka writes it: zigzag, seven bits a byte."""
    return max(1, ((value << 1).bit_length() + 6) // 7)


def _part(content: bytes | None) -> int:
    return 1 if content is None else _varint(len(content)) + len(content)


def _body_size(record: Content) -> int:
    """Bytes of value, key and headers with their lengths."""
    value, key, headers = record
    size = _part(key) + _part(value) + _varint(len(headers))
    return size + sum(_part(name.encode()) + _part(text) for name, text in headers)
