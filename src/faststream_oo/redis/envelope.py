"""How body and headers travel: as fields of a stream entry, and around the body where Redis has nothing for headers.

On lists and channels that is FastStream's binary format 1, a JSON object, or the body alone.
"""

from collections.abc import Sequence
from struct import Struct, error
from typing import Any, Final, Literal, Protocol, TypeAlias

import orjson

from faststream_oo.errors import PublishError

Envelope: TypeAlias = Literal["binary", "json", "none"]

Headers: TypeAlias = Sequence[tuple[bytes, bytes]]
"""Names and values in order, repeated ones included."""

BODY: Final = b"body"
"""Field of the body; each header is a field of its own, behind a prefix."""

HEADER: Final = b"h:"

_FASTSTREAM: Final = b"__data__"
"""The one field of FastStream's entries, which holds an envelope."""

MAGIC: Final = b"\x89BIN\r\n\x1a\n\x00\x01"
"""What FastStream's binary format begins with, and its version 1; then where headers and body begin, and the headers."""

OFFSETS: Final = Struct(">II")
LENGTH: Final = Struct(">H")
_LEAST: Final = len(MAGIC) + OFFSETS.size + LENGTH.size
"""Bytes of an empty envelope."""


class Content(Protocol):
    """How body and headers are read from what came."""

    def body(self, raw: Any, /) -> bytes:
        """Return the body."""
        ...

    def headers(self, raw: Any, /) -> Headers:
        """Return the headers as they came."""
        ...

    def header(self, raw: Any, name: bytes, /) -> bytes | None:
        """Return one header, the last of that name, without reading all of them where that is possible."""
        ...


class FieldContent:
    """Of stream entries, whose fields come as names and values in turn."""

    def body(self, raw: Sequence[bytes], /) -> bytes:
        """Return the field of the body; FastStream's is in an envelope, the fields of others make an object of texts."""
        names = raw[::2]
        if BODY in names:
            return raw[2 * names.index(BODY) + 1]
        if _FASTSTREAM in names:
            return read_binary(raw[2 * names.index(_FASTSTREAM) + 1])[0]
        return orjson.dumps({_shown(name): _shown(value) for name, value in _plain(raw)})

    def headers(self, raw: Sequence[bytes], /) -> Headers:
        """Return the fields of headers, and those of FastStream's envelope before them."""
        found = [(name[len(HEADER) :], value) for name, value in _pairs(raw) if name.startswith(HEADER)]
        names = raw[::2]
        if _FASTSTREAM in names and BODY not in names:
            found[:0] = read_binary(raw[2 * names.index(_FASTSTREAM) + 1])[1]
        return found

    def header(self, raw: Sequence[bytes], name: bytes, /) -> bytes | None:
        """Return one header, the last of that name."""
        names, field = raw[-2::-2], HEADER + name
        if field in names:
            return raw[-2 * names.index(field) - 1]
        return dict(self.headers(raw)).get(name) if _FASTSTREAM in names else None


class WrappedContent:
    """Of elements of lists, and of messages of channels.

    Args:
        envelope: What is around the body.
    """

    def __init__(self, envelope: Envelope) -> None:
        self._read = {"binary": read_binary, "json": _read_json, "none": _read_none}[envelope]
        self._one = _binary_header if envelope == "binary" else self._header
        self.body = _binary_body if envelope == "binary" else self._body
        """Returns what is inside; what another client wrote without an envelope is the body."""

    def _body(self, raw: bytes, /) -> bytes:
        return self._read(raw)[0]

    def _header(self, raw: bytes, name: bytes, /) -> bytes | None:
        return dict(self._read(raw)[1]).get(name)

    def headers(self, raw: bytes, /) -> Headers:
        """Return the headers of the envelope."""
        return self._read(raw)[1]

    def header(self, raw: bytes, name: bytes, /) -> bytes | None:
        """Return one header, the last of that name."""
        return self._one(raw, name) if name in raw else None


def read_binary(data: bytes, /) -> tuple[bytes, Headers]:
    """Read FastStream's binary format 1; anything else is a body without headers."""
    if not data.startswith(MAGIC):
        return data, ()
    at: int
    start: int
    try:
        at, start = OFFSETS.unpack_from(data, len(MAGIC))
        count = data[at] << 8 | data[at + 1]
        at += 2
        texts: list[bytes] = []
        for _ in range(2 * count):
            end = at + 2 + (data[at] << 8 | data[at + 1])  # quicker than a Struct
            texts.append(data[at + 2 : end])
            at = end
    except (error, IndexError):
        return data, ()
    if at > start or start > len(data):
        return data, ()
    return data[start:], list(zip(texts[::2], texts[1::2], strict=True))


def _binary_body(data: bytes, /) -> bytes:
    """Return the body of FastStream's binary format 1, as `read_binary` but with less to look at."""
    if data[: len(MAGIC)] == MAGIC and len(data) >= _LEAST:
        at, start = OFFSETS.unpack_from(data, len(MAGIC))
        if at == len(MAGIC) + OFFSETS.size and at + 2 <= start <= len(data):
            return data[start:]
    return read_binary(data)[0]


def _binary_header(data: bytes, name: bytes, /) -> bytes | None:
    """Return the last header of a name in FastStream's binary format 1; None in anything else."""
    if not data.startswith(MAGIC) or len(data) < _LEAST:
        return None
    at: int
    start: int
    at, start = OFFSETS.unpack_from(data, len(MAGIC))
    at += LENGTH.size
    found: bytes | None = None
    try:
        while at < start:
            middle = at + 2 + (data[at] << 8 | data[at + 1])
            end = middle + 2 + (data[middle] << 8 | data[middle + 1])
            if data[at + 2 : middle] == name:
                found = data[middle + 2 : end]
            at = end
    except IndexError:
        return None
    return found


def text(data: bytes, /) -> str:
    """Return bytes as text from which they can be had again."""
    return data.decode("utf-8", "surrogateescape")


def encoded(part: object, /) -> bytes:
    """Return a part of a command as it is sent; what `text` gave is what that was made of. Raises PublishError."""
    if isinstance(part, bytes):
        return part
    if isinstance(part, bool) or not isinstance(part, str | int | float):
        raise PublishError(f"{part!r} is no part of a Redis command: text, bytes or a number is")
    try:
        return (part if isinstance(part, str) else repr(part)).encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as failed:
        raise PublishError(f"{part!r} cannot be sent to Redis: {failed}") from failed


def _pairs(raw: Sequence[bytes]) -> Headers:
    return list(zip(raw[::2], raw[1::2], strict=True))


def _plain(raw: Sequence[bytes]) -> Headers:
    return [pair for pair in _pairs(raw) if not pair[0].startswith(HEADER)]


def _shown(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _read_json(data: bytes) -> tuple[bytes, Headers]:
    try:
        document: Any = orjson.loads(data)
        headers: dict[str, Any] = document.get("headers") or {}
        named = [(name.encode(), _value(value)) for name, value in headers.items()]
        return document["data"].encode(), named
    except (orjson.JSONDecodeError, LookupError, TypeError, AttributeError):
        return data, ()


def _value(value: object) -> bytes:
    return value.encode() if isinstance(value, str) else orjson.dumps(value)


def _read_none(data: bytes) -> tuple[bytes, Headers]:
    return data, ()
