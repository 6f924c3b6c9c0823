"""The contract of a client library below a broker; write one to bring another client or an embedded double.

A transport owns its read loop and pushes batches into a `Sink`; settles and publishes are synchronous and coalesced.
Second ring of the public API: stable within a minor version.
"""

from collections.abc import Awaitable, Collection, Iterable, Mapping, Sequence
from typing import Generic, Protocol, TypeVar

from attrs import field, frozen

from faststream_oo.address import Address
from faststream_oo.message import Message
from faststream_oo.options import Topology
from faststream_oo.outcome import Outcome

R_co = TypeVar("R_co", covariant=True)


class Frame:
    """One encoded message to send. Made for every publish, hence a plain class; treat it as frozen.

    What every protocol knows is among the headers: `fsoo-id`, `fsoo-correlation-id`, `fsoo-type`, `content-type`, of a
    request `fsoo-reply-to`, `fsoo-request-id` and `fsoo-deadline` (milliseconds since the epoch), of an answer
    `fsoo-request-id` and `fsoo-status` (`ok` or `fault`). Where the protocol has a property of its own for one of them
    the transport puts it there, and gives it back as this header, or by the `Message` property.

    Args:
        body: What is sent; None is an empty one.
        headers: Text headers.
        key: Record key, or what the protocol has for it.
        options: The protocol's own (`partition`, `timestamp`, …).
        copy_of: Send this received message's body, key and native headers as they came, duplicates, nulls and types
            included; `headers` are added after them, replacing only our own `fsoo-*` of the same name. Used by dead
            letters. `body` and `key` are then those of the message.
        value: What the body was encoded from, for those who watch.
        receipt: Whether the receipt will be read; without it the confirm may give anything.
    """

    __slots__ = ("body", "copy_of", "headers", "key", "options", "receipt", "value")

    def __init__(
        self,
        body: bytes | None,
        headers: Mapping[str, str] | None = None,
        key: bytes | None = None,
        options: Mapping[str, object] | None = None,
        copy_of: Message | None = None,
        value: object = None,
        *,
        receipt: bool = True,
    ) -> None:
        self.body = body
        self.headers: Mapping[str, str] = headers or {}
        self.key = key
        self.options: Mapping[str, object] = options or {}
        self.copy_of = copy_of
        self.value = value
        self.receipt = receipt


@frozen
class Capabilities:
    """What the core may rely on. What is missing it does itself, or refuses when the application is built.

    Attributes:
        settles: False is at most once: outcomes are then the core's alone.
        cumulative: A settle lands as a low-water mark (Kafka), so a drain finishes what is queued.
        ordering: "partition" or "queue": what the broker keeps in order across workers.
        confirms: `Sender.send` gives something to await.
        headers: Messages carry headers natively.
    """

    settles: bool = field(default=True, kw_only=True)
    cumulative: bool = field(default=False, kw_only=True)
    ordering: frozenset[str] = field(default=frozenset(), kw_only=True)
    confirms: bool = field(default=True, kw_only=True)
    headers: bool = field(default=True, kw_only=True)


class Claim(Protocol):
    """What messages are held under and lost with: a partition's assignment, an AMQP channel, a pending list.

    Its messages carry a `position` that grows in the order in which they are fed.
    """

    @property
    def live(self) -> bool:
        """False once it is over; its settles are then unheard."""
        ...

    @property
    def address(self) -> str:
        """Concrete name that its messages come from, prefix included (a topic), as `Message.address`."""
        ...

    def settle(self, message: Message, outcome: Outcome, /) -> None:
        """Record how a message ended: cheap, never raises, sent in batches, unheard once the claim is over.

        `Ack`, `DeadLetter` and `Drop` end it; `Retry(after)` gives it back, unhandled: it comes again no sooner than in
        `after` seconds where the broker can hold it for so long, else when it can; 0 is at once.
        """


class Sink(Protocol):
    """Where a source delivers: a subscription, or the inbox of replies, which keeps and settles nothing."""

    @property
    def room(self) -> int:
        """Messages that may be fed now, 0 while paused; any thread may read it."""
        ...

    async def ready(self) -> int:
        """Return the room once there is some; after it ran out, once half of what does not wait for retries is gone."""
        ...

    def feed(self, messages: Sequence[Message], /) -> None:
        """Take what was read; never waits, refuses or raises. One read more than `room` is taken too."""

    async def assign(self, claims: Sequence[Claim], /) -> None:
        """New claims; nothing of them is fed before it returns."""

    async def revoke(self, claims: Sequence[Claim], /, *, deadline: float, lost: bool = False) -> bool:
        """End or drop what is held under these claims, in `deadline` seconds; True when all of it ended.

        Their settles are heard until this returns. `lost`: they are gone already, nothing can be settled.
        """
        ...

    def drop(self, claims: Collection[Claim], /) -> None:
        """Drop what waits under claims that are over, as they are read from elsewhere now; what runs goes on, unheard."""

    def holding(self) -> Iterable[Message]:
        """Return what was fed and is not settled, wherever it waits: what a lease is renewed for."""
        ...

    def fail(self, error: BaseException, /) -> None:
        """The source cannot go on by itself; a reconnect is its own business and not reported."""

    def degrade(self, reason: str | None, /) -> None:
        """The source lost its broker and is reconnecting, for this reason; None: it is back."""


class Source(Protocol):
    """The intake of one subscription: the read loop, the claims, and the sending of settles."""

    @property
    def capabilities(self) -> Capabilities:
        """What the core may rely on."""
        ...

    async def start(self, sink: Sink, /) -> None:
        """Begin to feed; returns when the broker has accepted the subscription."""

    async def pause(self, claim: Claim | None = None, /) -> None:
        """Stop what is under way already (pushing, a blocked read, a pull request) for one claim or all.

        One claim is paused when much of it waits for a retry. Nothing is done then where others come the same way: they
        go on as long as there is room.
        """

    async def resume(self, claim: Claim | None = None, /) -> None:
        """Undo a pause of one claim or all."""

    async def stop(self) -> None:
        """Feed no more but stay a member: claims still take settles."""

    async def flush(self) -> None:
        """Return when every settle so far has reached the broker."""

    async def close(self) -> None:
        """Leave; what is unsettled goes back to the broker."""

    async def lag(self) -> int | None:
        """Messages that wait at the broker, or None where it does not tell."""
        ...


class Sender(Protocol[R_co]):
    """Publishing to one address; what depends only on the address is prepared once."""

    def send(self, frame: Frame, /) -> Awaitable[R_co] | None:
        """Accept now, in call order; await the result for the broker's confirm. None: there is no confirm.

        What is awaited is a future: it may be awaited later, or never. Raises PublishError for a frame that the
        broker would refuse for sure (size, name, partition).
        """
        ...


class Transport(Protocol, Generic[R_co]):
    """One connection to one broker; the constructor does no I/O. Everything it raises is a `TransportError`."""

    async def open(self) -> None:
        """Connect. Raises ConnectError."""

    async def close(self) -> None:
        """Send what was accepted, as far as that is possible in a bounded time, and disconnect."""

    async def ping(self) -> None:
        """Return when the broker answers."""

    def source(self, address: Address, options: Mapping[str, object], /) -> Source:
        """Return the intake of one subscription, not started."""
        ...

    def sender(self, address: Address, /) -> Sender[R_co]:
        """Return a sender to one address."""
        ...

    async def inbox(self, sink: Sink, /) -> str:
        """Begin to feed replies into `sink`; returns the address to put into `reply_to`.

        It returns when a reply to that address would arrive: a request may be sent at once. Replies that were there
        before are not fed. A lost connection is its own business; `sink.fail` says that it cannot go on, and it may
        then be asked for another inbox. It ends with `close`.
        """
        ...

    async def declare(self, addresses: Sequence[Address], topology: Topology, /) -> Sequence[str]:
        """Apply the mode and return the differences found, one sentence each."""
        ...
