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

KEY: Final = b"fsoo-key"
"""Header of the key: the last field of our entries, and the first header of our envelopes, where it is read at its place."""

KEY_FIELD: Final = HEADER + KEY

_REPLY: Final = b"reply"
"""Is in the name of either header that asks for an answer."""

_FASTSTREAM: Final = b"__data__"
"""The one field of FastStream's entries, which holds an envelope: binary, or the JSON of older ones."""

MAGIC: Final = b"\x89BIN\r\n\x1a\n\x00\x01"
"""What FastStream's binary format begins with, and its version 1; then where headers and body begin, and the headers."""

OFFSETS: Final = Struct(">II")
LENGTH: Final = Struct(">H")

START: Final = len(MAGIC) + OFFSETS.size
"""Where the headers of an envelope begin, their number first."""

_LEAST: Final = START + LENGTH.size
"""Bytes of an empty envelope."""

_HEAD: Final = MAGIC + START.to_bytes(4, "big")
"""What an envelope begins with whose headers follow at once."""

_OPENING: Final = Struct(f">{len(_HEAD)}sI")
"""The head, and where the body begins."""

_NAME: Final = LENGTH.pack(len(KEY)) + KEY

_NAMED: Final = _LEAST + len(_NAME)
"""Where the name of the first header ends."""

_FIRST: Final = Struct(f">{len(_HEAD)}sIH{len(_NAME)}xH")
"""The head, where the body begins, the number of headers, and behind the first one's name the length of its value."""

_VALUE: Final = _FIRST.size
"""Where that begins."""


class Content(Protocol):
    """How body and headers are read from what came."""

    def opened(self, raw: Any, /) -> tuple[bytes, bool]:
        """Return the body, and whether a header may ask for an answer."""
        ...

    def headers(self, raw: Any, /) -> Headers:
        """Return the headers as they came."""
        ...

    def key(self, raw: Any, /) -> bytes | None:
        """Return the last `fsoo-key`, without reading all headers where that is possible."""
        ...


class FieldContent:
    """Of stream entries, whose fields come as names and values in turn."""

    def opened(self, raw: Sequence[bytes], /) -> tuple[bytes, bool]:
        """Return the body, and that a header may ask for an answer; the fields of others make an object of texts."""
        return self._body(raw), True

    def _body(self, raw: Sequence[bytes]) -> bytes:
        names = raw[::2]
        if BODY in names:
            return raw[2 * names.index(BODY) + 1]
        if _FASTSTREAM in names:
            return _read_either(raw[2 * names.index(_FASTSTREAM) + 1])[0]
        return orjson.dumps({_shown(name): _shown(value) for name, value in _plain(raw)})

    def headers(self, raw: Sequence[bytes], /) -> Headers:
        """Return the fields of headers, and the headers of FastStream's envelope before them."""
        found = [(name[len(HEADER) :], value) for name, value in _pairs(raw) if name.startswith(HEADER)]
        names = raw[::2]
        if _FASTSTREAM in names and BODY not in names:
            found[:0] = _read_either(raw[2 * names.index(_FASTSTREAM) + 1])[1]
        return found

    def key(self, raw: Sequence[bytes], /) -> bytes | None:
        """Return the last `fsoo-key`."""
        if raw[-2] == KEY_FIELD:  # where our own are
            return raw[-1]
        names = raw[-2::-2]
        if KEY_FIELD in names:
            return raw[-2 * names.index(KEY_FIELD) - 1]
        return dict(self.headers(raw)).get(KEY) if _FASTSTREAM in names else None


class WrappedContent:
    """Of elements of lists, and of messages of channels.

    Args:
        envelope: What is around the body.
    """

    def __init__(self, envelope: Envelope) -> None:
        self._read = {"binary": read_binary, "json": _read_either, "none": _read_none}[envelope]
        self.opened = _opened_binary if envelope == "binary" else self._opened
        """Returns what is inside; what another client wrote without an envelope is the body."""
        self.key = _binary_key if envelope == "binary" else self._key
        """Returns the last `fsoo-key`."""

    def _opened(self, raw: bytes, /) -> tuple[bytes, bool]:
        body, headers = self._read(raw)
        return body, any(_REPLY in name for name, _ in headers)

    def _key(self, raw: bytes, /) -> bytes | None:
        return dict(self._read(raw)[1]).get(KEY) if KEY in raw else None

    def headers(self, raw: bytes, /) -> Headers:
        """Return the headers of the envelope."""
        return self._read(raw)[1]


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


def _opened_binary(data: bytes, /) -> tuple[bytes, bool]:
    """Return the body of FastStream's binary format 1, as `read_binary` but without reading the headers."""
    if len(data) >= _LEAST:
        head, start = _OPENING.unpack_from(data)
        if head == _HEAD and _LEAST <= start <= len(data):
            return data[start:], data.find(_REPLY, _LEAST, start) >= 0
    body, headers = read_binary(data)
    return body, bool(headers)


def _binary_key(data: bytes, /) -> bytes | None:
    """Return the last `fsoo-key` in FastStream's binary format 1; None in anything else."""
    if data[_LEAST:_NAMED] == _NAME and len(data) >= _VALUE:
        head, start, count, length = _FIRST.unpack_from(data)
        end = _VALUE + length
        # The first header, and no other that may be of that name.
        if head == _HEAD and count and end <= start <= len(data) and data.find(KEY, end, start) < 0:
            return data[_VALUE:end]
    return dict(read_binary(data)[1]).get(KEY) if KEY in data else None


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


def _read_either(data: bytes) -> tuple[bytes, Headers]:
    """Read the binary format, which no JSON begins like, or a JSON object; anything else is a body without headers."""
    return read_binary(data) if data.startswith(MAGIC) else _read_json(data)


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
