"""The intake of one subscription to an embedded server."""

import asyncio
from collections import deque
from itertools import count

from faststream_oo.address import Address
from faststream_oo.nats.claim import Limits, Losses, SubjectClaim, claims_of
from faststream_oo.nats.message import ReceivedMessage
from faststream_oo.nats.options import NatsSourceOptions
from faststream_oo.nats.transports.memory.server import Delivered, Interest, MemoryServer
from faststream_oo.transport import Capabilities, Claim, Sink


class MemorySource:
    """Buffers what is delivered to its subjects, and feeds it when there is room.

    Args:
        server: Where it is subscribed.
        address: To what.
        options: Of the subscription.
        limits: Of the buffer.
    """

    def __init__(self, server: MemoryServer, address: Address, options: NatsSourceOptions, limits: Limits) -> None:
        self._server = server
        self._limits = limits
        self._losses = Losses(address.name)
        self._claims = claims_of(address, options.group, self._losses.add)
        self._interests = [self._interest(claim, options.group) for claim in self._claims]
        self._position = count().__next__
        self._sink: Sink | None = None
        self._pending: deque[ReceivedMessage] = deque()
        self._bytes = 0
        self._wake = asyncio.Event()
        self._feeding: asyncio.Task[None] | None = None

    def _interest(self, claim: SubjectClaim, group: str | None) -> Interest:
        return Interest(claim.subject.pattern, group, lambda delivered: self._receive(delivered, claim))

    @property
    def capabilities(self) -> Capabilities:
        """Nothing is settled or confirmed."""
        return Capabilities(settles=False, confirms=False)

    @property
    def lost(self) -> int:
        """Messages received that were never handled."""
        return self._losses.total

    async def start(self, sink: Sink, /) -> None:
        """Subscribe and begin to feed."""
        self._server.check_online()
        self._sink = sink
        await sink.assign(self._claims)
        self._server.clients.append(self)
        for interest in self._interests:
            self._server.subscribe(interest)
        self._feeding = asyncio.create_task(self._feed(sink))
        self._feeding.add_done_callback(self._fed)

    async def pause(self, claim: Claim | None = None, /) -> None:
        """Go on being subscribed: the sink has no room now, so what arrives waits in the buffer."""

    async def resume(self, claim: Claim | None = None, /) -> None:
        """Do nothing: the sink has room again."""

    async def stop(self) -> None:
        """Unsubscribe, and feed what has arrived: nobody would deliver it again."""
        for interest in self._interests:
            self._server.unsubscribe(interest)
        self._interests = []
        if self._feeding is not None:
            self._feeding.cancel()
            await asyncio.wait([self._feeding])
        if self._sink is not None:
            self._sink.feed(self._taken(len(self._pending)))

    async def flush(self) -> None:
        """Return: there are no settles."""

    async def close(self) -> None:
        """Leave; what is not handled is lost."""
        if self._sink is None:
            return
        await self.stop()
        self._server.clients.remove(self)
        self._sink = None
        for claim in self._claims:
            claim.live = False
        self._losses.close()

    async def lag(self) -> int | None:
        """Messages in the buffer; None while the server is down."""
        return len(self._pending) if self._server.online.is_set() else None

    def away(self, reason: str, /) -> None:
        """Report that the server is down; what has arrived goes on being handled."""
        if self._sink is not None:
            self._sink.degrade(reason)

    def back(self) -> None:
        """Report that the server is back."""
        if self._sink is not None:
            self._sink.degrade(None)

    def _receive(self, delivered: Delivered, claim: SubjectClaim) -> None:
        size = len(delivered.data)
        if len(self._pending) >= self._limits.messages or self._bytes + size >= self._limits.bytes:
            self._losses.add("the buffer of the subscription is full")
            return
        self._bytes += size
        self._pending.append(ReceivedMessage(delivered, claim, self._position()))
        self._wake.set()

    async def _feed(self, sink: Sink) -> None:
        while True:
            room = await sink.ready()
            if self._pending:
                sink.feed(self._taken(min(room, len(self._pending))))
                await asyncio.sleep(0)  # the sink may have room again at once: others get their turn
            else:
                self._wake.clear()
                await self._wake.wait()

    def _taken(self, number: int) -> list[ReceivedMessage]:
        taken = [self._pending.popleft() for _ in range(number)]
        self._bytes -= sum(len(message.body) for message in taken)
        return taken

    def _fed(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and self._sink is not None and (error := task.exception()) is not None:
            self._sink.fail(error)
