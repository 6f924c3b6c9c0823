"""Reading a stream in its order, every message once, whatever happens to the connection: nothing is acknowledged."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final, Protocol

from faststream_oo.clock import Backoff, Clock
from faststream_oo.errors import TransportError
from faststream_oo.nats.message import Received
from faststream_oo.nats.options import Start
from faststream_oo.nats.place import place_of

_FULL: Final = 1000
"""Messages that wait at most."""

_log = logging.getLogger("faststream_oo")


class Seat(Protocol):
    """One consumer that the server pushes to, for as long as it is there; messages and its end are told a `Following`."""

    async def open(self, start: Start, /) -> int:
        """Make the consumer, and return how many messages there are for it already. Raises TransportError."""
        ...

    async def lag(self) -> int:
        """Return how many messages were not fed yet. Raises TransportError."""
        ...

    async def last(self) -> int:
        """Return the sequence of the last message in the stream. Raises TransportError."""
        ...

    async def close(self) -> None:
        """Leave; the server deletes the consumer, now or later."""


class Following:
    """Reads subjects of a stream; a consumer that is lost is made anew behind the last message.

    Args:
        seat: Makes a seat that tells this object.
        start: Where to begin.
        clock: Where waits between tries are read.
        told: Told why nothing comes, and None when something does again.
        again: Makes the stream again where it is gone, if that is ours to do.
    """

    def __init__(
        self,
        seat: "Callable[[Following], Seat]",
        start: Start,
        clock: Clock,
        told: Callable[[str | None], object] = lambda _reason: None,
        again: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        self.delivered = 0
        """Messages that the seat has fed."""
        self.emptied: Callable[[], object] = lambda: None
        """Called when there is room again after there was none."""
        self._make = seat
        self._start: Start = start
        self._afresh: Start = "earliest" if start == "latest" else start
        self._backoff = Backoff(clock)
        self._told = told
        self._again = again
        self._seat: Seat | None = None
        self._last = 0
        self._waiting: deque[Received] = deque()
        self._came = asyncio.Event()
        self._fits = asyncio.Event()
        self._fits.set()
        self._broken: Seat | None = None
        self._mending: asyncio.Task[None] | None = None
        self._error: TransportError | None = None

    async def open(self) -> int:
        """Begin, and return how many messages are there already. Raises TransportError."""
        seat = self._seat = self._make(self)
        if self._start == "latest":
            # A sequence, as what comes while this seat is lost is not to be missed either.
            self._last = await seat.last()
            self._start = self._last + 1
        return await seat.open(self._start)

    async def close(self) -> None:
        """End."""
        seat, self._seat = self._seat, None
        if self._mending is not None:
            self._mending.cancel()
            await asyncio.wait([self._mending])
        if seat is not None:
            await seat.close()

    # Taking -------------------------------------------------------------------------------------------------------

    async def arrived(self) -> None:
        """Return when there is something to take. Raises TransportError when nothing will come any more."""
        while not self._waiting:
            if self._error is not None:
                raise self._error
            self._came.clear()
            await self._came.wait()

    def take(self, most: int, /) -> Sequence[Received]:
        """Return what is there, so many at most."""
        taken = [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]
        if not self._fits.is_set() and len(self._waiting) * 2 <= _FULL:
            self._fits.set()
            self.emptied()
        return taken

    async def lag(self) -> int | None:
        """Return how many messages were not taken; None while nobody tells."""
        if self._seat is None or self._mending is not None:
            return None
        try:
            return len(self._waiting) + await self._seat.lag()
        except TransportError:
            return None

    # What a seat tells --------------------------------------------------------------------------------------------

    @property
    def room(self) -> int:
        """Messages that may be fed now."""
        return _FULL - len(self._waiting)

    async def fits(self) -> None:
        """Return when there is room again."""
        await self._fits.wait()

    def feed(self, seat: Seat, received: Received, /) -> None:
        """Take a message, if it is the next one of the seat that counts."""
        if seat is not self._seat:
            return
        place = place_of(received.reply)
        if place.delivery != self.delivered + 1:
            self.lost(seat, "messages were missed")
            return
        self.delivered += 1
        self._last = place.sequence
        self._waiting.append(received)
        if self.room == 0:
            self._fits.clear()
        self._came.set()

    def away(self, seat: Seat, reason: str, /) -> None:
        """The server is away; what waits can be taken."""
        if seat is self._seat:
            self._told(reason)

    def lost(self, seat: Seat, reason: str, /) -> None:
        """The consumer is gone, or has sent what did not arrive: go on with another one."""
        if seat is self._seat:
            self._broken = seat
            self._told(reason)
            self._mend()

    def _mend(self) -> None:
        if self._mending is None and self._broken is not None:
            self._mending = asyncio.create_task(self._sit_again(self._broken), name="nats following")
            self._mending.add_done_callback(self._mended)

    def failed(self, error: TransportError, /) -> None:
        """Nothing will come any more."""
        self._error = error
        self._came.set()

    async def _sit_again(self, seat: Seat) -> None:
        while self._broken is not None:
            try:
                await seat.close()
                if self._again is not None:
                    await self._again()
                there = await seat.last()
                seat = self._seat = self._make(self)
                self._broken, self.delivered = None, 0
                await seat.open(self._place(there))
            except TransportError as error:
                _log.debug("a stream cannot be followed: %s", error)
                self._broken = seat
                await self._backoff.wait()
        self._backoff.reset()

    def _place(self, there: int) -> Start:
        """Return where to go on: a stream that was deleted and made again begins to count anew."""
        if there < self._last:
            self._last = 0
            return self._afresh
        return self._last + 1 if self._last else self._start

    def _mended(self, task: asyncio.Task[None]) -> None:
        self._mending = None
        if task.cancelled():
            return
        if (error := task.exception()) is not None:
            self.failed(TransportError(f"a stream cannot be followed: {error!r}"))
        elif self._broken is not None:
            self._mend()
        else:
            self._told(None)


def end(followings: Iterable[Following], /) -> None:
    """Tell who still reads that the connection is closed."""
    for following in tuple(followings):
        following.failed(TransportError("the connection to NATS is closed"))
