"""A clock that stands still until a test moves it."""

import asyncio
import time
from collections.abc import Callable


class ManualTimer:
    def __init__(self, due: float, callback: Callable[[], object]) -> None:
        self.due = due
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class ManualClock:
    def __init__(self) -> None:
        self._now = 1000.0
        self._wall = time.time() - self._now
        self._timers: list[ManualTimer] = []

    def time(self) -> float:
        return self._now

    def wall(self) -> float:
        return self._wall + self._now

    def call_later(self, delay: float, callback: Callable[[], object], /) -> ManualTimer:
        timer = ManualTimer(self._now + delay, callback)
        self._timers.append(timer)
        return timer

    async def sleep(self, delay: float, /) -> None:
        done = asyncio.Event()
        self.call_later(delay, done.set)
        await done.wait()

    async def advance(self, seconds: float) -> None:
        """Move on, run what is due by then in its order, and let the tasks that it woke have their turns."""
        end = self._now + seconds
        while due := [timer for timer in self._timers if not timer.cancelled and timer.due <= end]:
            timer = min(due, key=lambda timer: timer.due)
            self._timers.remove(timer)
            self._now = max(self._now, timer.due)
            timer.callback()
            await turns()
        self._now = end
        await turns()


async def turns() -> None:
    """Let every task run until it waits for something that nobody is about to do."""
    for _ in range(50):
        await asyncio.sleep(0)
