"""What goes over the wire for a frame, and what would be refused there."""

import re
from collections.abc import Mapping, MutableMapping
from typing import Final, TypeAlias

from faststream_oo.errors import PublishError
from faststream_oo.nats.message import BREAK, ReceivedMessage
from faststream_oo.transport import Frame

Packet: TypeAlias = tuple[str, bytes, str, Mapping[str, str] | None]
"""Subject, body, reply subject and headers of one message, as nats-py's `publish` takes them."""

Shapes: TypeAlias = MutableMapping[tuple[str, ...], int]
"""Names of headers, in their order, that are known to be right: the bytes of those headers besides their texts."""

NO_SHAPES: Final = 1024
"""Shapes that are remembered."""

_SERVERS: Final = "Nats-"
_CONTROLS: Final = {"expected_sequence": "Nats-Expected-Last-Sequence", "ttl": "Nats-TTL"}
_NAME: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_BLOCK: Final = 12  # bytes around the headers: a line "NATS/1.0", and an empty one
_LINE: Final = 4  # bytes of a header besides name and text


def packet(subject: str, frame: Frame, largest: int, shapes: Shapes, /) -> Packet:
    """Return what is sent for a frame.

    Args:
        subject: Where to, checked.
        frame: What.
        largest: Bytes of body and headers that the server takes, its `max_payload`.
        shapes: What is known of the headers of earlier ones.

    Raises:
        PublishError: The client or the server would refuse it.
    """
    if frame.copy_of is not None:
        return _copied(subject, frame, largest, stored=False)
    body, headers, reply = frame.body or b"", frame.headers, ""
    if frame.key is not None:
        headers = {**headers, "fsoo-key": _key(frame.key)}
    if frame.options:
        raise PublishError(f'"{subject}" is of no stream: expected_sequence and ttl mean nothing there')
    if "fsoo-request-id" in headers:
        headers = dict(headers)
        reply = _reply(headers)
    around, text = shapes.get(tuple(headers)), "".join(headers.values())
    if around is None or not text.isascii() or around + len(body) + len(text) > largest:
        _check(subject, body, headers, largest, shapes)
    return subject, body, reply, headers or None


def stored_packet(subject: str, reply: str, frame: Frame, largest: int, shapes: Shapes, /) -> Packet:
    """Return what is sent for a frame that a stream is to store: its identity is the server's own header there.

    Args:
        subject: Where to, checked.
        reply: Where the stream confirms it.
        frame: What.
        largest: As of `packet`.
        shapes: As of `packet`.

    Raises:
        PublishError: The client or the server would refuse it.
    """
    if frame.copy_of is not None:
        to, body, _, copied = _copied(subject, frame, largest, stored=True)
        return to, body, reply, copied
    body, headers = frame.body or b"", dict(frame.headers)
    if identity := headers.pop("fsoo-id", ""):
        headers["Nats-Msg-Id"] = identity
    if frame.key is not None:
        headers["fsoo-key"] = _key(frame.key)
    if "fsoo-request-id" in headers and (answer := _reply(headers)):
        headers["fsoo-reply-to"] = answer  # the server puts its own in the place of a reply subject
    for name, value in frame.options.items():
        headers[_CONTROLS[name]] = f"{value:.3f}s" if isinstance(value, float) else str(value)
    around, text = shapes.get(tuple(headers)), "".join(headers.values())
    if around is None or not text.isascii() or around + len(body) + len(text) > largest:
        _check(subject, body, headers, largest, shapes)
    return subject, body, reply, headers


def too_large(subject: str, size: int, largest: int) -> PublishError:
    """Return what is raised for a message that the server would close the connection for."""
    what = f'a message to "{subject}" would have {size:,} bytes, headers included, {largest:,} is the limit'
    return PublishError(what)


def _reply(headers: dict[str, str]) -> str:
    """Return the reply subject, which is native here: below the inbox, the request's own, so that any answer tells it."""
    _one_line(headers)
    inbox = headers.pop("fsoo-reply-to", None)
    return "" if inbox is None else f"{inbox}.{headers['fsoo-request-id']}"


def _one_line(headers: MutableMapping[str, str]) -> None:
    """Make diagnostics fit into the line that a header is: a line break becomes a line separator (U+2028)."""
    for name, text in headers.items():
        if name.startswith("fsoo-error-") and "\n" in text:
            headers[name] = text.replace("\n", BREAK)


def _copied(subject: str, frame: Frame, largest: int, *, stored: bool) -> Packet:
    """Return a copy of a received message, with what fits of the headers added to it, the longest left out first.

    What told a server what to do with the original is not told again: an identity that it had would make its copy a
    duplicate, and the sequence that was expected then would have it refused.
    """
    message = frame.copy_of
    if message is None:
        raise PublishError("this frame copies nothing")
    # What another client wrote may have names that this one refuses to write.
    headers = {
        name: text for name, text in message.headers.items() if _NAME.fullmatch(name) and not name.startswith(_SERVERS)
    }
    added = sorted(frame.headers, key=lambda name: len(frame.headers[name]))
    headers.update(frame.headers)
    _one_line(headers)
    while added and len(message.body) + size_of(headers) > largest:
        del headers[added.pop()]
    place = message.place if stored and isinstance(message, ReceivedMessage) else None
    if place is not None:  # the letter of one message is stored once, however often a crash has it written
        headers["Nats-Msg-Id"] = f"{place.stream}-{place.sequence}-{place.stored}-{place.consumer}"
    return subject, message.body, "", headers or None


def size_of(headers: Mapping[str, str]) -> int:
    """Return the bytes of headers on the wire. Raises PublishError for what cannot be encoded."""
    return _around(headers) + sum(len(_encoded(name, text)) for name, text in headers.items())


def _around(headers: Mapping[str, str]) -> int:
    """Return the bytes of headers besides their texts."""
    return _BLOCK + len("".join(headers)) + _LINE * len(headers) if headers else 0


def _encoded(name: str, text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise PublishError(f'header "{name}" cannot be encoded: {error.reason}') from error


def _check(subject: str, body: bytes, headers: Mapping[str, str], largest: int, shapes: Shapes) -> None:
    """Refuse a message that would be refused, else remember the shape of its headers."""
    for name in () if tuple(headers) in shapes else headers:
        if not _NAME.fullmatch(name):
            raise PublishError(f'"{name}" is no name of a header: letters, digits and !#$%&\'*+-.^_`|~')
    size = len(body) + size_of(headers)
    if size > largest:
        raise too_large(subject, size, largest)
    if len(shapes) < NO_SHAPES:
        shapes[tuple(headers)] = _around(headers)


def _key(key: bytes) -> str:
    try:
        return key.decode()
    except UnicodeDecodeError as error:
        raise PublishError(f"key {key!r} is no text, and travels as a header") from error
