"""Publishes on their way: held during an attempt, sent in order, confirmed in time."""

import asyncio
from collections.abc import Awaitable, Iterable, Sequence
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
        self._fresh: dict[float, list[asyncio.Future[Any]]] = {}

    def watch(self, confirmed: Awaitable[Any], timeout: float, /) -> asyncio.Future[Any]:
        """Return the confirm as a future that fails with PublishError after `timeout` seconds."""
        future = confirmed if isinstance(confirmed, asyncio.Future) else asyncio.ensure_future(confirmed)
        if not future.done():
            self._note((future,), timeout)
        return future

    def watch_all(self, confirmed: Iterable[Awaitable[Any]], timeout: float, /) -> Awaitable[None]:
        """Return what waits for confirms that each fail after `timeout` seconds."""
        futures = [one if isinstance(one, asyncio.Future) else asyncio.ensure_future(one) for one in confirmed]
        self._note(futures, timeout)
        return _all(futures)

    def _note(self, futures: Iterable[asyncio.Future[Any]], timeout: float) -> None:
        if not self._fresh:
            # One look at the clock for all that are sent in this turn of the loop.
            asyncio.get_running_loop().call_soon(self._begin)
        self._fresh.setdefault(timeout, []).extend(futures)

    def _begin(self) -> None:
        for timeout, futures in self._fresh.items():
            self._deadlines.add_all(futures, timeout)
        self._fresh.clear()

    def close(self) -> None:
        """Stop the timer."""
        self._fresh.clear()
        self._deadlines.close()


def _unconfirmed(future: asyncio.Future[Any], timeout: float) -> None:
    future.set_exception(PublishError(f"not confirmed in {timeout:g} s"))
    future.exception()  # looked at, as whoever is to wait for it may have been given up


async def _all(futures: Sequence[asyncio.Future[Any]]) -> None:
    try:
        for future in futures:
            await future
    except BaseException:
        for future in futures:
            future.add_done_callback(_looked_at)
        raise


def _looked_at(future: asyncio.Future[Any]) -> None:
    """Keep asyncio from logging the error of one more message of a batch that failed."""
    if not future.cancelled():
        future.exception()


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
