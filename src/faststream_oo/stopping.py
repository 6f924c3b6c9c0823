"""What an application is stopped by: a call, a signal, and a second signal."""

import asyncio
import signal
from collections.abc import Awaitable, Generator
from contextlib import contextmanager
from typing import Final

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


class Stopping:
    """Notes that an application is to stop, and how soon."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        """Set once it is to stop."""
        self.at_once = asyncio.Event()
        """Set once what is held is to be given back at once."""
        self._starting: asyncio.Timeout | None = None

    @contextmanager
    def by_signals(self) -> Generator[None]:
        """Hear SIGTERM and SIGINT: the first asks to stop, the next to do so at once, and each ends a start."""
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, self._signalled)
        try:
            yield
        finally:
            for number in _SIGNALS:
                loop.remove_signal_handler(number)

    async def started(self, start: Awaitable[object], /) -> bool:
        """Await a start, and return whether it came to its end before a signal."""
        self._starting = asyncio.timeout(None)
        try:
            async with self._starting:
                await start
        except TimeoutError:
            if not self._starting.expired():
                raise
            return False
        finally:
            self._starting = None
        return True

    def _signalled(self) -> None:
        if self.asked.is_set():
            self.at_once.set()
        self.asked.set()
        if self._starting is not None and not self._starting.expired():
            self._starting.reschedule(0.0)
