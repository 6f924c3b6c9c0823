"""What one worker holds of a list, until it ends."""

import secrets
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from faststream_oo.ledger import LedgerClaim
from faststream_oo.redis.client.commands import Command, CommandError
from faststream_oo.redis.client.scripts import GONE, KEEP, SETTLE, TAKE
from faststream_oo.redis.client.settling import Settling
from faststream_oo.redis.client.wire import Asked, Wire
from faststream_oo.redis.envelope import Content
from faststream_oo.redis.message import ReceivedMessage

_APART: Final = 32
"""So many messages may have ended behind one that has not before they are taken out from between."""


class ProcessingList(LedgerClaim):
    """The elements that a worker was given, in their order; each leaves the server once it has ended.

    Args:
        key: Of the list, prefix included.
        content: How body and headers are read.
        lease: Seconds until others may take over what is not renewed.
        wire: What settles are sent over.
        failed: Called with why the server does not take settles.
    """

    __slots__ = (
        "_failed", "_held", "_lease", "_present", "_removed", "_settling", "_taken", "_workers",
        "address", "arriving", "content", "node",
    )  # fmt: skip

    def __init__(
        self, key: str, content: Content, lease: float, wire: Wire, failed: Callable[[BaseException], object]
    ) -> None:
        self._settling = Settling(key, wire, self._gathered, self._answered)
        super().__init__(self._settling.arm, _APART)
        self.address = key
        self.content = content
        self.node = secrets.token_hex(8)
        self.arriving = f"{key}:arriving:{self.node}"
        self._workers = f"{key}:workers"
        self._held = (f"{key}:taken:{self.node}", f"{key}:processing:{self.node}")
        self._lease = round(lease * 1000)
        self._failed = failed
        self._taken = 0  # elements ever given to this worker
        self._removed = 0  # of these, how many were taken out by what was sent so far
        self._present: deque[int] = deque()  # positions of the others, as they lie at the server

    # What is asked ------------------------------------------------------------------------------------------------

    def take(self, count: int, /) -> Command:
        """Return the command that moves so many elements, at most, to this worker."""
        keys = (self.address, self._workers, *self._held, self.arriving)
        return ("EVAL", TAKE, len(keys), *keys, self.node, self._taken, count)

    def keep(self, *, join: bool = False, leave: bool = False) -> Command:
        """Return the command that renews the lease, and takes over from workers that let theirs run out."""
        lease = 0 if leave else self._lease
        return ("EVAL", KEEP, 2, self.address, self._workers, self.node, lease, "join" if join else "stay")

    def messages(self, elements: Sequence[bytes], /) -> Sequence[ReceivedMessage]:
        """Return the elements that this worker was given."""
        positions = range(self._taken + 1, self._taken + 1 + len(elements))
        self._taken += len(elements)
        self._present.extend(positions)
        self.see(positions)
        return [ReceivedMessage(one, self, position) for one, position in zip(elements, positions, strict=True)]

    # Settling -----------------------------------------------------------------------------------------------------

    def _gathered(self) -> Sequence[Command]:
        self.taken()
        present, before = self._present, self._removed
        places: Sequence[int] = ()
        if apart := set(self.take_apart()):
            places = [place for place, position in enumerate(present) if position in apart]
            self._present = present = deque(position for position in present if position not in apart)
        mark, head = self.mark or 0, 0
        while present and present[0] <= mark:
            present.popleft()
            head += 1
        self._removed += head + len(places)
        if self._removed == before:
            return ()
        return [("EVAL", SETTLE, 3, self._workers, *self._held, self.node, before, head, *places)]

    def _answered(self, asked: Asked) -> None:
        error = asked.exception()
        if isinstance(error, CommandError):
            self.live = False
            if not is_gone(error):
                self._failed(error)

    async def flush(self) -> None:
        """Return when every settle so far is with the server. Raises TransportError."""
        if self.live:
            await self._settling.flush()


def is_gone(error: CommandError, /) -> bool:
    """Whether a worker was silent for so long that others handle what it held."""
    return str(error).startswith(GONE)
