"""A partition's assignment, as every Kafka transport holds it."""

from collections.abc import Callable, Mapping

from faststream_oo.kafka.address import TopicPartition
from faststream_oo.ledger import LedgerClaim


class PartitionClaim(LedgerClaim):
    """One assignment of one partition to this member, from assign to revoke; a later one is another object.

    Args:
        partition: Which one.
        path: Named groups of the pattern that its topic matched.
        moved: Called when there is a new offset to commit; must be cheap.
    """

    __slots__ = ("committed", "partition", "path")

    def __init__(self, partition: TopicPartition, path: Mapping[str, str], moved: Callable[[], object]) -> None:
        super().__init__(moved)
        self.partition = partition
        self.path = path
        self.committed: int | None = None
        """The next offset that was last committed under this claim."""

    @property
    def address(self) -> str:
        """The topic."""
        return self.partition.topic

    @property
    def next_offset(self) -> int | None:
        """The offset to commit: one above everything that ended without a gap. None when nothing has."""
        return None if self.mark is None else self.mark + 1
