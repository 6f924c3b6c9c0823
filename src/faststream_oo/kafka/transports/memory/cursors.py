"""Which topics an address reads, and how far the reading of one partition got."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from faststream_oo.address import Address
from faststream_oo.errors import TransportError
from faststream_oo.kafka.address import Partitions, SeekTo, Topic, TopicPattern, Topics
from faststream_oo.kafka.claim import PartitionClaim
from faststream_oo.kafka.transports.memory.topics import PartitionLog, StoredRecord

TURN: Final = 500
"""Records of one partition before it is the next one's turn, and of one batch."""


def captured(address: Address, topic: str, /) -> Mapping[str, str] | None:
    """Return the named parts of a topic that an address reads, None when it does not read it."""
    if isinstance(address, TopicPattern):
        found = address.regex().fullmatch(topic) if address.matches(topic) else None
        return None if found is None else {name: text for name, text in found.groupdict().items() if text is not None}
    return {} if topic in named(address) else None


def named(address: Address, /) -> Sequence[str]:
    """Return the topics that an address names; none for a pattern."""
    match address:
        case Topic():
            return [address.name]
        case Topics():
            return [topic.name for topic in address.topics]
        case Partitions():
            return list(dict.fromkeys(one.topic for one in address.partitions))
        case TopicPattern():
            return []
        case _:
            raise TransportError(f"{address!r} is no address of Kafka: Topic, Topics, TopicPattern or Partitions")


class Cursor:
    """Where the reading of one claim stands.

    Args:
        claim: What is read for.
        log: What is read.
        position: The next offset; one that the log does not have is no place yet.
        committed: Whether aborted records are skipped, and nothing is read beyond an open transaction.
    """

    __slots__ = ("claim", "committed", "log", "position", "turn")

    def __init__(self, claim: PartitionClaim, log: PartitionLog, position: int, *, committed: bool = True) -> None:
        self.claim = claim
        self.log = log
        self.position = position
        self.committed = committed
        self.turn = TURN
        """Records that may still be read before it is the next one's turn."""

    def seek(self, to: SeekTo, /) -> None:
        """Go to an offset, to the first record that is not older than a time, or to an end."""
        match to:
            case int():
                self.position = to
            case datetime():
                since = to.timestamp() * 1000
                found = (one.offset for one in self.log.records if one.timestamp >= since)
                self.position = next(found, self.log.end)
            case _:
                self.position = self.log.first if to == "earliest" else self.log.end

    @property
    def placed(self) -> bool:
        """Whether the log has that position."""
        return self.log.first <= self.position <= self.log.end

    @property
    def end(self) -> int:
        """The offset up to which it may read now."""
        return self.log.stable if self.committed else self.log.end

    @property
    def due(self) -> bool:
        """Whether there is something to read, or a place to choose."""
        return self.position < self.end or not self.placed

    @property
    def lag(self) -> int:
        """Offsets that wait to be read."""
        return max(0, self.log.end - max(self.position, self.log.first))

    def read(self, limit: int, /) -> list[StoredRecord]:
        """Return what comes next, and move behind it and the gap that follows it at the end of the log."""
        limit = min(limit, self.turn)
        read = self.log.read_committed if self.committed else self.log.read
        records = read(self.position, limit)
        self.turn -= len(records)
        self.position = records[-1].offset + 1 if len(records) == limit else max(self.position, self.end)
        return records
