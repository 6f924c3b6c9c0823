"""Publishes on their way: held during an attempt, sent in order, confirmed in time."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Sequence
from typing import Any, Final

from faststream_oo.clock import Clock, Timer
from faststream_oo.errors import PublishError
from faststream_oo.transport import Frame, Sender


class Confirmations:
    """Gives up on publishes that are not confirmed in time: one timer for all of them.

    Args:
        clock: Where time comes from.
    """

    _SWEEP: Final = 0.5  # Seconds between two looks: a time-out is late by at most that.

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting: dict[float, deque[tuple[float, asyncio.Future[Any]]]] = {}
        self._timer: Timer | None = None

    def watch(self, confirmed: Awaitable[Any], timeout: float, /) -> asyncio.Future[Any]:
        """Return the confirm as a future that fails with PublishError after `timeout` seconds."""
        future = confirmed if isinstance(confirmed, asyncio.Future) else asyncio.ensure_future(confirmed)
        if future.done():
            return future
        waiting = self._waiting.get(timeout)
        if waiting is None:
            waiting = self._waiting[timeout] = deque()
        while waiting and waiting[0][1].done():
            waiting.popleft()
        waiting.append((self._clock.time() + timeout, future))
        if self._timer is None:
            self._timer = self._clock.call_later(self._SWEEP, self._sweep)
        return future

    def _sweep(self) -> None:
        now = self._clock.time()
        open_ = False
        for timeout, waiting in self._waiting.items():
            while waiting and (waiting[0][1].done() or waiting[0][0] <= now):
                _, future = waiting.popleft()
                if not future.done():
                    future.set_exception(PublishError(f"not confirmed in {timeout:g} s"))
            open_ = open_ or bool(waiting)
        self._timer = self._clock.call_later(self._SWEEP, self._sweep) if open_ else None

    def close(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Held:
    """One frame that waits for the end of its attempt."""

    __slots__ = ("confirmations", "frame", "sender", "timeout")

    def __init__(self, sender: Sender[Any], frame: Frame, timeout: float, confirmations: Confirmations) -> None:
        self.sender = sender
        self.frame = frame
        self.timeout = timeout
        self.confirmations = confirmations


def send_all(held: Sequence[Held], /) -> list[asyncio.Future[Any]]:
    """Send held frames now, in order, and return their confirms."""
    confirms: list[asyncio.Future[Any]] = []
    for one in held:
        confirmed = one.sender.send(one.frame)
        if confirmed is not None:
            confirms.append(one.confirmations.watch(confirmed, one.timeout))
    return confirms
