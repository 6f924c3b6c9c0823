"""Messages that are acknowledged before they are handled: at most once, on a broker that delivers at least once."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from faststream_oo.errors import TransportError
from faststream_oo.message import Message
from faststream_oo.transport import Sink


class AckedFirst:
    """Stands before a sink: it hands over no more than there is room for, acknowledged.

    Args:
        sink: Where they go.
        ack: Acknowledges messages, and returns when the broker has heard it. Raises TransportError.
    """

    def __init__(self, sink: Sink, ack: Callable[[Sequence[Message]], Awaitable[None]]) -> None:
        self._sink = sink
        self._ack = ack
        self.waiting: deque[Message] = deque()
        """What was not acknowledged yet."""
        self._arrived = asyncio.Event()

    @property
    def room(self) -> int:
        """Messages that may be fed now."""
        return max(0, self._sink.room - len(self.waiting))

    async def ready(self) -> int:
        """Return the room once there is some."""
        return await self._sink.ready()

    def feed(self, messages: Sequence[Message], /) -> None:
        """Take what was delivered."""
        self.waiting.extend(messages)
        self._arrived.set()

    def clear(self) -> Sequence[Message]:
        """Hand over nothing more, and return what was not acknowledged."""
        left = [*self.waiting]
        self.waiting.clear()
        return left

    async def run(self) -> None:
        """Hand over what arrives; what cannot be acknowledged comes again, or is lost where only the answer was."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self.waiting:
                room = await self._sink.ready()
                batch = [self.waiting.popleft() for _ in range(min(room, len(self.waiting)))]
                if not batch:
                    continue
                try:
                    await self._ack(batch)
                except TransportError:
                    continue
                self._sink.feed(batch)
