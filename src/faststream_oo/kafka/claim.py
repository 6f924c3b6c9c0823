"""A partition's assignment, as every Kafka transport holds it."""

from collections.abc import Callable, Mapping

from faststream_oo.kafka.address import TopicPartition
from faststream_oo.ledger import Ledger
from faststream_oo.message import Message
from faststream_oo.outcome import Outcome, Retry


class PartitionClaim:
    """One assignment of one partition to this member, from assign to revoke; a later one is another object.

    Args:
        partition: Which one.
        path: Named groups of the pattern that its topic matched.
        moved: Called when there is a new offset to commit; must be cheap.
    """

    __slots__ = ("_moved", "committed", "ledger", "live", "partition", "path")

    def __init__(self, partition: TopicPartition, path: Mapping[str, str], moved: Callable[[], None]) -> None:
        self.partition = partition
        self.path = path
        self.live = True
        self.ledger = Ledger()
        self.committed: int | None = None
        """The next offset that was last committed under this claim."""
        self._moved = moved

    @property
    def address(self) -> str:
        """The topic."""
        return self.partition.topic

    @property
    def next_offset(self) -> int | None:
        """The offset to commit: one above everything that ended without a gap. None when nothing has."""
        mark = self.ledger.mark
        return None if mark is None else mark + 1

    def settle(self, message: Message, outcome: Outcome, /) -> None:
        """Record the end of a message; one that is given back stays open, so nothing above it is committed."""
        if self.live and not isinstance(outcome, Retry) and self.ledger.end(message.position):
            self._moved()
