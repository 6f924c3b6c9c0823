"""Kafka records: received, to send, and written."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol, Self, TypeAlias, cast

from attrs import field, frozen
from typing_extensions import TypeVar

from faststream_oo.kafka.address import SeekTo, Topic, TopicPartition
from faststream_oo.message import UNSET, Message, Outgoing, Unset
from faststream_oo.subscription import Subscription

T_co = TypeVar("T_co", covariant=True, default=object)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Headers: TypeAlias = Sequence[tuple[str, bytes | None]]
"""Names and values in order, repeated and null ones included."""

Content: TypeAlias = tuple[bytes | None, bytes | None, Headers]
"""Value, key and headers of a record; None is not the same as empty."""


class KafkaSubscription(Subscription, Protocol):
    """A subscription with Kafka's own controls; a handler reaches it by `message.subscription`."""

    @property
    def assigned(self) -> Sequence[TopicPartition]:
        """Partitions that this worker has now."""
        ...

    async def committed(self, partition: TopicPartition, /) -> int | None:
        """Return the offset that the group continues at, None when it committed nothing."""
        ...

    async def commit(self) -> None:
        """Commit now what is settled without a gap; it happens by itself every `commit_interval`."""

    async def seek(self, partition: TopicPartition, to: SeekTo, /) -> None:
        """Continue an assigned partition at an offset, or at the first record not older than a time.

        What waits here is dropped; what runs goes on, and is not committed any more.

        Raises:
            TransportError: The partition is not assigned to this worker.
        """


class KafkaMessage(Message[T_co]):
    """A received record.

    Args:
        value: The decoded body.
        body: The record's value; empty for a null one.
        headers: Text headers.
        key: The record key.
        id: Identity that survives redelivery.
        correlation_id: Of the conversation it belongs to; None takes the id.
        reply_to: Where an answer is wanted.
        path: Named groups of the TopicPattern.
        attempt: 1 for the first handler call.
        topic: Its topic.
        partition: Its partition.
        offset: Its offset.
        timestamp: Its timestamp, in UTC.
    """

    __slots__ = ("_offset", "_partition", "_timestamp", "_topic")

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
        topic: str = "",
        partition: int = 0,
        offset: int = 0,
        timestamp: datetime = EPOCH,
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
        self._topic = topic
        self._partition = partition
        self._offset = offset
        self._timestamp = timestamp

    @property
    def topic(self) -> str:
        """The topic, the broker's prefix included."""
        return self._topic

    @property
    def partition(self) -> int:
        """The partition's number."""
        return self._partition

    @property
    def offset(self) -> int:
        """The offset in the partition."""
        return self._offset

    @property
    def timestamp(self) -> datetime:
        """When it was created, or appended on a topic with `LogAppendTime`; in UTC."""
        return self._timestamp

    @property
    def tombstone(self) -> bool:
        """True for a record with a key and a null value."""
        return False

    @property
    def address(self) -> str:
        """The topic it came from."""
        return self.topic

    @property
    def origin(self) -> str:
        """`kafka://topic/partition/offset`."""
        return f"kafka://{self.topic}/{self.partition}/{self.offset}" if self.topic else ""

    @property
    def subscription(self) -> KafkaSubscription:
        """The subscription that received it. Raises LifecycleError for a message built by a test."""
        return cast(KafkaSubscription, super().subscription)


class Record(Protocol):
    """What a client hands over, in aiokafka's words: one record as it is in the log."""

    @property
    def topic(self) -> str:
        """The topic, prefix included."""
        ...

    @property
    def partition(self) -> int:
        """The partition."""
        ...

    @property
    def offset(self) -> int:
        """The offset."""
        ...

    @property
    def timestamp(self) -> int:
        """Milliseconds since the epoch."""
        ...

    @property
    def key(self) -> bytes | None:
        """The key."""
        ...

    @property
    def value(self) -> bytes | None:
        """The value."""
        ...

    @property
    def headers(self) -> Headers:
        """Pairs in order, repeated and null ones included."""
        ...


class RecordClaim(Protocol):
    """What a received record reads from its claim."""

    @property
    def path(self) -> Mapping[str, str]:
        """Named groups of the pattern that its topic matched."""
        ...


def _text(value: bytes | None) -> str:
    return "" if value is None else value.decode("utf-8", "surrogateescape")


class ReceivedRecord(KafkaMessage[T_co]):
    """A record from a client; facts are read from the client's object when they are asked for."""

    __slots__ = ("_record",)

    _record: Record

    if TYPE_CHECKING:
        claim: RecordClaim

    @classmethod
    def of(cls, records: Iterable[Record], claim: RecordClaim, /) -> list[Self]:
        """Return records as messages held under a claim; at once, as a call for each is much of what they cost."""
        made: list[Self] = []
        new = cls.__new__
        for record in records:
            self = new(cls)
            self._record = record
            self._body = record.value or b""
            self._reply_to = None
            for name, value in record.headers:  # of every record, so they are not made into text for it
                if name == "fsoo-reply-to":
                    self._reply_to = _text(value)
            self.claim = claim
            self.position = record.offset
            self.first_failed = None
            self._attempt = 1
            self._value = UNSET
            self._decode = None
            self._settle = None
            self._subscription = None
            made.append(self)
        return made

    @property
    def raw(self) -> Record:
        """The client's own object."""
        return self._record

    @property
    def content(self) -> Content:
        """Value, key and headers as they are in the log."""
        return self._record.value, self._record.key, self._record.headers

    @property
    def headers(self) -> Mapping[str, str]:
        """Text headers, of a repeated one the last; a null value is empty text, bytes that are no UTF-8 are escaped."""
        try:
            return self._headers
        except AttributeError:
            self._headers = {name: _text(value) for name, value in self._record.headers}
            return self._headers

    @property
    def key(self) -> bytes | None:
        """The record key."""
        return self._record.key

    @property
    def id(self) -> str:
        """`fsoo-id`, else `topic-partition-offset`."""
        return self.headers.get("fsoo-id") or f"{self.topic}-{self.partition}-{self.offset}"

    @property
    def correlation_id(self) -> str | None:
        """`fsoo-correlation-id`, else the id."""
        return self.headers.get("fsoo-correlation-id") or self.id

    @property
    def path(self) -> Mapping[str, str]:
        """Named groups of the pattern."""
        return self.claim.path

    @property
    def topic(self) -> str:
        """The topic, prefix included."""
        return self._record.topic

    @property
    def partition(self) -> int:
        """The partition's number."""
        return self._record.partition

    @property
    def offset(self) -> int:
        """The offset in the partition."""
        return self._record.offset

    @property
    def timestamp(self) -> datetime:
        """When it was created or appended, in UTC."""
        return datetime.fromtimestamp(self._record.timestamp / 1000, UTC)

    @property
    def tombstone(self) -> bool:
        """True for a record with a key and a null value."""
        return self._record.value is None and self._record.key is not None


@frozen(slots=False)
class KafkaOutgoing(Outgoing[T_co]):
    """A record to send; `KafkaOutgoing(None, key=…)` is a tombstone.

    Attributes:
        to: Send it there instead of the declared topic.
        partition: Send it to this partition whatever the key.
        timestamp: Creation time to record; None takes the time of sending.
    """

    to: str | Topic | None = field(default=None, kw_only=True)
    partition: int | None = field(default=None, kw_only=True)
    timestamp: datetime | None = field(default=None, kw_only=True)


@frozen
class KafkaReceipt:
    """Where a record was written.

    Attributes:
        topic: Its topic.
        partition: Its partition.
        offset: Its offset; -1 when the broker was not asked for a confirmation (`acks: 0`).
        timestamp: Its timestamp, in UTC.
    """

    topic: str = field(kw_only=True)
    partition: int = field(kw_only=True)
    offset: int = field(kw_only=True)
    timestamp: datetime = field(kw_only=True)


@frozen
class PartitionInfo:
    """One partition as the cluster tells.

    Attributes:
        topic: Its topic.
        partition: Its number.
        first: First offset kept.
        end: Next offset to be written.
        leader: `host:port` of the broker that leads it.
    """

    topic: str = field(kw_only=True)
    partition: int = field(kw_only=True)
    first: int = field(kw_only=True)
    end: int = field(kw_only=True)
    leader: str = field(kw_only=True)
