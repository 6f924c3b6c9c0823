"""Redis messages: received, to send, and the server's receipt."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol

from attrs import field, frozen
from typing_extensions import TypeVar

from faststream_oo.message import UNSET, Message, Outgoing, Unset
from faststream_oo.redis.address import Channel, List, Stream
from faststream_oo.redis.envelope import BODY, HEADER, Content, Headers, text

T_co = TypeVar("T_co", covariant=True, default=object)


NONE: Mapping[str, str] = {}
"""Parts of an address without any."""

_REPLY_TO: Final = HEADER + b"fsoo-reply-to"


class RedisMessage(Message[T_co]):
    """A received entry of a stream, element of a list, or message of a channel.

    Args:
        value: The decoded body.
        body: The bytes as received.
        headers: Text headers.
        key: The message's key, header `fsoo-key`.
        id: Identity that survives redelivery.
        correlation_id: Of the conversation it belongs to; None takes the id.
        reply_to: Where an answer is wanted.
        path: Captured parts of a channel.
        attempt: 1 for the first handler call.
        entry_id: Of a stream entry.
    """

    __slots__ = ("_entry_id",)

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
        entry_id: str | None = None,
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
        self._entry_id = entry_id

    @property
    def entry_id(self) -> str | None:
        """Of a stream entry, as `1700000000000-0`."""
        return self._entry_id


class MessageClaim(Protocol):
    """What a received message reads from its claim."""

    @property
    def address(self) -> str:
        """Key that its messages come from."""
        ...

    @property
    def content(self) -> Content:
        """How body and headers are read."""
        ...

    @property
    def node(self) -> str:
        """First part of the identities of messages that bring none."""
        ...


class ReceivedMessage(RedisMessage[T_co]):
    """A message from a server; facts are read when they are asked for.

    Args:
        raw: Fields of an entry, a name and a value in turn; or an element of a list or a message of a channel.
        claim: What it is held under.
        position: In order of arrival.
        entry: Id of a stream entry.
        channel: Where it was published to, for a message of a channel.
        path: Captured parts of the channel.
    """

    __slots__ = ("_channel", "_raw", "entry")

    if TYPE_CHECKING:
        claim: MessageClaim

    def __init__(
        self,
        raw: Any,
        claim: MessageClaim,
        position: int,
        entry: bytes | None = None,
        channel: str | None = None,
        path: Mapping[str, str] = NONE,
    ) -> None:
        self._raw = raw
        self.entry = entry
        self._channel = channel
        self._path = path
        self.claim = claim
        self.position = position
        self.first_failed = None
        self._attempt = 1
        self._value = UNSET
        self._decode = None
        self._settle = None
        self._subscription = None
        if entry is not None and raw[0] == BODY and _REPLY_TO not in raw:  # as nearly all are
            self._body = raw[1]
            self._reply_to = None
        else:
            self._body, asking = claim.content.opened(raw)
            self._reply_to = self._wanted() if asking else None

    def _wanted(self) -> str | None:
        """Return the stream that a request names, or the channel of FastStream's `reply_to`."""
        headers = self.headers
        return headers.get("fsoo-reply-to") or headers.get("reply_to") or None

    @property
    def raw(self) -> Any:
        """The fields of an entry in turn, or the element with its envelope: bytes as they came."""
        return self._raw

    @property
    def headers(self) -> Mapping[str, str]:
        """Text headers; of a repeated one the last."""
        try:
            return self._headers
        except AttributeError:
            self._headers = {text(name): text(value) for name, value in self.claim.content.headers(self._raw)}
            return self._headers

    @property
    def pairs(self) -> Headers:
        """The headers as they came."""
        return self.claim.content.headers(self._raw)

    @property
    def key(self) -> bytes | None:
        """`fsoo-key`."""
        return self.claim.content.key(self._raw)

    @property
    def id(self) -> str:
        """`fsoo-id`, else the entry's, else one that this process gave it."""
        return self.headers.get("fsoo-id") or self.entry_id or f"{self.claim.node}-{self.position:x}"

    @property
    def correlation_id(self) -> str | None:
        """`fsoo-correlation-id` or FastStream's `correlation_id`, else the id."""
        headers = self.headers
        return headers.get("fsoo-correlation-id") or headers.get("correlation_id") or self.id

    @property
    def entry_id(self) -> str | None:
        """Of a stream entry, as `1700000000000-0`."""
        return None if self.entry is None else self.entry.decode()

    @property
    def address(self) -> str:
        """Key or channel that it came from, the broker's prefix included."""
        return self._channel or self.claim.address

    @property
    def origin(self) -> str:
        """`redis://stream/1700000000000-0`; `redis://key` where there are no places."""
        return f"redis://{self.address}" if self.entry is None else f"redis://{self.address}/{self.entry_id}"


@frozen(slots=False)
class RedisOutgoing(Outgoing[T_co]):
    """A message to send.

    Attributes:
        to: Send it there instead of the declared address.
    """

    to: str | Stream | List | Channel | None = field(default=None, kw_only=True)


@frozen
class RedisReceipt:
    """What the server answered: the id of a stream entry, else the length of the list or the number of listeners.

    Attributes:
        entry_id: Of a stream entry, as `1700000000000-0`.
        count: Length of the list, or listeners of the channel.
    """

    entry_id: str | None = field(default=None, kw_only=True)
    count: int | None = field(default=None, kw_only=True)
