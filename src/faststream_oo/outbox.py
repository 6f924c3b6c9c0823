"""Publishes on their way: held during an attempt, sent in order, confirmed in time."""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any

from faststream_oo.clock import Clock
from faststream_oo.deadlines import Deadlines
from faststream_oo.errors import PublishError
from faststream_oo.transport import Frame, Sender


class Confirmations:
    """Gives up on publishes that are not confirmed in time.

    Args:
        clock: Where time comes from.
    """

    def __init__(self, clock: Clock) -> None:
        self._deadlines = Deadlines(clock, _unconfirmed)

    def watch(self, confirmed: Awaitable[Any], timeout: float, /) -> asyncio.Future[Any]:
        """Return the confirm as a future that fails with PublishError after `timeout` seconds."""
        future = confirmed if isinstance(confirmed, asyncio.Future) else asyncio.ensure_future(confirmed)
        if not future.done():
            self._deadlines.add(future, timeout)
        return future

    def close(self) -> None:
        """Stop the timer."""
        self._deadlines.close()


def _unconfirmed(future: asyncio.Future[Any], timeout: float) -> None:
    future.set_exception(PublishError(f"not confirmed in {timeout:g} s"))
    future.exception()  # looked at, as whoever is to wait for it may have been given up


class Held:
    """One frame that waits for the end of its attempt."""

    __slots__ = ("confirmations", "frame", "sender", "timeout")

    def __init__(self, sender: Sender[Any], frame: Frame, timeout: float, confirmations: Confirmations) -> None:
        self.sender = sender
        self.frame = frame
        self.timeout = timeout
        self.confirmations = confirmations

    def send(self) -> asyncio.Future[Any] | None:
        """Send it now and return its confirm, if there is one."""
        confirmed = self.sender.send(self.frame)
        return None if confirmed is None else self.confirmations.watch(confirmed, self.timeout)


def send_all(held: Sequence[Held], /) -> list[asyncio.Future[Any]]:
    """Send held frames now, in order, and return their confirms."""
    return [confirm for one in held if (confirm := one.send()) is not None]
