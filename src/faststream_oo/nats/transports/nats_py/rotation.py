"""Credentials that end while they are in use: a client does not come back from that, so it connects anew before."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from faststream_oo.clock import Clock

_LOOK: Final = 1.0
"""Seconds between two looks at least."""


class Shown(Protocol):
    """The JWT that was shown to the server, and the file that it is from."""

    @property
    def ends(self) -> float | None:
        """When it ends, in seconds since the epoch."""
        ...

    @property
    def replaced(self) -> bool:
        """Whether the file holds another one by now."""
        ...


class Rotation:
    """Looks for another JWT whenever half of the time that is left is over.

    Args:
        reconnect: Shows the server what the file holds by then.
        clock: Where time is read.
    """

    def __init__(self, reconnect: Callable[[], Awaitable[object]], clock: Clock) -> None:
        self._reconnect = reconnect
        self._clock = clock
        self._looking: asyncio.Task[None] | None = None
        self._closed = False

    def shown(self, jwt: Shown, /) -> None:
        """Hear what the server was shown; after a close a client that goes on may tell it too."""
        self._forget()
        if jwt.ends is not None and not self._closed:
            self._looking = asyncio.create_task(self._look(jwt, jwt.ends), name="nats credentials")

    async def _look(self, jwt: Shown, ends: float) -> None:
        while (left := ends - self._clock.wall()) > 0:
            await self._clock.sleep(max(_LOOK, left / 2))
            if jwt.replaced:
                await self._reconnect()

    def close(self) -> None:
        """Look no more, for ever."""
        self._closed = True
        self._forget()

    def _forget(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None
