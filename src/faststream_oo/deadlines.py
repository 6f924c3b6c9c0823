"""Ends what is not done in time."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from math import inf
from typing import Any

from faststream_oo.clock import Clock, Timer


class Deadlines:
    """Gives up on futures that are not done in time: one timer for all of them, set to the earliest.

    Args:
        clock: Where time comes from.
        expire: Ends a future that was not done after so many seconds.
    """

    def __init__(self, clock: Clock, expire: Callable[[asyncio.Future[Any], float], object]) -> None:
        self._clock = clock
        self._expire = expire
        self._waiting: dict[float, deque[tuple[float, list[asyncio.Future[Any]]]]] = {}
        self._timer: Timer | None = None
        self._due = inf

    def add(self, future: asyncio.Future[Any], timeout: float, /) -> None:
        """Give up on a future after `timeout` seconds."""
        self.add_all((future,), timeout)

    def add_all(self, futures: Iterable[asyncio.Future[Any]], timeout: float, /) -> None:
        """Give up on each of these futures after `timeout` seconds."""
        # Equal time-outs fall due in the order in which they were added.
        waiting = self._waiting.get(timeout)
        if waiting is None:
            waiting = self._waiting[timeout] = deque()
        while waiting and not _left(waiting[0][1]):
            waiting.popleft()
        due = self._clock.time() + timeout
        waiting.append((due, list(futures)))
        if due < self._due:
            self._arm(due)

    def _arm(self, due: float) -> None:
        self.close()
        self._due = due
        self._timer = self._clock.call_later(due - self._clock.time(), self._sweep)

    def _sweep(self) -> None:
        now = self._clock.time()
        for timeout, waiting in list(self._waiting.items()):
            while waiting and (waiting[0][0] <= now or not _left(waiting[0][1])):
                for future in waiting.popleft()[1]:
                    if not future.done():
                        self._expire(future, timeout)
            if not waiting:
                del self._waiting[timeout]
        self._timer, self._due = None, inf
        if self._waiting:
            self._arm(min(waiting[0][0] for waiting in self._waiting.values()))

    def close(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer, self._due = None, inf


def _left(futures: list[asyncio.Future[Any]]) -> bool:
    """Whether one of these is not done; those at the end that are done are dropped."""
    while futures and futures[-1].done():
        futures.pop()
    return bool(futures)
