"""Publishing: what each kind of address asks the server for a frame, and the receipt of its answer."""

from collections.abc import Callable, Mapping, Sequence
from struct import error
from typing import Any, Final

import orjson

from faststream_oo.errors import PublishError, TransportError
from faststream_oo.redis.address import Channel, List, RedisAddress, ReplyStream, Stream
from faststream_oo.redis.client.commands import Answer, Command, CommandError, Part
from faststream_oo.redis.client.wire import Asked, Wire
from faststream_oo.redis.envelope import (
    BODY,
    HEADER,
    KEY,
    KEY_FIELD,
    LENGTH,
    MAGIC,
    OFFSETS,
    START,
    Envelope,
    Headers,
    encoded,
)
from faststream_oo.redis.message import ReceivedMessage, RedisReceipt
from faststream_oo.transport import Frame

LARGEST: Final = 512 * 1024 * 1024
"""Bytes of one value: `proto-max-bulk-len`, as every server has it by default."""

_LONGEST: Final = 0xFFFF
"""Bytes of a name or a value there."""


class Publishing(Asked):
    """A message on its way; gives a `RedisReceipt` where that is read."""

    receipt = False

    def answered(self, answers: Sequence[Answer], /) -> None:
        """The server has it, or refused it."""
        answer = answers[0]
        if isinstance(answer, CommandError):
            self.refused(PublishError(str(answer)))
        else:
            self.set_result(receipt_of(answer) if self.receipt else None)

    def refused(self, error: TransportError, /) -> None:
        """Fail as a publish."""
        super().refused(error if isinstance(error, PublishError) else PublishError(str(error)))


class Asking(Publishing):
    """A request on its way to a channel, which nobody answers when nobody listens.

    Args:
        channel: Its name.
    """

    def __init__(self, channel: str) -> None:
        super().__init__()
        self._channel = channel

    def answered(self, answers: Sequence[Answer], /) -> None:
        """The server has handed it to so many."""
        if answers[0] == 0:
            self.refused(PublishError(f"nobody listens on {self._channel}"))
        else:
            super().answered(answers)


def receipt_of(answer: Answer, /) -> RedisReceipt:
    """Return what the server said about a published message."""
    return RedisReceipt(entry_id=answer.decode()) if isinstance(answer, bytes) else RedisReceipt(count=_number(answer))


def _number(answer: Answer) -> int | None:
    return answer if isinstance(answer, int) else None


class RedisSender:
    """Sends to one address.

    Args:
        wire: What it is sent over.
        address: Whole.
        envelope: Format of headers on lists and channels.
    """

    def __init__(self, wire: Wire, address: RedisAddress, envelope: Envelope) -> None:
        self._wire = wire
        self._address = address
        self._wrap = self._bare if envelope == "none" else _WRAPS[envelope]
        self._stream = isinstance(address, Stream)
        self._channel = address.name if isinstance(address, Channel) else None
        self._head = _head(address)
        self._after: Sequence[Command] = ()
        if isinstance(address, ReplyStream):  # answers to who is gone must not stay for ever
            self._after = [("EXPIRE", encoded(address.name), address.lifetime)]

    def send(self, frame: Frame, /) -> Publishing:
        """Accept a message, in call order. Raises PublishError for what the server would refuse for sure."""
        command, size = self._command(frame)
        channel = self._channel
        publishing = Publishing() if channel is None or "fsoo-reply-to" not in frame.headers else Asking(channel)
        publishing.commands, publishing.size, publishing.receipt = (command, *self._after), size, frame.receipt
        self._wire.submit(publishing)
        return publishing

    def command(self, frame: Frame, /) -> Command:
        """Return the command that publishes a frame. Raises PublishError."""
        return self._command(frame)[0]

    def _command(self, frame: Frame) -> tuple[Command, int]:
        if frame.copy_of is not None:
            return self._copying(frame, frame.copy_of)
        body = frame.body or b""
        if len(body) > LARGEST:
            raise PublishError(f'a body to "{self._address.name}" has {len(body):,} bytes, {LARGEST:,} is the limit')
        try:
            if self._stream:
                parts: list[Part] = [*self._head, body]
                for name, value in frame.headers.items():
                    parts += (HEADER + name.encode(), value.encode("utf-8", "surrogateescape"))
                if frame.key is not None:  # the last, where it is read at its place
                    parts += (KEY_FIELD, frame.key)
                return parts, len(body)
            headers = [
                (name.encode(), value.encode("utf-8", "surrogateescape")) for name, value in frame.headers.items()
            ]
        except UnicodeEncodeError as error:
            raise PublishError(f"a header cannot be encoded: {error}") from error
        if frame.key is not None:  # the first, where it is read at its place
            if "fsoo-key" in frame.headers:  # of a message that these headers were taken from
                headers = [pair for pair in headers if pair[0] != KEY]
            headers.insert(0, (KEY, frame.key))
        return (*self._head, self._wrap(body, headers)), len(body)

    def _bare(self, body: bytes, headers: Headers) -> bytes:
        if lost := [name for name, _ in headers if name not in _IMPLIED]:
            what = f'"{self._address.name}" has no envelope that carries {lost[0].decode()}'
            raise PublishError(f'{what}; redis.envelope: "binary" or "json" does')
        return body

    def _copying(self, frame: Frame, message: Any) -> tuple[Command, int]:
        """Return what publishes a copy of a received message, with headers added to its own."""
        added = [(name.encode(), value.encode("utf-8", "replace")) for name, value in frame.headers.items()]
        replaced = {name for name, _ in added}
        body: bytes = message.body
        if self._stream and isinstance(message, ReceivedMessage) and message.entry is not None:
            raw: Sequence[bytes] = message.raw
            gone = {HEADER + name for name in replaced}
            fields = [part for pair in zip(raw[::2], raw[1::2], strict=True) if pair[0] not in gone for part in pair]
            return (*self._head[:-1], *fields, *_fields(added)), sum(map(len, fields))
        pairs: Headers = message.pairs if isinstance(message, ReceivedMessage) else _encoded(message)
        headers = [*(pair for pair in pairs if pair[0] not in replaced), *added]
        if self._stream:
            return (*self._head, body, *_fields(headers)), len(body)
        return (*self._head, self._wrap(body, headers)), len(body)


_IMPLIED: Final = frozenset({b"fsoo-id", b"fsoo-correlation-id", b"fsoo-type", b"content-type"})
"""Headers that go with every message, and are not missed where none can go."""


def _fields(headers: Headers) -> Sequence[bytes]:
    return [part for name, value in headers for part in (HEADER + name, value)]


def _encoded(message: Any) -> Headers:
    """Return the headers of a message that was made by hand."""
    return [(name.encode(), value.encode("utf-8", "surrogateescape")) for name, value in message.headers.items()]


def _head(address: RedisAddress) -> Sequence[Part]:
    """Return what a publishing command begins with. Raises PublishError for a name that cannot be written."""
    match address:
        case Stream(max_length=None):
            return ("XADD", encoded(address.name), "*", BODY)
        case Stream():
            length = ("MAXLEN", "=" if address.exact else "~", str(address.max_length))
            return ("XADD", encoded(address.name), *length, "*", BODY)
        case List():
            return ("RPUSH", encoded(address.name))
        case Channel():
            return ("PUBLISH", encoded(address.plain))


def wrapped(envelope: Envelope, body: bytes, headers: Headers, /) -> bytes:
    """Return a body with its headers around it. Raises PublishError for what the format cannot carry."""
    return _WRAPS[envelope](body, headers)


def _binary(body: bytes, headers: Headers) -> bytes:
    """Write FastStream's binary format 1: the magic bytes, where headers and data begin, the headers, the data."""
    pack = LENGTH.pack
    try:
        parts = [piece for pair in headers for part in pair for piece in (pack(len(part)), part)]
        count = pack(len(headers))
    except error as failed:
        raise PublishError(f"a name or a value of a header has more than {_LONGEST:,} bytes") from failed
    written = b"".join(parts)
    start = START + len(count) + len(written)
    return b"".join((MAGIC, OFFSETS.pack(START, start), count, written, body))


def _json(body: bytes, headers: Headers) -> bytes:
    try:
        named = {name.decode(): value.decode() for name, value in headers}
        return orjson.dumps({"data": body.decode(), "headers": named})
    except UnicodeDecodeError as failed:
        raise PublishError(f"a JSON envelope holds text: {failed}") from failed


_WRAPS: Final[Mapping[Envelope, Callable[[bytes, Headers], bytes]]] = {
    "binary": _binary,
    "json": _json,
    "none": lambda body, _: body,
}
