"""Noticing that the cluster is away: a consumer without records does not say so."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from faststream_oo.errors import TransportError

_INTERVAL: Final = 3.0
_ANSWER_SECONDS: Final = 5.0


class BrokerWatch:
    """Asks the cluster every few seconds, while anybody wants to know.

    Args:
        ping: Returns when the cluster answers; raises TransportError.
        interval: Seconds between two questions.
    """

    def __init__(self, ping: Callable[[], Awaitable[None]], *, interval: float = _INTERVAL) -> None:
        self._ping = ping
        self._interval = interval
        self._told: set[Callable[[str | None], None]] = set()
        self._away: str | None = None
        self._task: asyncio.Task[None] | None = None

    def tell(self, changed: Callable[[str | None], None], /) -> None:
        """Call back with the reason when the cluster goes away, and with None when it is back."""
        self._told.add(changed)
        if self._task is None or self._task.done():
            self._task = asyncio.ensure_future(self._ask())

    def forget(self, changed: Callable[[str | None], None], /) -> None:
        """Call back no more."""
        self._told.discard(changed)
        if not self._told:
            self.close()

    def close(self) -> None:
        """Ask no more."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _ask(self) -> None:
        while True:
            await asyncio.sleep(self._interval)
            away = await self._answer()
            if (away is None) != (self._away is None):
                for changed in tuple(self._told):
                    changed(away)
            self._away = away

    async def _answer(self) -> str | None:
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                await self._ping()
        except TimeoutError:
            return "the cluster does not answer"
        except TransportError as error:
            return str(error)
        return None
