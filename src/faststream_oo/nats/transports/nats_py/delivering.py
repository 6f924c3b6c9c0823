"""An inbox to which a consumer delivers: what one turn of the loop brings is fed at once."""

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Final

from nats import errors
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from faststream_oo.errors import TransportError
from faststream_oo.nats.client.renewing import Renewing
from faststream_oo.nats.leases import StreamClaims
from faststream_oo.nats.message import ReceivedMessage
from faststream_oo.nats.transports.nats_py.connection import NatsConnection
from faststream_oo.nats.transports.nats_py.refusals import describe
from faststream_oo.outcome import Retry
from faststream_oo.transport import Sink

DELIVERED: Final = "$JS.ACK."
"""Begins the reply subject of every message of a consumer; what else arrives is said by the server."""

BACK: Final = Retry(0)
_DRAIN_SECONDS: Final = 5.0


class Delivering(ABC):
    """What the ways to read have in common: a subscription, and what it gathers.

    Args:
        connection: Where.
        claims: Of the consumer.
        sink: Where messages go.
        renewing: Renews what has come.
    """

    def __init__(self, connection: NatsConnection, claims: StreamClaims, sink: Sink, renewing: Renewing) -> None:
        self.gone: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        """Done when the consumer is not there any more, with what the server said."""
        self._connection = connection
        self._claims = claims
        self._sink = sink
        self._renewing = renewing
        self._loop = asyncio.get_running_loop()
        self._fresh: list[ReceivedMessage] = []
        self._subscription: Subscription | None = None
        self._closing = False

    @property
    def waiting(self) -> Iterable[ReceivedMessage]:
        """Messages that are here and not fed yet."""
        return self._fresh

    async def _subscribe(self, subject: str, group: str = "") -> None:
        try:
            self._subscription = await self._connection.client.subscribe(  # pyright: ignore[reportUnknownMemberType] - `future`
                subject, queue=group, cb=self._take, pending_msgs_limit=0, pending_bytes_limit=0
            )
        except (errors.Error, OSError) as error:
            raise TransportError(f"cannot subscribe: {describe(error)}") from error

    async def _take(self, received: Msg) -> None:
        """Gather a message, or hear what the server says."""
        if not received.reply.startswith(DELIVERED):
            self._gathered()
            self._hear(received)
            return
        if not self._fresh:
            self._loop.call_soon(self._gathered)
        self._fresh.append(self._claims.received(received))

    def _gathered(self) -> None:
        if self._fresh:
            fresh, self._fresh = self._fresh, []
            if self._closing:
                self._give_back(fresh)
            else:
                self._renewing.arm()
                self._arrived(fresh)

    def _give_back(self, messages: Iterable[ReceivedMessage]) -> None:
        for message in messages:
            message.claim.settle(message, BACK)

    @abstractmethod
    def _arrived(self, messages: Sequence[ReceivedMessage]) -> None:
        """Take what was gathered."""

    @abstractmethod
    def _hear(self, received: Msg) -> None:
        """Hear what the server says."""

    def _lose(self, reason: str) -> None:
        if not self.gone.done():
            self.gone.set_result(reason)

    def _fail(self, error: BaseException) -> None:
        """End with an error, whether somebody waits for it or not."""
        if not self.gone.done():
            self.gone.set_exception(error)
            self.gone.exception()

    async def close(self) -> None:
        """Unsubscribe; what was on its way is given back."""
        self._closing = True
        subscription, self._subscription = self._subscription, None
        if subscription is None:
            return
        # Where the server is away there is nobody to tell; where it does not answer the client ends it when it closes.
        with contextlib.suppress(errors.Error, OSError, TimeoutError):
            async with asyncio.timeout(_DRAIN_SECONDS):
                if self._connection.online.is_set():
                    await subscription.drain()  # type: ignore[no-untyped-call]  # the client does not annotate it
                else:
                    await subscription.unsubscribe()
        self._gathered()


def status_of(received: Msg, /) -> tuple[str, str]:
    """Return the number and the words of what the server says."""
    headers = received.headers or {}
    return headers.get("Status", ""), headers.get("Description", "").strip()
