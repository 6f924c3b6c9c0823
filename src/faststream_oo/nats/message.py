"""NATS messages: received and to send."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Literal, Protocol, TypeAlias, cast

from attrs import field, frozen
from typing_extensions import TypeVar

from faststream_oo.message import UNSET, Message, Outgoing, Unset
from faststream_oo.nats.address import Subject
from faststream_oo.nats.place import Place, place_of
from faststream_oo.outcome import Outcome
from faststream_oo.subscription import Subscription

T_co = TypeVar("T_co", covariant=True, default=object)

BREAK: Final = "\N{LINE SEPARATOR}"
"""Stands for a line break in diagnostics, which a header cannot hold."""

Operation: TypeAlias = Literal["put", "delete", "purge"]
"""What a change of a bucket did."""

NONE: Mapping[str, str] = {}
"""Headers of a message without any."""


class NatsSubscription(Subscription, Protocol):
    """A subscription with what is particular to core NATS, which keeps nothing."""

    @property
    def lost(self) -> int:
        """Messages received of which nothing is left.

        They were given up without a dead-letter address, dropped because the client's buffer was full, or still
        unhandled when the drain was over.
        """
        ...


class NatsMessage(Message[T_co]):
    """A received message, or a change of a bucket; `key` is the changed key then.

    Args:
        value: The decoded body.
        body: The bytes as received.
        headers: Text headers.
        key: The message's key, header `fsoo-key`.
        id: Identity that survives retries.
        correlation_id: Of the conversation it belongs to; None takes the id.
        reply_to: Subject where an answer is wanted.
        path: The `{name}` tokens of the subject.
        attempt: 1 for the first handler call.
        subject: Where it was published to.
        stream: That it was read from.
        sequence: Its place in the stream.
        operation: What the change of a bucket did that it tells of.
    """

    __slots__ = ("_operation", "_sequence", "_stream", "_subject")

    _operation: Operation | None

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
        subject: str = "",
        stream: str | None = None,
        sequence: int | None = None,
        operation: Operation | None = None,
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
        self._subject = subject
        self._stream = stream
        self._sequence = sequence
        self._operation = operation

    @property
    def subject(self) -> str:
        """Where it was published to, the broker's prefix included; without wildcards."""
        return self._subject

    @property
    def stream(self) -> str | None:
        """The stream that it was read from, whole; None on core NATS."""
        return self._stream

    @property
    def sequence(self) -> int | None:
        """Place in the stream, the revision of a bucket's change; None on core NATS."""
        return self._sequence

    @property
    def operation(self) -> Operation | None:
        """What the change of a bucket did; None for other messages."""
        return self._operation

    async def in_progress(self) -> None:
        """Renew `ack_wait` now; the framework does so by itself at a third of it for everything it holds.

        Raises:
            LifecycleError: The message was read from no stream, or needs no acknowledgement.
        """

    @property
    def address(self) -> str:
        """The subject it was published to."""
        return self.subject

    @property
    def origin(self) -> str:
        """`nats://STREAM/17?subject=…`; on core NATS, which has no place for it, `nats://?subject=…`."""
        place = "" if self.stream is None else f"{self.stream}/{self.sequence}"
        return f"nats://{place}?subject={self.subject}" if self.subject else ""

    @property
    def subscription(self) -> NatsSubscription:
        """The subscription that received it. Raises LifecycleError for a message built by a test."""
        return cast(NatsSubscription, super().subscription)


class Received(Protocol):
    """What a client hands over, in nats-py's words."""

    @property
    def subject(self) -> str:
        """Where it was published to."""
        ...

    @property
    def reply(self) -> str:
        """Where an answer is wanted; empty when none is."""
        ...

    @property
    def data(self) -> bytes:
        """The body."""
        ...

    @property
    def headers(self) -> Mapping[str, str] | None:
        """Text headers, None when there are none."""
        ...


@frozen
class Change:
    """A change of a bucket, in the shape of what a client hands over.

    Attributes:
        subject: Where it was stored.
        reply: Tells its place.
        data: The body that a handler gets.
        headers: Text headers, the changed key as `fsoo-key` among them.
        operation: What was done.
    """

    subject: str
    reply: str
    data: bytes
    headers: Mapping[str, str]
    operation: Operation


class MessageClaim(Protocol):
    """What a received message reads from its claim."""

    @property
    def node(self) -> str:
        """First part of the identities of messages that bring none."""
        ...

    @property
    def parts(self) -> Mapping[str, int]:
        """The named tokens of the subject with their places."""
        ...

    @property
    def stored(self) -> bool:
        """Whether its messages come from a stream: their reply subject then tells their place, and is ours."""
        ...

    def settle(self, message: Message, outcome: Outcome, /) -> None:
        """Record how a message ended."""

    def renew(self, message: "ReceivedMessage", /) -> None:
        """Renew `ack_wait`. Raises LifecycleError where nothing is acknowledged."""


class ReceivedMessage(NatsMessage[T_co]):
    """A message from a client; facts are read from the client's object when they are asked for."""

    __slots__ = ("_place", "_received")

    _place: Place | None

    if TYPE_CHECKING:
        claim: MessageClaim

    def __init__(self, received: Received, claim: MessageClaim, position: int) -> None:
        self._received = received
        self._body = received.data
        reply = received.reply or None
        # The reply subject is the server's in a stream, and on the way to one it is where the stream confirms.
        if claim.stored or (reply is not None and "Nats-Msg-Id" in (received.headers or NONE)):
            reply = (received.headers or NONE).get("fsoo-reply-to")
        self._reply_to = reply
        self.claim = claim
        self.position = position
        self.first_failed = None
        self._attempt = 1
        self._value = UNSET
        self._decode = None
        self._settle = None
        self._subscription = None

    @property
    def raw(self) -> Received:
        """The client's own object."""
        return self._received

    @property
    def headers(self) -> Mapping[str, str]:
        """Text headers; of a repeated one the last."""
        try:
            return self._headers
        except AttributeError:
            headers = self._received.headers or NONE
            self._headers = _whole(headers) if "fsoo-error-message" in headers else headers
            return self._headers

    @property
    def key(self) -> bytes | None:
        """`fsoo-key`."""
        key = self.headers.get("fsoo-key")
        return None if key is None else key.encode()

    @property
    def id(self) -> str:
        """`fsoo-id` or `Nats-Msg-Id`, else its place in the stream, or one that this process gave it."""
        headers = self.headers
        if given := headers.get("fsoo-id") or headers.get("Nats-Msg-Id"):
            return given
        place = self.place
        return f"{self.claim.node}-{self.position:x}" if place is None else f"{place.stream}-{place.sequence}"

    @property
    def correlation_id(self) -> str | None:
        """`fsoo-correlation-id`, else the id."""
        return self.headers.get("fsoo-correlation-id") or self.id

    @property
    def path(self) -> Mapping[str, str]:
        """The `{name}` tokens of the subject."""
        parts = self.claim.parts
        if not parts:
            return NONE
        tokens = self._received.subject.split(".")
        return {name: tokens[place] for name, place in parts.items()}

    @property
    def subject(self) -> str:
        """Where it was published to, the broker's prefix included; without wildcards."""
        return self._received.subject

    @property
    def operation(self) -> Operation | None:
        """What the change of a bucket did; None for other messages."""
        received = self._received
        return received.operation if isinstance(received, Change) else None

    @property
    def place(self) -> Place | None:
        """Where it stands in its stream; None on core NATS."""
        try:
            return self._place
        except AttributeError:
            self._place = place_of(self._received.reply) if self.claim.stored else None
            return self._place

    @property
    def stream(self) -> str | None:
        """The stream that it was read from, whole; None on core NATS."""
        place = self.place
        return None if place is None else place.stream

    @property
    def sequence(self) -> int | None:
        """Place in the stream; None on core NATS."""
        place = self.place
        return None if place is None else place.sequence

    @property
    def timestamp(self) -> datetime | None:
        """When the stream stored it, in UTC; None on core NATS."""
        place = self.place
        return None if place is None else datetime.fromtimestamp(place.stored / 1e9, UTC)

    async def in_progress(self) -> None:
        """Renew `ack_wait` now. Raises LifecycleError where nothing is acknowledged."""
        self.claim.renew(self)


def received_reply(received: Received, claim: MessageClaim, position: int, /) -> ReceivedMessage:
    """Return a message of an inbox, with what its subject says: which request it answers, whoever answered.

    What the server itself answers says that nobody listens.
    """
    message = ReceivedMessage[object](received, claim, position)
    headers = message.headers
    if headers.get("Status") == "503" and not received.data:
        headers = {"fsoo-status": "unrouted"}
    message._headers = {**headers, "fsoo-request-id": received.subject.rpartition(".")[2]}  # noqa: SLF001 - our own
    return message


def _whole(headers: Mapping[str, str]) -> Mapping[str, str]:
    """Return headers with the line breaks of diagnostics, which travel as line separators."""
    return {
        name: text.replace(BREAK, "\n") if name.startswith("fsoo-error-") else text for name, text in headers.items()
    }


@frozen(slots=False)
class NatsOutgoing(Outgoing[T_co]):
    """A message to send; on a stream its `id` is the `Nats-Msg-Id`, by which an equal one is stored once.

    Attributes:
        to: Send it there instead of the declared subject.
        expected_sequence: The stream's last sequence, else PublishError; refused on core NATS.
        ttl: Seconds the stream keeps it, 1 or more (server 2.11 or newer); refused on core NATS.
    """

    to: str | Subject | None = field(default=None, kw_only=True)
    expected_sequence: int | None = field(default=None, kw_only=True)
    ttl: float | None = field(default=None, kw_only=True)


@frozen
class NatsReceipt:
    """Where a stream stored a message.

    Attributes:
        stream: Its whole name.
        sequence: Place in it.
        duplicate: The stream had it already.
    """

    stream: str = field(kw_only=True)
    sequence: int = field(kw_only=True)
    duplicate: bool = field(default=False, kw_only=True)
