"""Push: the server delivers as it likes; what there is no room for waits here, and flow control is answered after it."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import chain

from nats.aio.msg import Msg

from faststream_oo.errors import TransportError
from faststream_oo.nats.client.renewing import Renewing
from faststream_oo.nats.leases import StreamClaims
from faststream_oo.nats.message import ReceivedMessage
from faststream_oo.nats.options import Push
from faststream_oo.nats.transports.nats_py.connection import NatsConnection
from faststream_oo.nats.transports.nats_py.delivering import Delivering, status_of
from faststream_oo.nats.transports.nats_py.managing import Manager
from faststream_oo.transport import Sink


class Pushed(Delivering):
    """Takes what a consumer pushes.

    Args:
        connection: Where.
        claims: Of the consumer.
        sink: Where messages go.
        renewing: Renews what has come.
        place: Names of the stream and the consumer.
        via: How.
        manager: Asked whether the consumer is still there.
        tell: Answers flow control.
    """

    def __init__(
        self,
        connection: NatsConnection,
        claims: StreamClaims,
        sink: Sink,
        renewing: Renewing,
        place: tuple[str, str],
        via: Push,
        manager: Manager,
        tell: Callable[[str, bytes], object],
    ) -> None:
        super().__init__(connection, claims, sink, renewing)
        self._place = place
        self._via = via
        self._manager = manager
        self._tell = tell
        self._backlog: deque[ReceivedMessage] = deque()
        self._unanswered: list[str] = []
        self._moved = asyncio.Event()
        self._heard = True

    @property
    def waiting(self) -> Iterable[ReceivedMessage]:
        """Messages that are here and not fed yet."""
        return chain(self._backlog, self._fresh)

    async def open(self, subject: str, group: str = "") -> None:
        """Subscribe to where the consumer delivers. Raises TransportError."""
        await self._subscribe(subject, group)

    def again(self) -> None:
        """Go on: the client has subscribed again, and the server delivers on."""

    async def run(self) -> None:
        """Feed as there is room, until the consumer is gone. Raises TransportError."""
        watching = asyncio.ensure_future(self._watch())
        watching.add_done_callback(self._watched)
        try:
            while not self.gone.done():
                if not self._backlog:
                    self._answer()
                    self._moved.clear()
                    await self._moved.wait()
                    continue
                room = await self._sink.ready()
                self._sink.feed([self._backlog.popleft() for _ in range(min(room, len(self._backlog)))])
                await asyncio.sleep(0)  # the sink may have room again at once: others get their turn
        finally:
            watching.cancel()
            await asyncio.wait([watching])

    async def _watch(self) -> None:
        """Ask whether the consumer is still there when nothing was heard of it: others of its group may hear its signs."""
        while not self.gone.done():
            await self._connection.online.wait()
            self._heard = False
            await asyncio.sleep(2 * self._via.heartbeat)
            if not self._heard and self._connection.online.is_set():
                with contextlib.suppress(TransportError):  # then it is asked again
                    if await self._manager.consumer(*self._place) is None:
                        self._lose("it was deleted")

    def _watched(self, watching: asyncio.Future[None]) -> None:
        if not watching.cancelled() and (error := watching.exception()) is not None:
            self._fail(error)
            self._moved.set()

    def _arrived(self, messages: Sequence[ReceivedMessage]) -> None:
        self._heard = True
        if self._backlog or len(messages) > self._sink.room:
            self._backlog.extend(messages)
            self._moved.set()
        else:
            self._sink.feed(messages)

    def _hear(self, received: Msg) -> None:
        self._heard = True
        _, words = status_of(received)
        if words.lower() == "consumer deleted":
            self._lose("it was deleted")
        asks = received.reply or (received.headers or {}).get("Nats-Consumer-Stalled", "")
        if asks:
            self._unanswered.append(asks)
            if not self._backlog:
                self._answer()

    def _lose(self, reason: str) -> None:
        super()._lose(reason)
        self._moved.set()

    def _answer(self) -> None:
        """Let the server go on: everything before its question was taken."""
        while self._unanswered:
            self._tell(self._unanswered.pop(), b"")

    async def close(self) -> None:
        """Unsubscribe; what waits and was on its way is given back."""
        await super().close()
        self._give_back(self._backlog)
        self._backlog.clear()
