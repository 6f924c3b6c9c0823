"""Settles on their way: what ended in a turn of the loop goes out together, one write at a time."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from faststream_oo.errors import TransportError
from faststream_oo.redis.client.commands import Command, CommandError
from faststream_oo.redis.client.wire import Asked, Wire, asking

_FLUSH_SECONDS: Final = 5.0
"""Longest time that settles may take to reach the server at the end."""

_AGAIN_SECONDS: Final = 1.0
"""After so long what the server could not take is sent again."""


class Settling:
    """Sends what a claim has to tell.

    Args:
        name: Of its key, for people.
        wire: What it is sent over.
        gathered: Returns what is to be sent, and forgets it.
        told: Called with what was sent once it is answered or refused.
    """

    def __init__(
        self,
        name: str,
        wire: Wire,
        gathered: Callable[[], Sequence[Command]],
        told: Callable[[Asked], object] = lambda _: None,
    ) -> None:
        self._name = name
        self._wire = wire
        self._gathered = gathered
        self._told = told
        self.armed = False
        """Whether it sends at the end of this turn."""
        self._sending: Asked | None = None

    def arm(self) -> None:
        """Send at the end of this turn."""
        if not self.armed:
            self.armed = True
            asyncio.get_running_loop().call_soon(self.send)

    def send(self) -> None:
        """Send now, unless something is under way: then after that."""
        self.armed = False
        if self._sending is not None or not (commands := self._gathered()):
            return
        self._submit(commands)

    def _submit(self, commands: Sequence[Command]) -> None:
        self._sending = asking(commands)
        self._sending.add_done_callback(self._sent)
        try:
            self._wire.submit(self._sending)
        except TransportError as error:
            self._sending.refused(error)

    def _sent(self, sent: Asked) -> None:
        error = sent.exception()
        if isinstance(error, CommandError) and error.passes:  # what comes behind it waits too
            asyncio.get_running_loop().call_later(_AGAIN_SECONDS, self._submit, sent.commands)
            return
        self._sending = None
        self._told(sent)
        self.send()

    async def flush(self) -> None:
        """Return when everything so far is with the server. Raises TransportError."""
        self.send()
        try:
            async with asyncio.timeout(_FLUSH_SECONDS):
                while (sending := self._sending) is not None:
                    await asyncio.wait([sending])
                    await sending
        except TimeoutError as error:
            raise TransportError(f"what was settled of {self._name} did not reach the server") from error
