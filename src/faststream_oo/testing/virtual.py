"""Time that moves only when a test says so."""

import asyncio
import heapq
import time
from collections.abc import Callable
from itertools import count


class VirtualTimer:
    """A call that is due later.

    Args:
        due: When, on the clock.
        callback: What is called.
    """

    def __init__(self, due: float, callback: Callable[[], object]) -> None:
        self.due = due
        self.callback: Callable[[], object] | None = callback

    def cancel(self) -> None:
        """Forget it."""
        self.callback = None


class VirtualClock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self._now = 0.0
        self._began = time.time()
        self._number = count()
        self._timers: list[tuple[float, int, VirtualTimer]] = []

    def time(self) -> float:
        """Return the seconds it was moved by."""
        return self._now

    def wall(self) -> float:
        """Return the system's time when it was made, and the seconds it was moved by."""
        return self._began + self._now

    def call_later(self, delay: float, callback: Callable[[], object], /) -> VirtualTimer:
        """Call back when the clock was moved by `delay` seconds more."""
        timer = VirtualTimer(self._now + max(0.0, delay), callback)
        heapq.heappush(self._timers, (timer.due, next(self._number), timer))
        return timer

    async def sleep(self, delay: float, /) -> None:
        """Return when the clock was moved by `delay` seconds more."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def over() -> None:
            if not future.done():
                future.set_result(None)

        timer = self.call_later(delay, over)
        try:
            await future
        finally:
            timer.cancel()

    def run_next(self, until: float, /) -> bool:
        """Move to the next call that is due no later than `until` and make it; False when there is none."""
        if not self._has_due(until):
            self._now = max(self._now, until)
            return False
        due, _, timer = heapq.heappop(self._timers)
        self._now = max(self._now, due)
        if timer.callback is not None:
            timer.callback()
        return True

    def is_due(self) -> bool:
        """Whether another call is due without moving any further."""
        return self._has_due(self._now)

    def _has_due(self, until: float) -> bool:
        timers = self._timers
        while timers and timers[0][2].callback is None:
            heapq.heappop(timers)
        return bool(timers) and timers[0][0] <= until
