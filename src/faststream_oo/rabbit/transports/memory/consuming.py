"""A channel of an embedded server: a consumer, what it holds, and its acknowledgements."""

import asyncio
from collections.abc import Sequence
from contextvars import copy_context

from faststream_oo.ackedfirst import AckedFirst
from faststream_oo.errors import TransportError
from faststream_oo.message import Message
from faststream_oo.rabbit.acks import ChannelClaim
from faststream_oo.rabbit.address import Queue
from faststream_oo.rabbit.channels import watch
from faststream_oo.rabbit.message import ReceivedDelivery
from faststream_oo.rabbit.options import RabbitSourceOptions
from faststream_oo.rabbit.transports.memory.queues import MemoryQueue
from faststream_oo.rabbit.transports.memory.stored import Stored
from faststream_oo.rabbit.transports.memory.vhost import MemoryServer
from faststream_oo.transport import Sink


class MemorySeat:
    """One channel of a subscription.

    Args:
        server: Where the queue is.
        owner: The connection.
        queue: What is consumed.
        options: Of the subscription.
        sink: Where deliveries go.
    """

    def __init__(
        self, server: MemoryServer, owner: object, queue: Queue, options: RabbitSourceOptions, sink: Sink
    ) -> None:
        self.claim = ChannelClaim(queue, options.prefetch, self._moved)
        self._server = server
        self._owner = owner
        self._queue = queue
        self._options = options
        self._sink = sink
        self._source: MemoryQueue | None = None
        self._unacked: dict[int, tuple[MemoryQueue, Stored]] = {}
        self._tags = 0
        self._fresh: list[Message] = []
        self._context = copy_context()
        self._over: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._left = False
        self._telling = False
        self._first = None if options.settles else AckedFirst(sink, self._ack_first)
        self._worker = None if self._first is None else asyncio.create_task(self._first.run())
        if self._worker is not None:
            watch(self._worker, sink.fail)
        server.clients.append(self)

    @classmethod
    async def open(
        cls, server: MemoryServer, owner: object, queue: Queue, options: RabbitSourceOptions, sink: Sink
    ) -> "MemorySeat":
        """Open a channel and announce its claim; nothing is consumed yet. Raises TransportError."""
        server.check_online()
        seat = cls(server, owner, queue, options, sink)
        try:
            server.queue(queue.name, owner)
            await sink.assign([seat.claim])
        except BaseException:
            await seat.close()
            raise
        return seat

    # What the server tells ----------------------------------------------------------------------------------------

    def lost(self) -> None:
        """The connection is gone."""
        self._end("the embedded RabbitMQ is down")

    def found(self) -> None:
        """The server is back; a channel does not come back."""

    def cancelled(self) -> None:
        """The queue is gone."""
        if not self._over.done():
            self._over.set_result("the server cancelled the consumer, as it does when the queue is deleted")

    async def ended(self) -> str:
        """Return when the channel or its consumer is lost, with the reason."""
        return await asyncio.shield(self._over)

    # Taking -------------------------------------------------------------------------------------------------------

    async def consume(self) -> None:
        """Take messages. Raises TransportError."""
        if self._source is not None:
            return
        self._server.check_online()
        queue = self._server.queue(self._queue.name, self._owner)
        alone = self._options.exclusive
        if (queue.takers and (queue.exclusive or alone)) or (alone and queue.declared.single_active):
            raise TransportError(f"ACCESS_REFUSED - queue '{queue.name}' in vhost '/' in exclusive use")
        queue.exclusive = alone
        queue.takers.append(self)
        self._source = queue
        queue.hand_out()

    async def cancel(self) -> None:
        """Take no more messages; those that are here go on."""
        queue, self._source = self._source, None
        if queue is None or self not in queue.takers:
            return
        queue.takers.remove(self)
        queue.exclusive = False
        if not queue.takers and queue.declared.auto_delete:
            self._server.delete_queue(queue.name)
        elif self._server.online.is_set():
            queue.hand_out()

    def leave(self) -> None:
        """Feed nothing more; what is given back from now on stays here until the channel closes."""
        self._left = True
        self._fresh.clear()
        self.claim.keeps = True
        if self._first is not None:
            self._first.clear()

    @property
    def room(self) -> int:
        """Messages that it may be handed now."""
        return 0 if self._over.done() else self._options.prefetch - len(self._unacked)

    def take(self, stored: Stored, /) -> None:
        """Be handed a message; those of one turn are fed at once, as a client reads them."""
        assert self._source is not None  # only a queue that is consumed hands out
        self._tags += 1
        self._unacked[self._tags] = self._source, stored
        delivery = stored.handed_out(counted=self._source.declared.type == "quorum")
        message = ReceivedDelivery(delivery, self.claim, self._tags)
        if self._first is not None:
            self._first.feed([message])
            return
        if not self._fresh:
            asyncio.get_running_loop().call_soon(self._feed, context=self._context)
        self._fresh.append(message)

    def _feed(self) -> None:
        fresh, self._fresh = self._fresh, []
        if fresh and not self._over.done():
            self.claim.see([message.position for message in fresh])
            self._sink.feed(fresh)

    # Settling -----------------------------------------------------------------------------------------------------

    def _moved(self) -> None:
        if not self._telling:
            self._telling = True
            asyncio.get_running_loop().call_soon(self._tell, context=self._context)

    def _tell(self) -> None:
        """Apply what ended in a turn, all of it at once."""
        if not self._telling:
            return
        self._telling = False
        told = self.claim.take()
        for tag in told.returned:
            queue, stored = self._unacked.pop(tag)
            queue.put_back(stored, at_close=False)
        for tag in told.single:
            del self._unacked[tag]
        if told.mark is not None:
            self._ack(told.mark)
        if self._source is not None:
            self._source.hand_out()

    def _ack(self, tag: int) -> None:
        for held in [held for held in self._unacked if held <= tag]:
            del self._unacked[held]

    async def _ack_first(self, messages: Sequence[Message]) -> None:
        if self._over.done():
            raise TransportError("the channel was closed")
        self._ack(messages[-1].position)
        if self._source is not None:
            self._source.hand_out()

    async def flush(self, seconds: float, /) -> None:
        """Apply every settle so far."""
        self._tell()

    async def close(self) -> None:
        """Close the channel: what is unsettled goes back to its place in the queue."""
        self._end("closed")
        if self._worker is not None:
            self._worker.cancel()
            await asyncio.wait([self._worker])
        await self.cancel()

    def _end(self, reason: str) -> None:
        if self._server.online.is_set():
            self._tell()
        self._telling = False
        self.claim.live = False
        if not self._over.done():
            self._over.set_result(reason)
        if self in self._server.clients:
            self._server.clients.remove(self)
        unacked, self._unacked = self._unacked, {}
        for queue, stored in unacked.values():
            queue.put_back(stored, at_close=True)
        if self._server.online.is_set():
            for queue in {id(queue): queue for queue, _ in unacked.values()}.values():
                queue.hand_out()
