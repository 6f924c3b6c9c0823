"""Time as the framework sees it: the event loop's, or a test's own."""

import asyncio
import time
from collections.abc import Callable
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
