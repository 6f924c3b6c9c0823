"""Sending to an embedded server: what is refused, what returns, and what waits while it is down."""

import asyncio
import secrets
from collections import deque
from collections.abc import Callable
from contextvars import copy_context

from attrs import evolve

from faststream_oo.errors import PublishError, TransportError
from faststream_oo.rabbit.acks import ChannelClaim
from faststream_oo.rabbit.address import REPLIES, Exchange, Queue
from faststream_oo.rabbit.message import ReceivedDelivery
from faststream_oo.rabbit.properties import native_properties, routing_of
from faststream_oo.rabbit.transports.memory.stored import MemoryProperties, Stored, arrived
from faststream_oo.rabbit.transports.memory.vhost import MemoryServer
from faststream_oo.transport import Frame, Sink

Confirm = asyncio.Future[None]


class MemoryPublisher:
    """Publishes the messages of one connection in the order of the calls.

    Args:
        server: Where to.
        user: Who is logged in.
        foreign: Whether somebody else takes what is published to an exchange and to nobody here.
    """

    def __init__(self, server: MemoryServer, user: str, *, foreign: bool) -> None:
        self._server = server
        self._user = user
        self._foreign = foreign
        self._replies: str | None = None
        self._waiting: deque[tuple[Confirm, Callable[[], None]]] = deque()

    def publish(
        self, exchange: str, key: str, properties: MemoryProperties, body: bytes, *, mandatory: bool
    ) -> Confirm:
        """Publish a message now, or when the server is back."""
        confirm: Confirm = asyncio.get_running_loop().create_future()

        def publish() -> None:
            try:
                self._publish(exchange, key, properties, body, mandatory=mandatory)
            except TransportError as error:
                _refuse(confirm, error if isinstance(error, PublishError) else PublishError(f"not confirmed: {error}"))
            else:
                confirm.set_result(None)

        if self._server.online.is_set():
            publish()
        else:
            self._waiting.append((confirm, publish))
        return confirm

    def _publish(self, exchange: str, key: str, properties: MemoryProperties, body: bytes, *, mandatory: bool) -> None:
        if properties.user_id not in {None, self._user}:
            login = f"authenticated user was '{self._user}'"
            raise TransportError(f"PRECONDITION_FAILED - user_id property set to '{properties.user_id}' but {login}")
        if properties.reply_to == REPLIES:
            if self._replies is None:
                raise TransportError("PRECONDITION_FAILED - fast reply consumer does not exist")
            properties = evolve(properties, reply_to=self._replies)
        queues, taken = self._server.publish(exchange, key, properties, body)
        taken_outside = self._foreign and exchange != "" and not self._server.alone
        if not queues and mandatory and not taken_outside:
            where = f'exchange "{exchange}"' if exchange else "the default exchange"
            raise PublishError(f'no queue takes what is sent to {where} with key "{key}"')
        if not taken:
            raise PublishError("a queue refused the message: it is full")

    def inbox(self, sink: Sink, /) -> str:
        """Feed the replies to requests of this connection."""
        address = self._replies = f"{REPLIES}.{secrets.token_hex(8)}"
        claim = ChannelClaim(Queue(REPLIES, external=True), 1, lambda: None)
        loop, context = asyncio.get_running_loop(), copy_context()

        def take(stored: Stored) -> None:
            message = ReceivedDelivery(stored.handed_out(counted=False), claim, 0)
            loop.call_soon(sink.feed, (message,), context=context)

        self._server.replies[address] = take
        return REPLIES

    def found(self) -> None:
        """Publish what waited, but for what was given up meanwhile."""
        while self._waiting:
            confirm, publish = self._waiting.popleft()
            if not confirm.done():
                publish()

    def close(self) -> None:
        """Give up what still waits."""
        self._server.replies.pop(self._replies or "", None)
        while self._waiting:
            confirm, _ = self._waiting.popleft()
            if not confirm.done():
                _refuse(confirm, PublishError("the embedded RabbitMQ was down until the end"))


def _refuse(confirm: Confirm, error: PublishError) -> None:
    confirm.set_exception(error)
    confirm.exception()  # nobody has to wait for a confirm


class MemorySender:
    """Sends to one address.

    Args:
        address: A whole Queue or Exchange.
        publisher: Of the connection.
    """

    def __init__(self, address: Queue | Exchange, publisher: MemoryPublisher) -> None:
        self._exchange = address.name if isinstance(address, Exchange) else ""
        self._key_of = routing_of(address)
        self._publisher = publisher

    def send(self, frame: Frame, /) -> Confirm:
        """Publish a message now; while the server is down it waits. Raises PublishError."""
        try:
            properties = arrived(native_properties(frame))
        except (TypeError, ValueError) as error:
            raise PublishError(f"the message cannot be written in AMQP: {error}") from error
        body = frame.body if frame.copy_of is None else frame.copy_of.body
        mandatory = frame.options.get("mandatory") is not False
        key = self._key_of(frame)
        return self._publisher.publish(self._exchange, key, properties, body or b"", mandatory=mandatory)
