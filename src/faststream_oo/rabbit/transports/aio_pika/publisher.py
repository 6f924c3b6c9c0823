"""Publishing: what is accepted in a turn leaves in one write, in the order of the calls, and is confirmed one by one.

aiormq's `basic_publish` costs a task, a lock and a queue for every message; here one task fills one channel, by the steps
that `basic_publish` takes.
"""

import asyncio
import itertools
import logging
from collections import deque
from collections.abc import Sequence
from typing import Any, Final

import aiormq
from aiormq.abc import ChannelFrame, DeliveredMessage
from pamqp.body import ContentBody
from pamqp.commands import Basic
from pamqp.frame import marshal
from pamqp.header import ContentHeader

from faststream_oo.clock import Backoff, LoopClock
from faststream_oo.errors import PublishError, TransportError
from faststream_oo.rabbit.acks import ChannelClaim
from faststream_oo.rabbit.address import REPLIES, Exchange, Queue
from faststream_oo.rabbit.channels import watch
from faststream_oo.rabbit.message import ReceivedDelivery
from faststream_oo.rabbit.properties import native_properties, routing_of
from faststream_oo.rabbit.transports.aio_pika.declarer import Declarer
from faststream_oo.rabbit.transports.aio_pika.link import Link, asking
from faststream_oo.rabbit.transports.aio_pika.reasons import describe
from faststream_oo.transport import Frame, Sink
from faststream_oo.waiting import cancelled

_log: Final = logging.getLogger("faststream_oo")

_WRITE: Final = 64 * 1024
"""Bytes of one write; what is more goes into the next."""

_DRAIN_SECONDS: Final = 60.0
"""Longest time in seconds that the server may take to read one write; it reads nothing while it lacks memory or disk."""


class Confirm(asyncio.Future[None]):
    """A message on its way and its confirmation, which the client sets with its own words; nobody has to wait for it."""

    publish: Basic.Publish
    properties: Basic.Properties
    body: bytes
    tag = 0
    """Its number on the channel that it was sent over last."""
    suspect = False
    """Whether a channel was lost while it was on its way: it may be what the server closed the channel for."""

    def set_result(self, _: object, /) -> None:
        """The server has it."""
        super().set_result(None)

    def set_exception(self, error: BaseException | type[BaseException], /) -> None:
        """The server refused it, or nobody waited long enough."""
        super().set_exception(error if isinstance(error, PublishError) else _refusal(error))
        self.exception()


def _refusal(error: BaseException | type[BaseException]) -> PublishError:
    match error:
        case aiormq.exceptions.PublishError(frame=Basic.Return() as back):
            where = f'exchange "{back.exchange}"' if back.exchange else "the default exchange"
            return PublishError(f'no queue takes what is sent to {where} with key "{back.routing_key}"')
        case aiormq.exceptions.DeliveryError():
            return PublishError("a queue refused the message: it is full")
        case type():
            return PublishError(error.__name__)
        case _:
            return PublishError(describe(error))


class Publisher:
    """Publishes over one channel after another.

    Args:
        link: The connection.
        declarer: Makes again what may be lost with a server.
    """

    def __init__(self, link: Link, declarer: Declarer) -> None:
        self._link = link
        self._declarer = declarer
        self._waiting: deque[Confirm] = deque()
        self._flying: dict[int, Confirm] = {}
        self._ids: dict[str, int] = {}
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._reason = "the connection was lost"
        self._replies: Sink | None = None
        self._channel: aiormq.Channel | None = None
        self._ready = asyncio.Event()

    async def start(self) -> None:
        """Open a channel to publish on. Raises TransportError."""
        self._task = asyncio.create_task(self._run(), name="rabbit publisher")
        watch(self._task, self._died)
        async with asking("nothing can be published"):
            await self._ready.wait()

    async def close(self, seconds: float, /) -> None:
        """Wait so long for what was accepted; what is not confirmed by then fails."""
        task, self._task = self._task, None
        if task is None:
            return
        if confirms := self._open():
            await asyncio.wait(confirms, timeout=seconds)
        await cancelled([task])
        for confirm in self._open():
            confirm.set_exception(PublishError("not confirmed before the connection was closed"))

    def _open(self) -> Sequence[Confirm]:
        return [confirm for confirm in (*self._waiting, *self._flying.values()) if not confirm.done()]

    def _died(self, error: BaseException) -> None:
        _log.error("nothing more is published: %s", error, exc_info=error)
        self._task = None
        for confirm in self._open():
            confirm.set_exception(PublishError(f"not confirmed: {error}"))

    def accept(self, confirm: Confirm, /) -> None:
        """Accept a message. Raises PublishError when this is not open."""
        if self._task is None:
            raise PublishError("the RabbitMQ transport is not open")
        confirm.add_done_callback(self._ended)
        self._waiting.append(confirm)
        self._wake.set()

    async def inbox(self, sink: Sink, /) -> str:
        """Feed the replies that come over the channel, this one and its successors. Raises TransportError."""
        async with asking("replies cannot be received"):
            await self._ready.wait()
        if self._channel is not None:
            await _take_replies(self._channel, sink)
        self._replies = sink
        return REPLIES

    async def _run(self) -> None:
        backoff, again = Backoff(LoopClock()), False
        while True:
            try:
                channel = await self._link.channel(confirms=True)
                if again:
                    await self._declarer.restore()
                again = True
                assert isinstance(channel, aiormq.Channel)  # what aiormq's connection makes
                backoff.reset()
                await self._use(channel)
            except TransportError as error:
                self._reason = str(error)
                await backoff.wait()
            self._take_back()

    async def _use(self, channel: aiormq.Channel) -> None:
        """Receive replies and publish until the channel is lost."""
        closing = channel.closing
        closing.add_done_callback(lambda _: self._wake.set())
        if self._replies is not None:
            await _take_replies(channel, self._replies)
            self._replies.degrade(None)
        self._channel, self._ids = channel, channel.message_id_delivery_tag
        self._ready.set()
        try:
            await self._fill(channel, closing)
            self._reason = describe(None if closing.cancelled() else closing.exception())
        finally:
            self._channel = None
            self._ready.clear()
        if self._replies is not None:
            self._replies.degrade(self._reason)

    async def _fill(self, channel: aiormq.Channel, closing: asyncio.Future[Any]) -> None:
        """Publish what is accepted, until the channel is lost."""
        while not closing.done():
            if not self._waiting:
                self._wake.clear()
                await self._wake.wait()
            elif payload := b"".join(self._taken(channel)):
                drained = channel.create_future()
                async with asking("a publish cannot be written", _DRAIN_SECONDS):
                    await channel.write_queue.put(ChannelFrame(payload, should_close=False, drain_future=drained))
                    await drained
            elif self._flying:
                await asyncio.wait([*self._flying.values(), closing], return_when=asyncio.FIRST_COMPLETED)

    def _taken(self, channel: aiormq.Channel) -> Sequence[bytes]:
        """Take what goes into one write, and number it as the server does.

        What may have closed the last channel is sent alone. And the client tells returned messages by their id, so two
        with the same id are never on their way at once.
        """
        waiting, flying, ids = self._waiting, self._flying, self._ids
        number, most = channel.number, channel.max_content_size
        taken: list[bytes] = []
        size = 0
        if flying and next(iter(flying.values())).suspect:
            return taken
        while waiting and size < _WRITE:
            confirm = waiting[0]
            body, properties = confirm.body, confirm.properties
            id_ = properties.message_id or ""
            if id_ in ids or (confirm.suspect and flying):
                break
            waiting.popleft()
            if confirm.done():  # nobody waits for it any more: it counts as not sent
                continue
            try:
                payload = [marshal(confirm.publish, number), marshal(ContentHeader(0, len(body), properties), number)]
                payload += [marshal(ContentBody(body[at : at + most]), number) for at in range(0, len(body), most)]
            except Exception as error:  # noqa: BLE001 - whatever pamqp raises is about this message
                confirm.set_exception(PublishError(f"the message cannot be written in AMQP: {error}"))
                continue
            taken += payload
            size += len(body)
            channel.delivery_tag = confirm.tag = tag = channel.delivery_tag + 1
            channel.confirmations[tag] = flying[tag] = confirm
            ids[id_] = tag
            if confirm.suspect:
                break
        return taken

    def _ended(self, confirm: Confirm) -> None:
        """Forget what is confirmed, refused or given up."""
        tag = confirm.tag
        if self._flying.get(tag) is confirm:
            del self._flying[tag]
            if self._ids.get(id_ := confirm.properties.message_id or "") == tag:
                del self._ids[id_]

    def _take_back(self) -> None:
        """Send again what was on its way; what was on its way alone, for the second time, is given up."""
        flying, self._flying = list(self._flying.values()), {}
        left = [confirm for confirm in flying if not confirm.done()]
        if len(left) == 1 and left[0].suspect:
            left.pop().set_exception(PublishError(f"not confirmed: {self._reason}"))
        for confirm in left:
            confirm.suspect = True
        self._waiting.extendleft(reversed(left))


class RabbitSender:
    """Sends to one address.

    Args:
        address: A whole Queue or Exchange.
        publisher: What publishes.
    """

    def __init__(self, address: Queue | Exchange, publisher: Publisher) -> None:
        self._exchange = address.name if isinstance(address, Exchange) else ""
        self._key_of = routing_of(address)
        self._usual = Basic.Publish(exchange=self._exchange, routing_key=self._key_of(Frame(None)), mandatory=True)
        self._publisher = publisher
        self._unnamed = itertools.count(1).__next__

    def send(self, frame: Frame, /) -> Confirm:
        """Accept a message; the future tells that the server has it in a queue. Raises PublishError."""
        confirm = Confirm()
        if frame.options:
            mandatory = frame.options.get("mandatory") is not False
            key = self._key_of(frame)
            confirm.publish = Basic.Publish(exchange=self._exchange, routing_key=key, mandatory=mandatory)
        else:
            confirm.publish = self._usual
        try:
            confirm.properties = properties = Basic.Properties(**native_properties(frame))
        except (TypeError, ValueError) as error:
            raise PublishError(f"the message cannot be written in AMQP: {error}") from error
        if properties.message_id is None:
            # An id that is too long for the property is a header; the client tells returned messages by the property.
            properties.message_id = f"long-{self._unnamed()}"
        confirm.body = (frame.body if frame.copy_of is None else frame.copy_of.body) or b""
        self._publisher.accept(confirm)
        return confirm


async def _take_replies(channel: aiormq.Channel, sink: Sink) -> None:
    """Consume the direct replies of a channel: the server hands them out to it alone, and keeps none."""
    claim = ChannelClaim(Queue(REPLIES, external=True), 1, lambda: None)

    async def take(delivered: DeliveredMessage) -> None:
        sink.feed((ReceivedDelivery(delivered, claim, delivered.delivery_tag or 0),))

    async with asking("replies cannot be received"):
        await channel.basic_consume(REPLIES, take, no_ack=True)
