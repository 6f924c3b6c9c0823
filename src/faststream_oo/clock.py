"""Time as the framework sees it: the event loop's, or a test's own."""

import asyncio
import time
from collections.abc import Callable
from random import random
from typing import Protocol


class Timer(Protocol):
    """A call that is due later."""

    def cancel(self) -> None:
        """Forget it; nothing happens when it ran already."""


class Clock(Protocol):
    """Where every delay, deadline, retry and interval of the framework comes from."""

    def time(self) -> float:
        """Return seconds on a clock that only goes forward."""
        ...

    def wall(self) -> float:
        """Return seconds since the epoch, as other processes see them."""
        ...

    def call_later(self, delay: float, callback: Callable[[], object], /) -> Timer:
        """Call back in `delay` seconds."""
        ...

    async def sleep(self, delay: float, /) -> None:
        """Return after `delay` seconds."""


class LoopClock:
    """The running event loop's own time."""

    def time(self) -> float:
        """Return the loop's monotonic seconds."""
        return asyncio.get_running_loop().time()

    def wall(self) -> float:
        """Return the system's time."""
        return time.time()

    def call_later(self, delay: float, callback: Callable[[], object], /) -> Timer:
        """Call back in `delay` seconds."""
        return asyncio.get_running_loop().call_later(delay, callback)

    async def sleep(self, delay: float, /) -> None:
        """Sleep on the loop."""
        await asyncio.sleep(delay)


class Backoff:
    """Waits between tries that grow, a little longer at random so that workers do not come back all at once.

    Args:
        clock: Where they wait.
        first: Seconds of the first.
        cap: Seconds of the longest.
    """

    def __init__(self, clock: Clock, first: float = 0.1, cap: float = 5.0) -> None:
        self._clock = clock
        self._first = first
        self._cap = cap
        self._pause = first

    async def wait(self) -> None:
        """Return when it is time for the next try."""
        pause, self._pause = self._pause, min(self._pause * 2, self._cap)
        await self._clock.sleep(pause * (1 + random() / 4))  # noqa: S311 - spreads load, hides nothing

    def reset(self) -> None:
        """Begin with the first wait again."""
        self._pause = self._first
