"""A channel with a consumer on it: deliveries in, acknowledgements out, until one of them is lost."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final, cast

from aiormq.abc import AbstractChannel, DeliveredMessage
from pamqp.commands import Basic

from faststream_oo.ackedfirst import AckedFirst
from faststream_oo.errors import TransportError
from faststream_oo.message import Message
from faststream_oo.rabbit.acks import ChannelClaim
from faststream_oo.rabbit.address import Queue
from faststream_oo.rabbit.channels import watch
from faststream_oo.rabbit.message import ReceivedDelivery
from faststream_oo.rabbit.options import RabbitSourceOptions
from faststream_oo.rabbit.transports.aio_pika.link import Link, asking
from faststream_oo.rabbit.transports.aio_pika.reasons import describe
from faststream_oo.transport import Sink
from faststream_oo.waiting import bounded

_FRAMES: Final = 4
"""Frames of a delivery that the client may hold unread: more of them are fewer turns between its two readers."""

_CLOSE_SECONDS: Final = 5.0
_CANCELLED: Final = "the server cancelled the consumer, as it does when the queue is deleted"


class AioPikaSeat:
    """One channel of a subscription.

    Args:
        channel: A channel of its own, open.
        queue: What is consumed.
        options: Of the subscription.
        sink: Where deliveries go.
    """

    def __init__(self, channel: AbstractChannel, queue: Queue, options: RabbitSourceOptions, sink: Sink) -> None:
        self._channel = channel
        self._queue = queue
        self._options = options
        self._sink = sink
        self._closing: asyncio.Future[Any] = channel.closing
        self._cancelled: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._consumer: str | None = None
        self._moved = asyncio.Event()
        self._telling = asyncio.Lock()
        self._first = None if options.settles else AckedFirst(sink, self._ack)
        self._left = False
        self._fresh: list[ReceivedDelivery] = []
        self._loop = asyncio.get_running_loop()
        self.claim = ChannelClaim(queue, options.prefetch, self._moved.set)
        channel.on_consumer_cancel_callbacks.add(self._on_cancel)
        work = self._tell() if self._first is None else self._first.run()
        self._worker = asyncio.create_task(work, name=f"rabbit {queue.name} acknowledgements")
        watch(self._worker, sink.fail)

    @classmethod
    async def open(cls, link: Link, queue: Queue, options: RabbitSourceOptions, sink: Sink) -> "AioPikaSeat":
        """Open a channel and announce its claim; nothing is consumed yet. Raises TransportError."""
        channel = await link.channel(buffer=_FRAMES * options.prefetch)
        seat = cls(channel, queue, options, sink)
        try:
            async with asking(f'"{queue.name}" cannot be consumed'):
                await channel.basic_qos(prefetch_count=options.prefetch)
            await sink.assign([seat.claim])
        except BaseException:
            await seat.close()
            raise
        return seat

    async def ended(self) -> str:
        """Return when the channel or its consumer is lost, with the reason."""
        await asyncio.wait([self._closing, self._cancelled], return_when=asyncio.FIRST_COMPLETED)
        if self._closing.done():
            return describe(None if self._closing.cancelled() else self._closing.exception())
        return _CANCELLED

    def _on_cancel(self, cancel: Basic.Cancel) -> None:
        if cancel.consumer_tag == self._consumer and not self._cancelled.done():
            self._cancelled.set_result(None)

    # Taking -------------------------------------------------------------------------------------------------------

    async def consume(self) -> None:
        """Take messages. Raises TransportError."""
        if self._consumer is not None:
            return
        async with asking(f'"{self._queue.name}" cannot be consumed'):
            started = await self._channel.basic_consume(
                self._queue.name,
                self._take if self._first is None else self._keep,
                exclusive=self._options.exclusive,
            )
        self._consumer = started.consumer_tag

    async def cancel(self) -> None:
        """Take no more messages; those that are here go on."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None and not self._channel.is_closed:
            async with asking(f'the consumer of "{self._queue.name}" cannot be cancelled'):
                await self._channel.basic_cancel(consumer)

    def leave(self) -> None:
        """Feed nothing more; what is given back from now on stays here until the channel closes."""
        self._left = True
        self.claim.keeps = True
        if self._first is not None:
            self._first.clear()

    async def _take(self, delivered: DeliveredMessage) -> None:
        """Take a delivery; those of one turn are fed at once."""
        if not self._fresh:
            self._loop.call_soon(self._feed)
        self._fresh.append(ReceivedDelivery(delivered, self.claim, delivered.delivery.delivery_tag))  # type: ignore[arg-type, union-attr]  # deliveries have one

    def _feed(self) -> None:
        fresh, self._fresh = self._fresh, []
        if not self._left and self.claim.live:
            self.claim.see([message.position for message in fresh])
            self._sink.feed(fresh)

    async def _keep(self, delivered: DeliveredMessage) -> None:
        if self._first is not None and not self._left:
            self._first.feed([ReceivedDelivery(delivered, self.claim, cast(int, delivered.delivery_tag))])

    # Telling ------------------------------------------------------------------------------------------------------

    async def _tell(self) -> None:
        """Acknowledge what ended in a turn, all of it at once."""
        while True:
            await self._moved.wait()
            try:
                await self._settle()
            except TransportError:
                return  # the channel is lost, and everything on it comes again

    async def _settle(self) -> None:
        async with self._telling:
            self._moved.clear()
            told = self.claim.take()
            channel = self._channel
            async with asking("acknowledgements cannot be written"):
                for tag in told.returned:
                    await channel.basic_nack(tag, requeue=True, wait=False)
                for tag in told.single:
                    await channel.basic_ack(tag, wait=False)
                if told.mark is not None:
                    await channel.basic_ack(told.mark, multiple=True, wait=False)

    async def _ack(self, messages: Sequence[Message]) -> None:
        async with asking("acknowledgements cannot be written"):
            await self._channel.basic_ack(messages[-1].position, multiple=True, wait=False)

    async def flush(self, seconds: float, /) -> None:
        """Return when the server has every settle so far; a lost channel has none to send. Raises TransportError."""
        if self._channel.is_closed or self._first is not None:
            return
        await self._settle()
        async with asking("acknowledgements did not reach the server", seconds):
            # The server works off a channel in order, and answers this.
            await self._channel.basic_qos(prefetch_count=self._options.prefetch)

    async def close(self) -> None:
        """Close the channel: what is unsettled goes back to its place in the queue."""
        self.claim.live = False
        self._worker.cancel()
        await asyncio.wait([self._worker])
        if not self._channel.is_closed:
            await bounded(self._channel.close(), _CLOSE_SECONDS)
