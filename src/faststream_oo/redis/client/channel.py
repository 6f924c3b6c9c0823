"""The intake of a channel: what is published while it listens, at most once."""

import asyncio
import logging
import secrets
from collections.abc import Callable, Sequence
from itertools import count
from typing import Final, cast

from faststream_oo.message import Message
from faststream_oo.outcome import Outcome, Retry
from faststream_oo.redis.address import Channel
from faststream_oo.redis.client.commands import Answer, Connection, Link
from faststream_oo.redis.client.source import STOP_SECONDS, ClientSource
from faststream_oo.redis.client.wire import Wire
from faststream_oo.redis.envelope import Content
from faststream_oo.redis.message import NONE, ReceivedMessage
from faststream_oo.transport import Capabilities
from faststream_oo.waiting import bounded, cancelled

_log: Final = logging.getLogger("faststream_oo")

_PING_SECONDS: Final = 10.0
"""Between two questions whether the server is there, and the longest time that it may take to answer one."""


class ForgottenClaim:
    """A subscription at most once: settles are heard by nobody, and what is given back is lost.

    Args:
        address: Key, channel or pattern, prefix included.
        content: How body and headers are read.
    """

    def __init__(self, address: str, content: Content) -> None:
        self.live = True
        self.address = address
        self.content = content
        self.node = secrets.token_hex(6)
        self.lost = 0
        """Messages that were given back."""
        self.position = count(1).__next__

    def messages(self, elements: Sequence[bytes], /) -> Sequence[ReceivedMessage]:
        """Return elements of a list as messages."""
        return [ReceivedMessage(one, self, self.position()) for one in elements]

    def settle(self, message: Message, outcome: Outcome, /) -> None:
        """Count what was not handled."""
        if type(outcome) is Retry:
            self.lost += 1

    def close(self) -> None:
        """Say what was lost."""
        self.live = False
        if self.lost:
            fields = {"address": self.address, "lost": self.lost}
            text = "%s: %d messages are lost, they were not handled before the stop"
            _log.error(text, self.address, self.lost, extra={"fields": fields})


class Heard(list[Answer]):
    """What has arrived; says so once a turn of the loop.

    Args:
        arrived: Called in the next turn after the first.
    """

    def __init__(self, arrived: Callable[[], object]) -> None:
        super().__init__()
        self._arrived = arrived

    def append(self, answer: Answer, /) -> None:
        """Add an answer."""
        if not self:
            asyncio.get_running_loop().call_soon(self._arrived)
        super().append(answer)


class ChannelSource(ClientSource):
    """Listens to a channel, or to all that a pattern matches.

    While there is no room nothing is read: what comes then waits on its way, and a server with more than it wants to keep
    for one listener (`client-output-buffer-limit pubsub`, 32 MiB by default) ends the connection.

    Args:
        channel: Prefix included.
        content: How body and headers are read.
        link: Where to.
        wire: What everything but the reads goes over.
    """

    def __init__(self, channel: Channel, content: Content, link: Link, wire: Wire) -> None:
        super().__init__(channel.name, link, wire)
        self._channel = channel
        self._claim = ForgottenClaim(channel.plain if channel.pattern is None else channel.name, content)
        self._heard = Heard(self._feed)
        self._reading = self._ending = False
        self._silent = asyncio.Event()
        self._pongs: dict[bytes, asyncio.Event] = {}
        self._numbers = count()

    @property
    def capabilities(self) -> Capabilities:
        """Nothing is settled: the server has forgotten what it delivered."""
        return Capabilities(settles=False)

    async def _prepare(self) -> None:
        await self._sink.assign([self._claim])
        self._keep(self._look(), "pings")

    async def _begin(self, *, again: bool) -> None:
        """Subscribe; what was published since the last connection was lost is lost."""
        pattern = self._channel.pattern
        command = ("SUBSCRIBE", self._channel.plain) if pattern is None else ("PSUBSCRIBE", pattern)
        await self._ask(command)

    # Reading ------------------------------------------------------------------------------------------------------

    async def _read(self, room: int) -> None:
        """Read until there is no room, feeding what came in one turn of the loop at once."""
        self._feed()
        self._reading = True
        try:
            # Half of it at once, as what is fed makes room again before the other half is used up.
            await self._connection.receive((room + 1) // 2, self._heard)
            while self._ending:
                await self._connection.receive(1, self._heard)
        finally:
            self._reading = False
            self._feed()

    def _feed(self) -> None:
        if not (self._go.is_set() or self._ending):
            return  # what came when it was paused waits
        heard, self._heard[:] = list(self._heard), ()
        messages: list[ReceivedMessage] = []
        claim, parts = self._claim, bool(self._channel.parts)
        for answer in cast("Sequence[Sequence[bytes]]", heard):
            kind = answer[0]
            if kind == b"message":
                messages.append(ReceivedMessage(answer[2], claim, claim.position()))
            elif kind == b"pmessage":
                channel = answer[2].decode("utf-8", "surrogateescape")
                path = self._channel.captured(channel) if parts else NONE
                messages.append(ReceivedMessage(answer[3], claim, claim.position(), None, channel, path))
            elif kind == b"pong":
                if (asked := self._pongs.get(answer[1])) is not None:
                    asked.set()
            else:
                self._silent.set()
        if messages:
            self._sink.feed(messages)

    # Whether it is there ------------------------------------------------------------------------------------------

    async def _ping(self) -> None:
        """Return when everything that was published before is here. Raises LostError."""
        number = b"%d" % next(self._numbers)
        asked = self._pongs[number] = asyncio.Event()
        try:
            await self._connection.send([("PING", number)])
            await asked.wait()
        finally:
            del self._pongs[number]

    async def _look(self) -> None:
        """Ask from time to time, while it reads, whether the server is there."""
        while True:
            await self._clock.sleep(_PING_SECONDS)
            connection = self._connected
            if connection is None or not self._reads(connection):
                continue
            error = await bounded(self._ping(), _PING_SECONDS)
            if isinstance(error, TimeoutError) and self._reads(connection):
                await connection.close()

    def _reads(self, connection: Connection) -> bool:
        return self._reading and self._connected is connection

    async def lag(self) -> int | None:
        """Return 0 once everything that was published is here; None while that cannot be told."""
        if not self._reading:
            return None
        return None if await bounded(self._ping(), _PING_SECONDS) is not None else 0

    # Leaving ------------------------------------------------------------------------------------------------------

    async def stop(self) -> None:
        """Listen no more, and feed what has arrived: nobody would deliver it again."""
        if self._reader is not None:
            await bounded(self._hear_out(self._reader), STOP_SECONDS)
        await super().stop()

    async def _hear_out(self, reader: asyncio.Task[None]) -> None:
        await self._connection.send([("UNSUBSCRIBE",) if self._channel.pattern is None else ("PUNSUBSCRIBE",)])
        self._ending = True
        if not self._reading:  # it waits for room
            await cancelled([reader])
            self._reader = self._spawn(self._read(0), "reader")
        await self._silent.wait()

    async def flush(self) -> None:
        """Return: there are no settles."""

    async def _leave(self) -> None:
        self._claim.close()
