"""Received messages, batches to send, and messages to send."""

from collections.abc import Awaitable, Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Generic, Self, cast, final, overload

from attrs import evolve, field, frozen
from typing_extensions import TypeVar

from faststream_oo.address import Address
from faststream_oo.errors import LifecycleError
from faststream_oo.outcome import Outcome
from faststream_oo.subscription import Subscription

T_co = TypeVar("T_co", covariant=True, default=object)
B_co = TypeVar("B_co", covariant=True)


@final
class Unset:
    """Type of `UNSET`: no value yet."""

    def __repr__(self) -> str:
        return "UNSET"


UNSET: Final = Unset()


class Message(Generic[T_co]):
    """One received message; each protocol has its own subclass with the native facts.

    The constructor is public so that a unit test can call a handler with a message of its own. What a transport
    receives is a subclass that reads these facts from the client's object, and calls `_receive` in its constructor.

    Args:
        value: The decoded body.
        body: The bytes as received.
        headers: Text headers.
        key: The message's key.
        id: Identity that survives redelivery.
        correlation_id: Of the conversation it belongs to; None takes the id.
        reply_to: Where an answer is wanted.
        path: Captured parts of the address.
        attempt: 1 for the first handler call.
    """

    __slots__ = (
        "_attempt",
        "_body",
        "_correlation_id",
        "_decode",
        "_headers",
        "_id",
        "_key",
        "_path",
        "_reply_to",
        "_settle",
        "_subscription",
        "_value",
        "claim",
        "first_failed",
        "lane",
        "position",
    )

    _value: Any
    claim: Any
    """What the message is held under (`transport.Claim`); unset on a message made by a test."""
    position: int
    """Where it stands within its claim: grows from message to message."""
    lane: Hashable | None
    """What it is ordered by, once that was asked for."""
    first_failed: float | None
    """Time of the framework's clock when an attempt first failed."""

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
    ) -> None:
        self._receive(None, 0)
        self._value = value
        self._body = body
        self._headers: Mapping[str, str] = headers or {}
        self._key = key
        self._id = id
        self._correlation_id = correlation_id
        self._reply_to = reply_to
        self._path: Mapping[str, str] = path or {}
        self._attempt = attempt

    def _receive(self, claim: object, position: int) -> None:
        """Set the framework's own state; a received message sets the same fields in its constructor."""
        self.claim = claim
        self.position = position
        self.first_failed = None
        self._attempt = 1
        self._value = UNSET
        self._decode: Callable[[Message], object] | None = None
        self._settle: Callable[[Message, Outcome], Awaitable[None]] | None = None
        self._subscription: Subscription | None = None

    @property
    def value(self) -> T_co:
        """The decoded body; decoded at the first access and kept. Raises DecodeError."""
        if self._value is UNSET:
            if self._decode is None:
                raise LifecycleError("this message has no value: no handler with a body parameter takes it")
            self._value = self._decode(self)
        value: T_co = self._value
        return value

    if TYPE_CHECKING:

        @property
        def body(self) -> bytes:
            """The bytes as received; empty for a message without a body."""
            ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Text headers; of a repeated one the last."""
        return self._headers

    @property
    def key(self) -> bytes | None:
        """The message's key."""
        return self._key

    @property
    def id(self) -> str:
        """Identity that survives redelivery, retries and replay: `fsoo-id` or the protocol's own, else its position."""
        return self._id

    @property
    def type(self) -> str | None:
        """Contract name from `fsoo-type` or CloudEvents, None for foreign messages."""
        headers = self.headers
        return headers.get("fsoo-type") or headers.get("ce_type") or headers.get("ce-type")

    @property
    def correlation_id(self) -> str | None:
        """Of the conversation the message belongs to; its own id when it began one."""
        return self._correlation_id or self.headers.get("fsoo-correlation-id") or self.id

    @property
    def reply_to(self) -> str | None:
        """Where an answer is wanted."""
        return self._reply_to

    @property
    def content_type(self) -> str | None:
        """Media type of the body; None means JSON."""
        return self.headers.get("content-type")

    @property
    def sent_at(self) -> datetime | None:
        """When it was sent, if the sender said so."""
        sent = self.headers.get("fsoo-sent-at")
        if sent is None:
            return None
        try:
            return datetime.fromisoformat(sent)
        except ValueError:
            return None

    @property
    def attempt(self) -> int:
        """1 for the first handler call; see `RetryPolicy` for what is counted."""
        return self._attempt

    @property
    def address(self) -> str:
        """The concrete address it came from."""
        return ""

    @property
    def origin(self) -> str:
        """URI of its place at the broker, as `kafka://orders/3/42`."""
        return ""

    @property
    def path(self) -> Mapping[str, str]:
        """The captured `{name}` parts of the address."""
        return self._path

    @property
    def subscription(self) -> Subscription:
        """The subscription that received it. Raises LifecycleError for a message built by a test."""
        if self._subscription is None:
            raise LifecycleError("this message was received by no subscription")
        return self._subscription

    @property
    def raw(self) -> object:
        """The client library's own object; its type belongs to the transport."""
        return None

    def again(self, *, counted: bool) -> None:
        """Make it ready for one more attempt: nothing of the last one stays."""
        self._attempt += counted
        self._value = UNSET

    async def settle(self, outcome: Outcome) -> None:
        """Settle now; the first outcome wins and later ones, the handler's return included, are ignored.

        Only for `delivery="manual"`.

        Raises:
            LifecycleError: The framework settles this message itself.
        """
        if self._settle is None:
            raise LifecycleError('the framework settles this message itself; use delivery="manual" to do it by hand')
        await self._settle(self, outcome)

    def __repr__(self) -> str:
        """Show class, place and attempt."""
        return f"<{type(self).__name__} {self.origin or self.id or 'made by hand'} attempt {self._attempt}>"


# Read for every message: a slot is read without a call.
Message.body = Message.__dict__["_body"]  # type: ignore[method-assign]  # pyright: ignore[reportAttributeAccessIssue]


class Batch(Sequence[B_co]):
    """Several bodies at once: what a `@produces` method returns, or `publish` takes, to send many in order.

    Args:
        items: Bodies, or `Outgoing` objects.
    """

    def __init__(self, items: Iterable[B_co] = ()) -> None:
        self._items = tuple(items)

    def __len__(self) -> int:
        """Return the number of items."""
        return len(self._items)

    @overload
    def __getitem__(self, index: int) -> B_co: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[B_co]: ...
    def __getitem__(self, index: int | slice) -> B_co | Sequence[B_co]:
        """Return an item or a slice."""
        return self._items[index]

    def __iter__(self) -> Iterator[B_co]:
        """Go through the items."""
        return iter(self._items)

    def __eq__(self, other: object) -> bool:
        """Compare item by item."""
        return isinstance(other, Batch) and self._items == cast("Batch[object]", other)._items

    def __hash__(self) -> int:
        """Hash the items."""
        return hash(self._items)

    def __repr__(self) -> str:
        """Show the items."""
        return f"Batch({list(self._items)!r})"


@frozen(slots=False)  # its fields are written into its dictionary, a frozen slot each by a call
class Outgoing(Generic[T_co]):
    """A body with per-message options; return or publish the protocol's subclass.

    Attributes:
        body: What is encoded; None is an empty body (a tombstone on Kafka when there is a key).
        headers: Added to those of `@produces`.
        key: Wins over the `key` field of `@produces`.
        to: Send it there instead of the declared address.
        id: Reuse an identity when the same message is sent again; None makes a new one.
        correlation_id: None takes that of the message being handled, else a new one.
    """

    body: T_co
    headers: Mapping[str, str] = field(  # pyright: ignore[reportUnknownVariableType] - `dict[str, str]` calls slowly
        factory=dict, kw_only=True
    )
    key: str | bytes | None = field(default=None, kw_only=True)
    to: str | Address | None = field(default=None, kw_only=True)
    id: str | None = field(default=None, kw_only=True)
    correlation_id: str | None = field(default=None, kw_only=True)

    def with_headers(self, headers: Mapping[str, str], /) -> Self:
        """Return a copy with these headers added."""
        return evolve(self, headers={**self.headers, **headers})
