"""A consumer group of an embedded stream: how far it has read, and who holds what."""

from collections.abc import Iterable, Sequence
from typing import TypeAlias

Id: TypeAlias = tuple[int, int]


class Held:
    """An entry that was delivered and not acknowledged.

    Args:
        consumer: Who has it.
        since: When it was delivered last, seconds on the clock.
    """

    __slots__ = ("consumer", "count", "since")

    def __init__(self, consumer: bytes, since: float) -> None:
        self.consumer = consumer
        self.since = since
        self.count = 1
        """How often it was delivered."""


class Group:
    """A group.

    Args:
        last: It has read up to here.
        read: How many entries that were, None when that is not known.
    """

    def __init__(self, last: Id, read: int | None = None) -> None:
        self.last = last
        self.read = read
        self.consumers: dict[bytes, float] = {}
        """By name, with when each was last heard of."""
        self.pending: dict[Id, Held] = {}

    def deliver(self, ids: Iterable[Id], consumer: bytes, now: float, /) -> None:
        """Give new entries to a consumer; what another one holds becomes its own, as if it were new."""
        for entry in ids:
            self.pending[entry] = Held(consumer, now)

    def held(self, consumer: bytes | None = None, /) -> Sequence[Id]:
        """Return what is pending, of one consumer or of all, in order."""
        return sorted(entry for entry, held in self.pending.items() if consumer in (None, held.consumer))

    def again(self, entry: Id, now: float, /) -> None:
        """Count one more delivery of a pending entry to whoever has it."""
        held = self.pending[entry]
        held.count += 1
        held.since = now

    def leave(self, consumer: bytes, /) -> int:
        """Forget a consumer and what it holds, and return how much that was."""
        self.consumers.pop(consumer, None)
        ids = self.held(consumer)
        for entry in ids:
            del self.pending[entry]
        return len(ids)
