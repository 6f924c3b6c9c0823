"""Pulling: messages are asked for as there is room for them, and asked for again when nothing is heard."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from nats import errors
from nats.aio.msg import Msg

from faststream_oo.errors import TransportError
from faststream_oo.nats.client.renewing import Renewing
from faststream_oo.nats.leases import StreamClaims
from faststream_oo.nats.message import ReceivedMessage
from faststream_oo.nats.options import Pull
from faststream_oo.nats.transports.nats_py.connection import NatsConnection
from faststream_oo.nats.transports.nats_py.delivering import Delivering, status_of
from faststream_oo.nats.transports.nats_py.managing import Manager
from faststream_oo.transport import Sink

EXPIRES: Final = 30.0
"""Seconds that a request waits at the server for messages, at least four heartbeats."""

_AGAIN: Final = 0.25
"""Seconds before something is asked for again that the server could not do just now."""

_PASSING: Final = ("leadership change", "server shutdown", "exceeded maxwaiting", "consumer is paused")
"""Of what the server says: what another request may not meet."""

_log = logging.getLogger("faststream_oo")


class Fetching(Delivering):
    """Pulls from one durable consumer.

    Args:
        connection: Where.
        claims: Of the consumer.
        sink: Where messages go.
        renewing: Renews what has come.
        place: Names of the stream and the consumer.
        via: How.
        prefetch: Messages held at most.
        manager: Asked whether the consumer is still there.
    """

    def __init__(
        self,
        connection: NatsConnection,
        claims: StreamClaims,
        sink: Sink,
        renewing: Renewing,
        place: tuple[str, str],
        via: Pull,
        prefetch: int,
        manager: Manager,
    ) -> None:
        super().__init__(connection, claims, sink, renewing)
        self._place = place
        self._via = via
        self._half = prefetch / 2
        self._manager = manager
        self._inbox = connection.client.new_inbox()
        self._asked: dict[str, int] = {}  # what is still to come of each request, in the order of their calls
        self._coming = 0
        self._mark = 0.0
        self._number = 0
        self._moved = asyncio.Event()
        self._heard = False
        self._pause = 0.0
        self._doubtful = False
        self._stream_next = f"$JS.API.CONSUMER.MSG.NEXT.{place[0]}.{place[1]}"

    async def open(self) -> None:
        """Subscribe. Raises TransportError."""
        await self._subscribe(f"{self._inbox}.*")

    def again(self) -> None:
        """Ask anew: the connection was lost, and the server forgot what was asked."""
        self._forget()

    async def run(self) -> None:
        """Ask for messages as there is room, until the consumer is gone. Raises TransportError."""
        while not self.gone.done():
            await self._connection.online.wait()
            if self._pause:
                await asyncio.sleep(self._pause)
                self._pause = 0.0
            if self._doubtful:
                await self._look()
                continue
            room = self._sink.room if self._coming else await self._sink.ready()
            wanted = room - self._coming
            if wanted > 0 and (not self._coming or wanted >= self._half):
                await self._ask(wanted)
            await self._wait()

    async def _ask(self, wanted: int) -> None:
        self._number += 1
        reply = f"{self._inbox}.{self._number}"
        self._asked[reply] = wanted
        self._coming += wanted
        self._mark = self._coming / 2
        self._moved.clear()
        expires = max(EXPIRES, 4 * self._via.heartbeat)
        request = b'{"batch":%d,"expires":%d,"idle_heartbeat":%d}' % (
            wanted,
            int(expires * 1e9),
            int(self._via.heartbeat * 1e9),
        )
        try:
            await self._connection.client.publish(self._stream_next, request, reply)
        except errors.Error:
            self._forget()  # the connection is lost, which is told elsewhere

    async def _wait(self) -> None:
        """Return when there may be something to ask for; doubt the requests when the server says nothing for long."""
        self._heard = False
        try:
            async with asyncio.timeout(2 * self._via.heartbeat):
                await self._moved.wait()
        except TimeoutError:
            if not self._heard and self._coming and self._connection.online.is_set():
                _log.info("%s does not hear of consumer %s, asking again", *self._place)
                self._forget()
                self._doubtful = True
        self._moved.clear()

    async def _look(self) -> None:
        """Find out whether the consumer is still there."""
        try:
            if await self._manager.consumer(*self._place) is None:
                self._lose("it was deleted")
            self._doubtful = False
        except TransportError:
            self._pause = _AGAIN

    def _arrived(self, messages: Sequence[ReceivedMessage]) -> None:
        count = len(messages)
        self._heard = True
        self._coming = max(0, self._coming - count)  # what was asked before a silence may come after it
        for reply, left in [*self._asked.items()]:
            if count < left:
                self._asked[reply] = left - count
                break
            del self._asked[reply]
            count -= left
        if self._coming <= self._mark:
            self._mark = 0.0
            self._moved.set()
        self._sink.feed(messages)

    def _hear(self, received: Msg) -> None:
        self._heard = True
        status, words = status_of(received)
        if status == "100":
            return
        said = words.lower()
        self._coming -= self._asked.pop(received.subject, 0)
        if status == "503":
            self._doubtful = True
            self._pause = _AGAIN
        elif status == "409" and said == "consumer deleted":
            self._lose("it was deleted")
        elif status == "409" and said in _PASSING:
            self._pause = _AGAIN
        elif status not in {"404", "408"} and not (status == "409" and said.startswith("message size")):
            self._fail(TransportError(f"the server refuses to deliver: {status} {words}"))
        self._moved.set()

    def _forget(self) -> None:
        self._asked.clear()
        self._coming = 0
        self._moved.set()
