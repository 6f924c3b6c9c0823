"""What an embedded cluster stores: topics, their partitions, and the records in them."""

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from operator import attrgetter
from typing import Final, overload

from faststream_oo.errors import TransportError
from faststream_oo.kafka.message import Content

DEFAULT_MAX_MESSAGE_BYTES: Final = 1_048_588
"""Kafka's own default: 1 MiB and the overhead of a batch."""

CREATE_TIME: Final = 0
LOG_APPEND_TIME: Final = 1

_offset = attrgetter("offset")


class StoredRecord:
    """A record in a log, in aiokafka's words. Made for every publish, hence a plain class; treat it as frozen.

    Args:
        log: Whose end it is at.
        timestamp: Milliseconds since the epoch.
        timestamp_type: 0 when its producer gave the timestamp, 1 when the log did.
        content: Value, key and headers.
    """

    __slots__ = ("headers", "key", "offset", "partition", "timestamp", "timestamp_type", "topic", "value")

    def __init__(self, log: "PartitionLog", timestamp: int, timestamp_type: int, content: Content) -> None:
        self.topic = log.topic
        self.partition = log.partition
        self.offset = log.end
        self.timestamp = timestamp
        self.timestamp_type = timestamp_type
        self.value, self.key, headers = content
        self.headers = tuple(headers)

    def __repr__(self) -> str:
        """Show place, key and value."""
        return f"<record {self.topic}/{self.partition}/{self.offset} key={self.key!r} value={self.value!r}>"


class PartitionLog:
    """The log of one partition: records by growing offset, with gaps where some were compacted away.

    Args:
        topic: Whose partition it is.
        partition: Its number.
    """

    __slots__ = ("aborted", "deleted", "end", "first", "open", "partition", "readers", "records", "topic")

    def __init__(self, topic: str, partition: int) -> None:
        self.topic = topic
        self.partition = partition
        self.records: list[StoredRecord] = []
        self.first = 0
        """The first offset that is kept."""
        self.end = 0
        """The next offset to be written."""
        self.aborted: set[int] = set()
        """Offsets of records whose transaction was aborted."""
        self.open: list[int] = []
        """Where the transactions that are open began."""
        self.deleted = False
        """Whether its topic was deleted; one of the same name has another log."""
        self.readers: list[Callable[[], object]] = []
        """Called when there may be something to read."""

    def append(self, timestamp: int, timestamp_type: int, content: Content, /) -> StoredRecord:
        """Write a record at the end."""
        record = StoredRecord(self, timestamp, timestamp_type, content)
        self.records.append(record)
        self.end += 1
        for wake in self.readers:
            wake()
        return record

    def skip(self, count: int, /) -> None:
        """Use up offsets without a record, as transaction markers and compaction do."""
        self.end += count
        for wake in self.readers:
            wake()

    def truncate(self, before: int, /) -> None:
        """Forget the records below an offset."""
        self.first = min(max(before, self.first), self.end)
        del self.records[: bisect_left(self.records, self.first, key=_offset)]

    def compact(self, before: int, /) -> None:
        """Keep below an offset the last record of every key there."""
        count = bisect_left(self.records, before, key=_offset)
        last = {record.key: record for record in self.records[:count]}
        self.records[:count] = sorted(last.values(), key=_offset)

    @property
    def stable(self) -> int:
        """The offset below which no transaction is open."""
        return min(self.open, default=self.end)

    def read(self, offset: int, limit: int, /) -> list[StoredRecord]:
        """Return up to `limit` records from an offset on, whatever became of their transactions."""
        records = self.records
        index = bisect_left(records, offset, key=_offset)
        return records[index : index + limit]

    def read_committed(self, offset: int, limit: int, /) -> list[StoredRecord]:
        """Return up to `limit` records from an offset on, none of an aborted transaction or beyond an open one."""
        if not self.aborted and not self.open:
            return self.read(offset, limit)
        records, stable = self.records, self.stable
        index, end = (bisect_left(records, at, key=_offset) for at in (offset, stable))
        return list(islice((one for one in records[index:end] if one.offset not in self.aborted), limit))


class MemoryTopic(Sequence[PartitionLog]):
    """A topic, as the sequence of its partitions' logs.

    Args:
        name: Its name.
        partitions: How many it begins with.
        config: Its configuration by Kafka's names; only `max.message.bytes`, `cleanup.policy` and
            `message.timestamp.type` show in what the cluster does.
    """

    def __init__(self, name: str, partitions: int, config: Mapping[str, str]) -> None:
        self.name = name
        self.config = dict(config)
        try:
            self.max_message_bytes = int(config.get("max.message.bytes", DEFAULT_MAX_MESSAGE_BYTES))
        except ValueError as error:
            raise TransportError(f'topic "{name}": max.message.bytes is no number: {error}') from error
        self.compacted = "compact" in config.get("cleanup.policy", "delete")
        self.append_time = config.get("message.timestamp.type") == "LogAppendTime"
        self._logs: list[PartitionLog] = []
        self.grow(partitions)

    def grow(self, total: int, /) -> None:
        """Add partitions up to a number."""
        if total <= len(self._logs):
            raise TransportError(f'topic "{self.name}" has {len(self._logs)} partitions: {total} are not more')
        self._logs.extend(PartitionLog(self.name, number) for number in range(len(self._logs), total))

    @overload
    def __getitem__(self, index: int) -> PartitionLog: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[PartitionLog]: ...
    def __getitem__(self, index: int | slice) -> PartitionLog | Sequence[PartitionLog]:
        """Return the log of a partition."""
        return self._logs[index]

    def __len__(self) -> int:
        """Return the number of partitions."""
        return len(self._logs)
