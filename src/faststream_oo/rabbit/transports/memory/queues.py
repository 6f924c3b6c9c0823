"""One queue of an embedded server: its order, its consumers, and what leaves it unhandled."""

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Final, Protocol

from faststream_oo.clock import Clock
from faststream_oo.rabbit.address import Queue
from faststream_oo.rabbit.transports.memory.stored import Stored

MODELLED: Final = frozenset({
    "x-queue-type", "x-single-active-consumer", "x-max-priority", "x-max-length", "x-max-length-bytes", "x-overflow",
    "x-message-ttl", "x-dead-letter-exchange", "x-dead-letter-routing-key", "x-delivery-limit",
})  # fmt: skip
"""Arguments that an embedded queue does something about."""


class Taker(Protocol):
    """A consumer, as a queue sees it."""

    @property
    def room(self) -> int:
        """Messages that it may be handed now."""
        ...

    def take(self, stored: Stored, /) -> None:
        """Hand it a message."""

    def cancelled(self) -> None:
        """Tell it that the queue is gone."""


class MemoryQueue:
    """A queue.

    Args:
        declared: As it was declared.
        owner: The connection that it is exclusive to, or None.
        clock: Where expiry is read.
        died: Called with a message that is dead-lettered, and the reason.
    """

    def __init__(
        self, declared: Queue, owner: object, clock: Clock, died: "Callable[[MemoryQueue, Stored, str], object]"
    ) -> None:
        self.declared = declared
        self.owner = owner
        self.takers: deque[Taker] = deque()
        self.exclusive = False
        """Whether its consumer is the only one."""
        arguments: dict[str, Any] = declared.native_arguments
        self._clock = clock
        self._died = died
        self._quorum = declared.type == "quorum"
        self._priorities: int = arguments.get("x-max-priority", 0)
        self._levels: list[deque[Stored]] = [deque() for _ in range(self._priorities + 1)]
        self._ttl: int | None = arguments.get("x-message-ttl")
        self._longest: int | None = arguments.get("x-max-length")
        self._largest: int | None = arguments.get("x-max-length-bytes")
        self._overflow: str = arguments.get("x-overflow", "drop-head")
        self._limit: int | None = arguments.get("x-delivery-limit")
        self._single = bool(arguments.get("x-single-active-consumer"))
        self._numbered = 0
        self._aging = False

    @property
    def name(self) -> str:
        """Its name."""
        return self.declared.name

    def __len__(self) -> int:
        return sum(map(len, self._levels))

    def __iter__(self) -> Iterator[Stored]:
        """Return the waiting messages in the order in which they will be handed out."""
        return (stored for level in reversed(self._levels) for stored in level)

    # In -----------------------------------------------------------------------------------------------------------

    def put(self, stored: Stored, /) -> bool:
        """Add a message at the end; False when the queue is full and refuses it."""
        if self._overflow != "drop-head" and self._exceeded(stored):
            if self._overflow == "reject-publish-dlx":
                self._died(self, stored, "maxlen")
            return False
        self._append(stored)
        self.hand_out()  # before its time counts: who waits for it gets it, however short that is
        self._age(stored)
        self.expire()
        self._drop_excess()
        return True

    def _exceeded(self, *further: Stored) -> bool:
        """Whether the queue is longer or larger than it may be, with further messages."""
        if self._longest is not None and len(self) + len(further) > self._longest:
            return True
        return self._largest is not None and sum(len(one.body) for one in (*self, *further)) > self._largest

    def _append(self, stored: Stored) -> None:
        self._numbered += 1
        stored.number = self._numbered
        self._level(stored).append(stored)

    def _level(self, stored: Stored) -> deque[Stored]:
        return self._levels[min(stored.properties.priority or 0, self._priorities)]

    def _age(self, stored: Stored) -> None:
        """Note when a message expires: by its own time or by the queue's, whichever is shorter."""
        expiration = stored.properties.expiration
        times = [one for one in (self._ttl, None if expiration is None else int(expiration)) if one is not None]
        if times:
            seconds = min(times) / 1000
            stored.expires = self._clock.time() + seconds
            self._clock.call_later(seconds, self.expire)
            self._aging = True

    def put_back(self, stored: Stored, /, *, at_close: bool) -> None:
        """Take a message back from a consumer.

        A classic queue puts it where it was. A quorum queue counts it, and puts it in front when its channel was closed
        or there is a delivery limit, else at the end.
        """
        stored.redelivered = True
        if self._quorum:
            stored.returns += 1
            if self._limit is not None and stored.returns > self._limit:
                self._died(self, stored, "delivery_limit")
                return
            if self._limit is None and not at_close:
                self._append(stored)
                return
        level = self._level(stored)
        at = next((index for index, other in enumerate(level) if other.number > stored.number), len(level))
        level.insert(at, stored)
        self._drop_excess()

    def _drop_excess(self) -> None:
        while self._exceeded():
            level = next(level for level in self._levels if level)
            self._died(self, level.popleft(), "maxlen")

    # Out ----------------------------------------------------------------------------------------------------------

    def hand_out(self) -> None:
        """Hand out what waits, one consumer after the other, then let expire what nobody took."""
        while (stored := self._head()) is not None and (taker := self._next_taker()) is not None:
            self._level(stored).popleft()
            taker.take(stored)
        self.expire()

    def _head(self) -> Stored | None:
        now = self._clock.time() if self._aging else 0.0
        while True:
            level = next((level for level in reversed(self._levels) if level), None)
            if level is None:
                return None
            if level[0].expires is None or level[0].expires >= now:
                return level[0]
            self._died(self, level.popleft(), "expired")

    def _next_taker(self) -> Taker | None:
        if self._single:
            return self.takers[0] if self.takers and self.takers[0].room > 0 else None
        for _ in range(len(self.takers)):
            taker = self.takers[0]
            self.takers.rotate(-1)
            if taker.room > 0:
                return taker
        return None

    def expire(self) -> None:
        """Drop what is over at the head; what is behind a message that is not keeps its place."""
        if not self._aging:
            return
        now = self._clock.time()
        for level in self._levels:
            while level and (due := level[0].expires) is not None and due <= now:
                self._died(self, level.popleft(), "expired")

    def purge(self) -> int:
        """Forget what waits, and return how much it was."""
        count = len(self)
        for level in self._levels:
            level.clear()
        return count

    def restarted(self) -> None:
        """Keep what is persistent, as a server that was killed does; all of it was possibly handed out."""
        for level in self._levels:
            kept = [stored for stored in level if stored.persistent or self._quorum]
            level.clear()
            level.extend(kept)
            for stored in kept:
                stored.redelivered = True
