"""Consumers that a server pushes to this process, in order and unacknowledged, as long as both are there."""

import asyncio
import contextlib
import secrets
from collections.abc import Mapping, Sequence
from typing import Final

from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.js.api import AckPolicy, ConsumerConfig

from faststream_oo.errors import TransportError
from faststream_oo.nats.client.following import Following
from faststream_oo.nats.options import Push, Start
from faststream_oo.nats.transports.nats_py.connection import NatsConnection
from faststream_oo.nats.transports.nats_py.delivering import DELIVERED, status_of
from faststream_oo.nats.transports.nats_py.managing import Manager, asking, filtered, place_to_start

_INACTIVE: Final = 60.0
"""Seconds until the server deletes a consumer whose client is gone."""

_SILENT: Final = 2
"""Heartbeats without a sign of the server after which the consumer is made anew; after one it is asked whether it is there."""

_CONTROL: Final = "100"
"""Status of what is no message: a sign that the server is there, or a question whether to go on."""


class PushedSeat:
    """One consumer that pushes to a `Following`.

    Args:
        connection: Where.
        manager: Makes it.
        stream: Its name.
        subjects: What it takes.
        following: Who is fed.
        via: How.
    """

    def __init__(
        self,
        connection: NatsConnection,
        manager: Manager,
        stream: str,
        subjects: Sequence[str],
        following: Following,
        via: Push,
    ) -> None:
        self._connection = connection
        self._manager = manager
        self._stream = stream
        self._subjects = subjects
        self._following = following
        self._via = via
        self._name = secrets.token_hex(8)
        self._subscription: Subscription | None = None
        self._watching: asyncio.Task[None] | None = None
        self._heard = False

    async def open(self, start: Start, /) -> int:
        """Make the consumer, and return how many messages there are for it already. Raises TransportError."""
        self._check_online()
        client = self._connection.client
        inbox = client.new_inbox()
        async with asking(f'stream "{self._stream}" cannot be followed'):
            self._subscription = await client.subscribe(  # pyright: ignore[reportUnknownMemberType] - `future`
                inbox, cb=self._take, pending_msgs_limit=0, pending_bytes_limit=0
            )
        self._connection.tell(self)
        info = await self._manager.make_consumer(self._stream, self._config(inbox, start))
        self._watching = asyncio.create_task(self._watch(), name=f"watching {self._stream}")
        return info.num_pending or 0

    def _config(self, inbox: str, start: Start) -> ConsumerConfig:
        via = self._via
        return ConsumerConfig(
            name=self._name,
            deliver_subject=inbox,
            ack_policy=AckPolicy.NONE,
            max_deliver=1,
            mem_storage=True,
            num_replicas=1,
            flow_control=via.flow_control,
            idle_heartbeat=via.heartbeat,
            inactive_threshold=max(_INACTIVE, 4 * via.heartbeat),
            headers_only=via.headers_only or None,
            **filtered(self._subjects),
            **place_to_start(start),
        )

    async def last(self) -> int:
        """Return the sequence of the last message in the stream. Raises TransportError."""
        self._check_online()
        return await self._manager.last(self._stream)

    async def lag(self) -> int:
        """Return how many messages were not fed yet. Raises TransportError."""
        self._check_online()
        info = await self._manager.consumer(self._stream, self._name)
        if info is None:
            raise TransportError(f'stream "{self._stream}" is not followed now')
        sent = 0 if info.delivered is None else info.delivered.consumer_seq
        return (info.num_pending or 0) + sent - self._following.delivered

    def _check_online(self) -> None:
        if not self._connection.online.is_set():
            raise TransportError("NATS is away")

    async def close(self) -> None:
        """Leave, and have the consumer deleted where the server is there."""
        self._connection.forget(self)
        if self._watching is not None:
            self._watching.cancel()
        subscription, self._subscription = self._subscription, None
        if subscription is None or self._connection.leaving or not self._connection.online.is_set():
            return  # the server deletes the consumer by itself
        with contextlib.suppress(TransportError):
            async with asking(f'stream "{self._stream}" is followed on'):
                await subscription.unsubscribe()
            await self._manager.delete_consumer(self._stream, self._name)

    # What the server sends ----------------------------------------------------------------------------------------

    async def _take(self, received: Msg) -> None:
        self._heard = True
        if received.reply.startswith(DELIVERED):
            await self._following.fits()
            self._following.feed(self, received)
            return
        status, words = status_of(received)
        if status == _CONTROL:
            await self._answer(received.reply, received.headers or {})
        else:
            self._following.lost(self, words.lower())

    async def _answer(self, reply: str, headers: Mapping[str, str]) -> None:
        """Answer what is no message: everything before it has been taken."""
        stalled = reply or headers.get("Nats-Consumer-Stalled")
        if stalled:
            await self._connection.client.publish(stalled)
        last = headers.get("Nats-Last-Consumer")
        if last is not None and int(last) != self._following.delivered:
            self._following.lost(self, "messages were missed")

    async def _watch(self) -> None:
        silent = 0
        while True:
            self._heard = False
            await asyncio.sleep(self._via.heartbeat)
            # While it is full nothing is taken, the signs of the server neither.
            told = self._heard or self._following.room <= 0 or not self._connection.online.is_set()
            silent = 0 if told else silent + 1
            if silent == _SILENT:
                self._following.lost(self, f"no sign of the server in {_SILENT * self._via.heartbeat:g} s")
            elif silent and await self._is_deleted():
                self._following.lost(self, "the consumer was deleted")

    async def _is_deleted(self) -> bool:
        try:
            return await self._manager.consumer(self._stream, self._name) is None
        except TransportError:  # nobody knows
            return False

    # What the connection tells ------------------------------------------------------------------------------------

    def away(self, reason: str, /) -> None:
        """Hear that the server is lost."""
        self._following.away(self, reason)

    def back(self) -> None:
        """Hear that the server is back: its consumer may not be, and what was on its way is gone."""
        self._following.lost(self, "the connection was lost")

    def ended(self, error: TransportError, /) -> None:
        """Hear that the client gave up."""
        self._following.failed(error)

    def overflowed(self, subscription: object, /) -> None:
        """Hear that the client dropped a message."""
        if subscription is self._subscription:
            self._following.lost(self, "the client's buffer was full")
