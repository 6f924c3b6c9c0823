"""Low-water mark over positions that end in any order."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from math import inf

from faststream_oo.message import Message
from faststream_oo.outcome import Outcome, Retry


class LedgerClaim:
    """A claim whose settles land as one number: the last position below which everything has ended.

    Positions need not be contiguous: only the order in which they were seen counts.

    Args:
        moved: Called when the mark has moved since `taken`, or too many ended above it; must be cheap and never raise.
        apart: So many may end above a position that has not, before `moved` is called for them.
    """

    __slots__ = ("_apart", "_done", "_moved", "_seen", "_told", "live", "mark")

    def __init__(self, moved: Callable[[], object], apart: float = inf) -> None:
        self._apart = apart
        self.live = True
        self.mark: int | None = None
        """The last position below which everything has ended, or None."""
        self._seen: deque[int] = deque()
        self._done: set[int] = set()
        self._moved = moved
        self._told = False

    def see(self, positions: Iterable[int], /) -> None:
        """Add positions in growing order, before their messages are fed."""
        self._seen.extend(positions)

    def settle(self, message: Message, outcome: Outcome, /) -> None:
        """Record the end of a message; one that is given back stays open, so the mark stays below it."""
        seen, position = self._seen, message.position
        if not seen or position < seen[0] or not self.live:
            return
        if outcome.__class__ is Retry:
            self.give_back(position)
        elif position == seen[0]:
            seen.popleft()
            self.mark = self._passed(position) if self._done else position
            if not self._told:
                self._told = True
                self._moved()
        else:
            self._done.add(position)
            if len(self._done) > self._apart:
                self._moved()

    def _passed(self, mark: int) -> int:
        """Return the mark above what had ended before the position that it is at now."""
        seen, done = self._seen, self._done
        while seen and seen[0] in done:
            mark = seen.popleft()
            done.remove(mark)
        return mark

    def taken(self) -> None:
        """Note that the mark is read now: the next move is told again."""
        self._told = False

    def take_apart(self) -> Sequence[int]:
        """Take out and return what ended above a position that has not, once it is too much."""
        if len(self._done) <= self._apart:
            return ()
        apart = sorted(self._done)
        self.take_out(set(apart))
        return apart

    def take_out(self, positions: set[int], /) -> None:
        """Let the mark pass positions that it must not end on: the broker is told of them one by one."""
        self._done -= positions
        self._seen = deque(position for position in self._seen if position not in positions)
        while self._seen and self._seen[0] in self._done:
            self.mark = self._seen.popleft()
            self._done.remove(self.mark)

    def give_back(self, position: int, /) -> None:
        """Take note that a message was given back; here it stays open, so the mark stays below it."""

    @property
    def open(self) -> int:
        """Positions above the mark, ended ones included."""
        return len(self._seen)
