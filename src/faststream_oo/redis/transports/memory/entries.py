"""One stream of an embedded Redis: its entries in order, and its groups."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

from faststream_oo.redis.client.commands import Answer, CommandError
from faststream_oo.redis.transports.memory.consumer_groups import Group

Id: TypeAlias = tuple[int, int]
"""Milliseconds and a number within."""

FIRST: Final[Id] = (0, 0)
LAST: Final[Id] = (2**64 - 1, 2**64 - 1)


class MemoryStream:
    """A stream."""

    def __init__(self) -> None:
        self.last: Id = FIRST
        """The id that a new entry must be above."""
        self.added = 0
        """How many entries there have ever been."""
        self.groups: dict[bytes, Group] = {}
        self._ids: list[Id] = []
        self._fields: dict[Id, Sequence[bytes]] = {}
        self._deleted: Id = FIRST  # the highest one that was taken out by XDEL

    def __len__(self) -> int:
        return len(self._ids)

    def __contains__(self, entry: Id, /) -> bool:
        return entry in self._fields

    # Writing ------------------------------------------------------------------------------------------------------

    def next_id(self, asked: bytes, now: int, /) -> Id:
        """Return the id of a new entry: `*`, `5`, `5-*` or `5-1`. Raises CommandError.

        Args:
            asked: What the command says.
            now: Milliseconds since the epoch.
        """
        if asked == b"*":
            return (now, 0) if now > self.last[0] else (self.last[0], self.last[1] + 1)
        milliseconds, _, number = asked.partition(b"-")
        if number == b"*":
            whole = parsed(milliseconds)[0]
            return (whole, self.last[1] + 1) if whole == self.last[0] else self._above((whole, 0))
        return self._above(parsed(asked))

    def _above(self, entry: Id) -> Id:
        if entry == FIRST:
            raise CommandError("The ID specified in XADD must be greater than 0-0")
        if entry <= self.last:
            raise CommandError("The ID specified in XADD is equal or smaller than the target stream top item")
        return entry

    def add(self, entry: Id, fields: Sequence[bytes], /) -> None:
        """Add an entry, above all others."""
        self.last = entry
        self.added += 1
        self._ids.append(entry)
        self._fields[entry] = fields

    def delete(self, entry: Id, /) -> bool:
        """Take an entry out; False when it is not there."""
        if self._fields.pop(entry, None) is None:
            return False
        del self._ids[bisect_left(self._ids, entry)]
        self._deleted = max(self._deleted, entry)
        return True

    def trim(self, length: int, /) -> int:
        """Take out the oldest entries until so many are left, and return how many those were."""
        over = self._ids[: max(0, len(self._ids) - length)]
        del self._ids[: len(over)]
        for entry in over:
            del self._fields[entry]
        return len(over)

    # Reading ------------------------------------------------------------------------------------------------------

    def between(self, first: Id, last: Id, count: int | None = None, /) -> Sequence[Id]:
        """Return ids from one to another, both included, the first ones only."""
        begin, end = bisect_left(self._ids, first), bisect_right(self._ids, last)
        return self._ids[begin : end if count is None else min(end, begin + count)]

    def after(self, entry: Id, count: int | None = None, /) -> Sequence[Id]:
        """Return the ids above one, the first ones only."""
        begin = bisect_right(self._ids, entry)
        return self._ids[begin : None if count is None else begin + count]

    def shown(self, entry: Id, /) -> Answer:
        """Return an entry as it is on the wire; one that is gone has no fields."""
        fields = self._fields.get(entry)
        return [shown(entry), None if fields is None else list(fields)]

    def entries(self, ids: Sequence[Id], /) -> list[Answer]:
        """Return entries as they are on the wire."""
        return [self.shown(entry) for entry in ids]

    # Counting -----------------------------------------------------------------------------------------------------

    def fragmented(self, after: Id, /) -> bool:
        """Whether an entry above an id may have been taken out, so that nothing can be counted from there."""
        return bool(self._ids) and self._deleted != FIRST and after <= self._deleted

    def place(self, entry: Id, /) -> int | None:
        """Return how many entries were ever up to an id, None where that cannot be told."""
        if not self.added or (not self._ids and entry < self.last):
            return self.added
        if entry >= self.last:
            return self.added if entry == self.last else None
        first = self._ids[0]
        if (self._deleted == FIRST or self._deleted < first) and entry <= first:
            return self.added - len(self) + (entry == first)
        return None

    def __iter__(self) -> Iterator[Id]:
        return iter(self._ids)


def parsed(arg: bytes, default: int = 0, /) -> Id:
    """Return an id; `5` is `5-0`, or another number within. Raises CommandError."""
    milliseconds, dash, number = arg.partition(b"-")
    if not milliseconds.isdigit() or (dash and not number.isdigit()):
        raise CommandError("Invalid stream ID specified as stream command argument")
    return int(milliseconds), int(number) if dash else default


def bound(arg: bytes, default: int = 0, /) -> Id:
    """Return an end of a range: `-`, `+`, an id, or `(` and the id before the first one. Raises CommandError."""
    if arg[:1] == b"(" and not default:
        milliseconds, number = parsed(arg[1:])
        return milliseconds, number + 1
    return FIRST if arg == b"-" else LAST if arg == b"+" else parsed(arg, default)


def shown(entry: Id, /) -> bytes:
    """Return an id as it is on the wire."""
    return b"%d-%d" % entry
