"""AMQP properties and headers, to and from the framework's headers."""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Protocol, cast

from faststream_oo.errors import PublishError
from faststream_oo.rabbit.address import Exchange, KeyedExchange, Queue
from faststream_oo.transport import Frame

PROPERTIES: Final[Mapping[str, str]] = {
    "fsoo-id": "message_id",
    "fsoo-correlation-id": "correlation_id",
    "fsoo-reply-to": "reply_to",
    "fsoo-type": "message_type",
    "content-type": "content_type",
}
"""Properties that stand for a header of the framework, both ways."""

KEY: Final = "fsoo-key"
_LONGEST: Final = 255  # Bytes of a property.
_HEADERS: Final = 120 * 1024
"""Bytes of all headers: RabbitMQ takes them in one frame of 128 KiB, and closes the connection above that."""

_COPIED: Final = (
    "content_type", "content_encoding", "priority", "correlation_id", "reply_to", "message_id", "timestamp",
    "message_type", "app_id",
)  # fmt: skip
_ROUTING: Final = frozenset({"CC", "BCC"})
_PERSISTENT: Final = 2
_TRANSIENT: Final = 1


class Properties(Protocol):
    """Properties of a message, by the names of pamqp."""

    content_type: str | None
    content_encoding: str | None
    headers: Any
    delivery_mode: int | None
    priority: int | None
    correlation_id: str | None
    reply_to: str | None
    expiration: str | None
    message_id: str | None
    timestamp: datetime | None
    message_type: str | None
    user_id: str | None
    app_id: str | None


def text_headers(properties: Properties, /) -> dict[str, str]:
    """Return headers as text, with the properties that stand for one; tables, lists and nulls are left out."""
    found: dict[str, str] = {}
    for name, value in _headers(properties).items():
        if (text := _text(value)) is not None:
            found[name] = text
    for name, attribute in PROPERTIES.items():
        if (value := getattr(properties, attribute)) and name not in found:
            found[name] = value
    return found


def _headers(properties: Properties) -> Mapping[str, Any]:
    return properties.headers or {}


def _text(value: object) -> str | None:
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int() | float() | Decimal():
            return str(value)
        case bytes() | bytearray():
            return value.decode("utf-8", "surrogateescape")
        case datetime():
            return value.isoformat()
        case _:
            return None


def key_of(properties: Properties, /) -> bytes | None:
    """Return the `fsoo-key` header as bytes."""
    key: Any = _headers(properties).get(KEY)
    if key is None:
        return None
    return key.encode("utf-8", "surrogateescape") if isinstance(key, str) else bytes(key)


def native_properties(frame: Frame, /) -> dict[str, Any]:
    """Return the properties of a frame's message by pamqp's names. Raises PublishError for what RabbitMQ refuses."""
    options = frame.options
    chosen: dict[str, Any] = {"delivery_mode": _PERSISTENT if options.get("persistent", True) else _TRANSIENT}
    headers: dict[str, Any] = {}
    if frame.copy_of is not None:
        _copy(frame, chosen, headers)
    elif frame.key is not None:
        headers[KEY] = _binary(frame.key)
    size = 0
    for name, value in frame.headers.items():
        attribute = PROPERTIES.get(name)
        if attribute is not None and len(value.encode("utf-8", "surrogateescape")) <= _LONGEST:
            chosen[attribute] = value
        else:
            headers[name] = value
            size += len(name) + 4 * len(value)
    if (request_id := headers.get("fsoo-request-id")) is not None:
        _name_request(request_id, chosen, headers)
    if size > _HEADERS:
        _check_size(headers)
    if headers:
        chosen["headers"] = headers
    if options:
        _choose(options, chosen)
    return chosen


def _name_request(request_id: str, chosen: dict[str, Any], headers: dict[str, Any]) -> None:
    """Put the id of a request where every AMQP client looks for it, and the conversation's beside it."""
    if "correlation_id" in chosen:
        headers["fsoo-correlation-id"] = chosen["correlation_id"]
    chosen["correlation_id"] = request_id


def _copy(frame: Frame, chosen: dict[str, Any], headers: dict[str, Any]) -> None:
    """Take over what a received message came with; what would route it elsewhere or make it expire stays behind."""
    message = cast(Any, frame.copy_of)
    if message.raw is None:
        headers.update(message.headers)
        if message.key is not None:
            headers[KEY] = _binary(message.key)
        return
    properties: Properties = message.raw.header.properties
    chosen.update({name: value for name in _COPIED if (value := getattr(properties, name)) is not None})
    for name, value in _headers(properties).items():
        if name not in _ROUTING:
            # Long strings that are no text arrive as bytes, which the client sends only as a byte array.
            headers[name] = bytearray(value) if isinstance(value, bytes) else value


def _binary(value: bytes) -> str | bytearray:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return bytearray(value)


def _check_size(headers: Mapping[str, Any]) -> None:
    size = sum(len(name) + len(str(value).encode("utf-8", "replace")) for name, value in headers.items())
    if size > _HEADERS:
        raise PublishError(f"headers of {size} bytes: RabbitMQ takes {_HEADERS}")


def _choose(options: Mapping[str, object], chosen: dict[str, Any]) -> None:
    priority, expiration = cast("int | None", options.get("priority")), cast("float | None", options.get("expiration"))
    if priority is not None:
        if not 0 <= priority <= _LONGEST:
            raise PublishError(f"priority={priority} is not from 0 to {_LONGEST}")
        chosen["priority"] = priority
    if expiration is not None:
        if expiration < 0:
            raise PublishError(f"expiration={expiration:g}: seconds are 0 or more")
        chosen["expiration"] = str(round(expiration * 1000))
    for name, attribute in (("timestamp", "timestamp"), ("app_type", "message_type"), ("user_id", "user_id")):
        if options.get(name) is not None:
            chosen[attribute] = options[name]


def routing_of(address: Queue | Exchange, /) -> Callable[[Frame], str]:
    """Return what gives the routing key of a message to an address. It raises PublishError for a key that cannot be."""
    if isinstance(address, Queue):
        return _to_queue(address.name)
    prefix = address.key_prefix if isinstance(address, KeyedExchange) else ""

    def key(frame: Frame) -> str:
        key = prefix + cast(str, frame.options.get("routing_key") or "")
        if len(key.encode()) > _LONGEST:
            raise PublishError(f'the routing key "{key}" is longer than {_LONGEST} bytes')
        return key

    return key


def _to_queue(name: str) -> Callable[[Frame], str]:
    def key(frame: Frame) -> str:
        if frame.options.get("routing_key") is not None:
            raise PublishError(f'a routing key is for an exchange, and "{name}" is a queue')
        return name

    return key
