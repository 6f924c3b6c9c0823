"""RabbitMQ messages: received, and to send."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Protocol

from attrs import field, frozen
from typing_extensions import TypeVar

from faststream_oo.message import UNSET, Message, Outgoing, Unset
from faststream_oo.rabbit.address import Exchange, Queue
from faststream_oo.rabbit.properties import Properties, key_of, text_headers

T_co = TypeVar("T_co", covariant=True, default=object)


class RabbitMessage(Message[T_co]):
    """A received message. `headers` holds AMQP headers as text; tables and lists are on `raw`.

    Args:
        value: The decoded body.
        body: The bytes as received.
        headers: Text headers.
        key: The `fsoo-key` header.
        id: Identity that survives redelivery.
        correlation_id: Of the conversation it belongs to; None takes the id.
        reply_to: Where an answer is wanted.
        path: Captured parts of the binding's routing key.
        attempt: 1 for the first handler call.
        queue: The queue it came from.
        exchange: The exchange it was published to; empty for the default one.
        routing_key: The key it was published with.
        priority: 0 to 255.
        redelivered: Whether it was delivered before, to whomever.
    """

    __slots__ = ("_exchange", "_priority", "_queue", "_redelivered", "_routing_key")

    def __init__(
        self,
        *,
        value: T_co | Unset = UNSET,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        key: bytes | None = None,
        id: str = "",
        correlation_id: str | None = None,
        reply_to: str | None = None,
        path: Mapping[str, str] | None = None,
        attempt: int = 1,
        queue: str = "",
        exchange: str = "",
        routing_key: str = "",
        priority: int = 0,
        redelivered: bool = False,
    ) -> None:
        super().__init__(
            value=value,
            body=body,
            headers=headers,
            key=key,
            id=id,
            correlation_id=correlation_id,
            reply_to=reply_to,
            path=path,
            attempt=attempt,
        )
        self._queue = queue
        self._exchange = exchange
        self._routing_key = routing_key
        self._priority = priority
        self._redelivered = redelivered

    @property
    def queue(self) -> str:
        """The queue, the broker's prefix included."""
        return self._queue

    @property
    def exchange(self) -> str:
        """The exchange it was published to; empty for the default one."""
        return self._exchange

    @property
    def routing_key(self) -> str:
        """The key it was published with, the broker's prefix included."""
        return self._routing_key

    @property
    def priority(self) -> int:
        """0 to 255; 0 when the sender gave none."""
        return self._priority

    @property
    def redelivered(self) -> bool:
        """Whether it was delivered before, to whomever."""
        return self._redelivered

    @property
    def address(self) -> str:
        """The queue it came from."""
        return self.queue

    @property
    def origin(self) -> str:
        """`rabbit://exchange/routing.key?queue=name`."""
        return f"rabbit://{self.exchange}/{self.routing_key}?queue={self.queue}" if self.queue else ""


_NONE: Final[Mapping[str, Any]] = {}


class ContentHeader(Protocol):
    """What comes before a body."""

    @property
    def properties(self) -> Properties:
        """The properties."""
        ...


class Delivery(Protocol):
    """What a client hands over, in aiormq's words."""

    @property
    def body(self) -> bytes:
        """The body."""
        ...

    @property
    def exchange(self) -> str | None:
        """The exchange it was published to."""
        ...

    @property
    def routing_key(self) -> str | None:
        """The key it was published with."""
        ...

    @property
    def redelivered(self) -> bool | None:
        """Whether it was delivered before."""
        ...

    @property
    def header(self) -> ContentHeader:
        """The properties."""
        ...


class DeliveryClaim(Protocol):
    """What a received message reads from its claim."""

    @property
    def address(self) -> str:
        """The queue."""
        ...

    @property
    def token(self) -> str:
        """Tells this claim from every other."""
        ...

    def captured(self, routing_key: str, /) -> Mapping[str, str]:
        """Return the captured parts of a routing key."""
        ...


class ReceivedDelivery(RabbitMessage[T_co]):
    """A message from a client; facts are read from the client's object when they are asked for."""

    __slots__ = ("_delivery",)

    if TYPE_CHECKING:
        claim: DeliveryClaim

    def __init__(self, delivery: Delivery, claim: DeliveryClaim, tag: int) -> None:
        self._delivery = delivery
        self._body = delivery.body
        # Asked of every message: the headers are not made into text for it.
        properties = delivery.header.properties
        self._reply_to = properties.reply_to or (properties.headers or _NONE).get("fsoo-reply-to")
        self.claim = claim
        self.position = tag
        self.first_failed = None
        self._attempt = 1
        self._value = UNSET
        self._decode = None
        self._settle = None
        self._subscription = None

    @property
    def raw(self) -> Delivery:
        """The client's own object."""
        return self._delivery

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers as text, and the properties that stand for one of the framework's; tables and lists are left out."""
        try:
            return self._headers
        except AttributeError:
            self._headers = text_headers(self._delivery.header.properties)
            return self._headers

    @property
    def key(self) -> bytes | None:
        """The `fsoo-key` header."""
        return key_of(self._delivery.header.properties)

    @property
    def id(self) -> str:
        """The message id; without one a name of this delivery, which a redelivery does not keep."""
        return self.headers.get("fsoo-id") or f"{self.claim.token}-{self.position:x}"

    @property
    def correlation_id(self) -> str | None:
        """The correlation id, else the id."""
        return self.headers.get("fsoo-correlation-id") or self.id

    @property
    def sent_at(self) -> datetime | None:
        """The timestamp that the sender gave, in whole seconds; else `fsoo-sent-at`."""
        return self._delivery.header.properties.timestamp or super().sent_at

    @property
    def path(self) -> Mapping[str, str]:
        """Captured parts of the binding's routing key."""
        return self.claim.captured(self.routing_key)

    @property
    def queue(self) -> str:
        """The queue, the broker's prefix included."""
        return self.claim.address

    @property
    def exchange(self) -> str:
        """The exchange it was published to; empty for the default one."""
        return self._delivery.exchange or ""

    @property
    def routing_key(self) -> str:
        """The key it was published with, the broker's prefix included."""
        return self._delivery.routing_key or ""

    @property
    def priority(self) -> int:
        """0 to 255; 0 when the sender gave none."""
        return self._delivery.header.properties.priority or 0

    @property
    def redelivered(self) -> bool:
        """Whether it was delivered before, to whomever."""
        return bool(self._delivery.redelivered)


@frozen(slots=False)
class RabbitOutgoing(Outgoing[T_co]):
    """A message to send; None takes what `@produces` says.

    Attributes:
        to: Send it there instead of the declared address.
        routing_key: For an exchange.
        priority: 0 to 255.
        persistent: Survives a restart in a durable queue.
        mandatory: A message no queue takes is a PublishError.
        expiration: Seconds until it expires in a queue.
        timestamp: When it was made, in whole seconds.
        app_type: The AMQP `type` property; None takes the contract name.
        user_id: Checked by the server against the login.
    """

    to: str | Queue | Exchange | None = field(default=None, kw_only=True)
    routing_key: str | None = field(default=None, kw_only=True)
    priority: int | None = field(default=None, kw_only=True)
    persistent: bool | None = field(default=None, kw_only=True)
    mandatory: bool | None = field(default=None, kw_only=True)
    expiration: float | None = field(default=None, kw_only=True)
    timestamp: datetime | None = field(default=None, kw_only=True)
    app_type: str | None = field(default=None, kw_only=True)
    user_id: str | None = field(default=None, kw_only=True)
