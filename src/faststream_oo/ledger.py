"""Low-water mark over positions that end in any order."""

from collections import deque
from collections.abc import Callable, Iterable

from faststream_oo.message import Message
from faststream_oo.outcome import Outcome, Retry


class LedgerClaim:
    """A claim whose settles land as one number: the last position below which everything has ended.

    Positions need not be contiguous: only the order in which they were seen counts.

    Args:
        moved: Called when the mark moved; must be cheap and never raise.
    """

    __slots__ = ("_done", "_moved", "_seen", "live", "mark")

    def __init__(self, moved: Callable[[], object]) -> None:
        self.live = True
        self.mark: int | None = None
        """The last position below which everything has ended, or None."""
        self._seen: deque[int] = deque()
        self._done: set[int] = set()
        self._moved = moved

    def see(self, positions: Iterable[int], /) -> None:
        """Add positions in growing order, before their messages are fed."""
        self._seen.extend(positions)

    def settle(self, message: Message, outcome: Outcome, /) -> None:
        """Record the end of a message; one that is given back stays open, so the mark stays below it."""
        seen = self._seen
        position = message.position
        if not self.live or type(outcome) is Retry or not seen or position < seen[0]:
            return
        if position != seen[0]:
            self._done.add(position)
            return
        mark = seen.popleft()
        done = self._done
        while seen and seen[0] in done:
            mark = seen.popleft()
            done.remove(mark)
        self.mark = mark
        self._moved()

    @property
    def open(self) -> int:
        """Positions above the mark, ended ones included."""
        return len(self._seen)
