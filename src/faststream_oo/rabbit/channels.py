"""The intake of one subscription over one channel after another, whatever the client."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Protocol

from faststream_oo.clock import Backoff, Clock
from faststream_oo.errors import TransportError
from faststream_oo.rabbit.acks import ChannelClaim
from faststream_oo.transport import Capabilities, Claim, Sink

_FLUSH_SECONDS = 10.0


class Seat(Protocol):
    """One channel with at most one consumer on it."""

    claim: ChannelClaim

    async def ended(self) -> str:
        """Return when the channel or its consumer is lost, with the reason."""
        ...

    async def consume(self) -> None:
        """Take messages. Raises TransportError."""

    async def cancel(self) -> None:
        """Take no more messages; those that are here go on. Raises TransportError."""

    def leave(self) -> None:
        """Feed nothing more; what is given back from now on stays here until the channel closes."""

    async def flush(self, seconds: float, /) -> None:
        """Return when the server has every settle so far; a lost channel has none to send. Raises TransportError."""

    async def close(self) -> None:
        """Close the channel: what is unsettled goes back to its place in the queue."""


class ChannelSource:
    """Consumes a queue; each channel is a claim, and its end is the claim's.

    Args:
        name: Of the queue.
        opened: Opens a channel and announces its claim to the sink. Raises TransportError.
        restored: Makes the queue again, if the topology mode says so. Raises TransportError.
        count: Returns the messages that wait in the queue.
        settles: Whether messages are acknowledged after they are handled.
        clock: Where tries to reopen wait.
    """

    def __init__(
        self,
        name: str,
        opened: Callable[[Sink], Awaitable[Seat]],
        restored: Callable[[], Awaitable[None]],
        count: Callable[[], Awaitable[int]],
        *,
        settles: bool,
        clock: Clock,
    ) -> None:
        self._name = name
        self._settles = settles
        self._opened = opened
        self._restored = restored
        self._count = count
        self._clock = clock
        self._seat: Seat | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        self._paused = False

    @property
    def capabilities(self) -> Capabilities:
        """Every message is acknowledged for itself; a queue keeps its order."""
        return Capabilities(settles=self._settles, ordering=frozenset({"queue"}))

    async def start(self, sink: Sink, /) -> None:
        """Open a channel and begin to consume. Raises TransportError."""
        seat = await self._open(sink)
        self._keeper = asyncio.create_task(self._keep(seat, sink), name=f"rabbit {self._name}")
        watch(self._keeper, sink.fail)

    async def _open(self, sink: Sink) -> Seat:
        seat = self._seat = await self._opened(sink)
        try:
            await self._follow(seat)
        except BaseException:
            await seat.close()
            raise
        return seat

    async def _follow(self, seat: Seat) -> None:
        """Consume or not, whichever was asked for last."""
        async with self._turn:
            await (seat.cancel() if self._paused else seat.consume())

    async def _keep(self, seat: Seat, sink: Sink) -> None:
        """Take another channel whenever one is lost."""
        while True:
            reason = await seat.ended()
            seat.claim.live = False
            sink.degrade(reason)
            await sink.revoke([seat.claim], deadline=0.0, lost=True)
            await seat.close()
            seat = await self._reopened(sink)
            sink.degrade(None)

    async def _reopened(self, sink: Sink) -> Seat:
        backoff = Backoff(self._clock)
        while True:
            try:
                await self._restored()
                return await self._open(sink)
            except TransportError:
                await backoff.wait()

    async def pause(self, claim: Claim | None = None, /) -> None:
        """Cancel the consumer, keeping the channel; one claim alone is bounded by its prefetch, so it goes on."""
        if claim is None:
            self._paused = True
            await self._change()

    async def resume(self, claim: Claim | None = None, /) -> None:
        """Consume again."""
        if claim is None:
            self._paused = False
            await self._change()

    async def _change(self) -> None:
        if self._seat is not None and self._seat.claim.live:
            with suppress(TransportError):  # the channel is lost, and the next one does what was asked for
                await self._follow(self._seat)

    async def stop(self) -> None:
        """Feed no more but keep the channel: claims still take settles."""
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            keeper.cancel()
            await asyncio.wait([keeper])
        if self._seat is not None and self._seat.claim.live:
            self._seat.leave()
            with suppress(TransportError):  # the channel is lost; it feeds nothing more either way
                await self._seat.cancel()

    async def flush(self) -> None:
        """Return when every settle so far has reached the server. Raises TransportError."""
        if self._seat is not None:
            await self._seat.flush(_FLUSH_SECONDS)

    async def close(self) -> None:
        """Close the channel: what is unsettled goes back to its place in the queue."""
        await self.stop()
        seat, self._seat = self._seat, None
        if seat is not None:
            await seat.close()

    async def lag(self) -> int | None:
        """Messages that wait in the queue and were delivered to nobody. Raises TransportError."""
        return await self._count()


def watch(task: "asyncio.Task[None]", failed: Callable[[BaseException], object]) -> None:
    """Tell when a task ends by an error: nobody awaits it."""

    def done(ended: "asyncio.Task[None]") -> None:
        if not ended.cancelled() and (error := ended.exception()) is not None:
            failed(error)

    task.add_done_callback(done)
