"""A message as an embedded server keeps it, and as it hands it out."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, cast

from attrs import define, evolve, field, frozen

_LONGEST_NAME: Final = 128  # Characters of a header's name; the client cuts the rest off.


@define
class MemoryProperties:
    """Properties by the names of pamqp; changed by nobody."""

    content_type: str | None = field(default=None, kw_only=True)
    content_encoding: str | None = field(default=None, kw_only=True)
    headers: Any = field(factory=dict[str, Any], kw_only=True)
    delivery_mode: int | None = field(default=None, kw_only=True)
    priority: int | None = field(default=None, kw_only=True)
    correlation_id: str | None = field(default=None, kw_only=True)
    reply_to: str | None = field(default=None, kw_only=True)
    expiration: str | None = field(default=None, kw_only=True)
    message_id: str | None = field(default=None, kw_only=True)
    timestamp: datetime | None = field(default=None, kw_only=True)
    message_type: str | None = field(default=None, kw_only=True)
    user_id: str | None = field(default=None, kw_only=True)
    app_id: str | None = field(default=None, kw_only=True)


def arrived(properties: Mapping[str, Any], /) -> MemoryProperties:
    """Return properties as they arrive: empty ones are none, times are in whole seconds of UTC.

    Raises:
        TypeError: A header is of a kind that AMQP has not.
    """
    kept = {name: _arrived(value) for name, value in properties.items() if value != "" and name != "headers"}
    given: Mapping[str, Any] = properties.get("headers") or {}
    headers = {name[:_LONGEST_NAME]: _arrived(value) for name, value in given.items()}
    return MemoryProperties(**kept, headers=headers)


def _arrived(value: Any) -> Any:
    match value:
        case datetime():
            aware = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
            return aware.astimezone(UTC).replace(microsecond=0)
        case dict():
            return {name: _arrived(member) for name, member in cast("dict[str, Any]", value).items()}
        case list():
            return list(map(_arrived, cast("Sequence[Any]", value)))
        case None | str() | bool() | int() | float() | Decimal() | bytearray():
            return value
        case _:
            raise TypeError(f"Unknown type: {value.__class__} ({value!r})")


@frozen
class MemoryHeader:
    """What comes before a body."""

    properties: MemoryProperties


@frozen
class MemoryDelivery:
    """A message as it is handed out.

    Attributes:
        body: The body.
        exchange: Where it was published.
        routing_key: With which key.
        redelivered: Whether it was handed out before.
        header: Its properties.
    """

    body: bytes
    exchange: str
    routing_key: str
    redelivered: bool
    header: MemoryHeader


class Stored:
    """A message in one queue.

    Args:
        body: The body.
        exchange: Where it was published.
        routing_key: With which key.
        properties: Its properties.
    """

    __slots__ = ("body", "exchange", "expires", "number", "properties", "redelivered", "returns", "routing_key")

    def __init__(self, body: bytes, exchange: str, routing_key: str, properties: MemoryProperties) -> None:
        self.body = body
        self.exchange = exchange
        self.routing_key = routing_key
        self.properties = properties
        self.number = 0
        """Its place in the queue."""
        self.expires: float | None = None
        """When, by the server's clock."""
        self.redelivered = False
        self.returns = 0
        """How often it came back."""

    @property
    def persistent(self) -> bool:
        """Whether it survives a restart in a durable queue."""
        return self.properties.delivery_mode == 2

    def copy(self) -> "Stored":
        """Return it for another queue."""
        return Stored(self.body, self.exchange, self.routing_key, self.properties)

    def handed_out(self, *, counted: bool) -> MemoryDelivery:
        """Return it for a consumer; a quorum queue counts how often it came back, from the first time where it has headers."""
        properties = self.properties
        if counted and (self.returns or properties.headers):
            properties = evolve(properties, headers={**properties.headers, "x-delivery-count": self.returns})
        return MemoryDelivery(self.body, self.exchange, self.routing_key, self.redelivered, MemoryHeader(properties))


def died(stored: Stored, queue: str, reason: str, now: datetime) -> MemoryProperties:
    """Return the properties of a message that a queue dead-letters, with its `x-death` brought up to date."""
    properties = stored.properties
    headers = dict(properties.headers)
    deaths = [dict(death) for death in headers.get("x-death", ())]
    mine: dict[str, Any] | None = next(
        (one for one in deaths if (one["queue"], one["reason"]) == (queue, reason)), None
    )
    if mine is None:
        mine = {
            "count": 0,
            "reason": reason,
            "queue": queue,
            "time": now.replace(microsecond=0),
            "exchange": stored.exchange,
            "routing-keys": [stored.routing_key, *headers.get("CC", ())],
        }
        if properties.expiration is not None:
            mine["original-expiration"] = properties.expiration
    else:
        deaths.remove(mine)
    mine["count"] += 1
    headers["x-death"] = [mine, *deaths]
    for name, value in (("exchange", stored.exchange), ("queue", queue), ("reason", reason)):
        headers.setdefault(f"x-first-death-{name}", value)
    return evolve(properties, headers=headers, expiration=None)
