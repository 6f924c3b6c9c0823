"""Low-water mark over positions that end in any order."""

from collections import deque
from collections.abc import Iterable


class Ledger:
    """Positions seen in order and ended in any order; the mark is the last one below which all have ended.

    Positions need not be contiguous: only the order in which they were seen counts.
    """

    __slots__ = ("_done", "_seen", "mark")

    def __init__(self) -> None:
        self._seen: deque[int] = deque()
        self._done: set[int] = set()
        self.mark: int | None = None
        """The last position below which everything has ended, or None."""

    def see(self, positions: Iterable[int], /) -> None:
        """Add positions in growing order."""
        self._seen.extend(positions)

    def end(self, position: int, /) -> bool:
        """Record that a position ended; True when the mark moved. An unknown or ended one changes nothing."""
        seen = self._seen
        if not seen or position < seen[0]:
            return False
        if position != seen[0]:
            self._done.add(position)
            return False
        mark = seen.popleft()
        done = self._done
        while seen and seen[0] in done:
            mark = seen.popleft()
            done.remove(mark)
        self.mark = mark
        return True

    @property
    def open(self) -> int:
        """Positions above the mark, ended ones included."""
        return len(self._seen)
