"""The intake of one subscription: what the client delivers one by one is fed once a turn of the loop."""

import asyncio
import contextlib
from itertools import count
from typing import Any, Final

from nats import errors
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from faststream_oo.address import Address
from faststream_oo.errors import TransportError
from faststream_oo.nats.claim import Limits, Losses, SubjectClaim, claims_of
from faststream_oo.nats.message import ReceivedMessage
from faststream_oo.nats.options import NatsSourceOptions
from faststream_oo.nats.transports.nats_py.connection import NatsConnection
from faststream_oo.nats.transports.nats_py.refusals import describe
from faststream_oo.transport import Capabilities, Claim, Sink

_DRAIN_SECONDS: Final = 5.0
"""Longest time that unsubscribing may take."""


class Gathering:
    """Gathers what one turn of the loop brings, and feeds it at once; when the sink is full the client's buffer fills.

    Args:
        sink: Where to.
        claim: What the messages are held under.
    """

    def __init__(self, sink: Sink, claim: SubjectClaim) -> None:
        self._sink = sink
        self._claim = claim
        self._loop = asyncio.get_running_loop()
        self._batch: list[ReceivedMessage] = []
        self._left = 0
        self._position = count().__next__
        self._stopping: asyncio.Future[Any] = self._loop.create_future()

    async def take(self, received: Msg) -> None:
        """Gather one message; waits while the sink is full, unless it is stopping."""
        if not self._batch:
            room = self._sink.room
            while room <= 0 and not self._stopping.done():
                room = await self._ready()
            self._left = room
            self._loop.call_soon(self.feed)
        self._batch.append(ReceivedMessage(received, self._claim, self._position()))
        self._left -= 1
        if self._left == 0:
            self.feed()

    def feed(self) -> None:
        """Feed what was gathered."""
        if self._batch:
            batch, self._batch = self._batch, []
            self._sink.feed(batch)

    @property
    def gathered(self) -> int:
        """Messages that are not fed yet."""
        return len(self._batch)

    def stop(self) -> None:
        """Wait for no room from now on: what has arrived is taken, as nobody would deliver it again."""
        if not self._stopping.done():
            self._stopping.set_result(None)

    async def _ready(self) -> int:
        ready: asyncio.Future[Any] = asyncio.ensure_future(self._sink.ready())
        try:
            await asyncio.wait([ready, self._stopping], return_when=asyncio.FIRST_COMPLETED)
            room: int = ready.result() if ready.done() else 0
            return room
        finally:
            ready.cancel()


class NatsPySource:
    """Subscribes to the subjects of an address.

    Args:
        connection: Where.
        address: To what.
        options: Of the subscription.
        limits: Of the client's buffer.
    """

    def __init__(
        self, connection: NatsConnection, address: Address, options: NatsSourceOptions, limits: Limits
    ) -> None:
        self._connection = connection
        self._group = options.group
        self._limits = limits
        self._losses = Losses(address.name)
        self._claims = claims_of(address, options.group, self._losses.add)
        self._subscriptions: list[Subscription] = []
        self._sink: Sink | None = None
        self._gatherings: list[Gathering] = []

    @property
    def capabilities(self) -> Capabilities:
        """Nothing is settled or confirmed."""
        return Capabilities(settles=False, confirms=False)

    @property
    def lost(self) -> int:
        """Messages received that were never handled."""
        return self._losses.total

    async def start(self, sink: Sink, /) -> None:
        """Subscribe and begin to feed. Raises TransportError when the server does not allow it."""
        self._sink = sink
        await sink.assign(self._claims)
        self._connection.tell(self)
        try:
            for claim in self._claims:
                await self._subscribe(sink, claim)
            await self._connection.flush()
        except (errors.Error, OSError) as error:
            raise TransportError(f"cannot subscribe: {describe(error)}") from error
        for claim in self._claims:
            self._connection.check_allowed(claim.subject.pattern)

    async def _subscribe(self, sink: Sink, claim: SubjectClaim) -> None:
        gathering = Gathering(sink, claim)
        self._gatherings.append(gathering)
        subscription = await self._connection.client.subscribe(  # pyright: ignore[reportUnknownMemberType] - `future`
            claim.subject.pattern,
            queue=self._group or "",
            cb=gathering.take,
            pending_msgs_limit=self._limits.messages,
            pending_bytes_limit=self._limits.bytes,
        )
        self._subscriptions.append(subscription)

    async def pause(self, claim: Claim | None = None, /) -> None:
        """Stay subscribed: the sink has no room now, so what arrives waits in the client's buffer."""

    async def resume(self, claim: Claim | None = None, /) -> None:
        """Do nothing: the sink has room again."""

    async def stop(self) -> None:
        """Unsubscribe, and feed what has arrived: nobody would deliver it again."""
        for gathering in self._gatherings:
            gathering.stop()
        subscriptions, self._subscriptions = self._subscriptions, []
        await asyncio.gather(*(self._drain(one) for one in subscriptions))
        for gathering in self._gatherings:
            gathering.feed()

    async def _drain(self, subscription: Subscription) -> None:
        # Where the server is away there is nobody to tell; where it does not answer the client ends it when it closes.
        with contextlib.suppress(errors.Error, OSError, TimeoutError):
            async with asyncio.timeout(_DRAIN_SECONDS):
                await subscription.drain()  # type: ignore[no-untyped-call]  # the client does not annotate it
        for _ in range(subscription.pending_msgs):
            self._losses.add("still in the client's buffer at the stop")

    async def flush(self) -> None:
        """Return: there are no settles."""

    async def close(self) -> None:
        """Leave; what is not handled is lost."""
        await self.stop()
        self._connection.forget(self)
        self._sink = None
        for claim in self._claims:
            claim.live = False
        self._losses.close()

    async def lag(self) -> int | None:
        """Messages in the client's buffer, once everything sent to it so far is there; None while the server is away."""
        try:
            await self._connection.flush()
        except TransportError:
            return None
        gathered = sum(one.gathered for one in self._gatherings)
        return gathered + sum(one.pending_msgs for one in self._subscriptions)

    # What the connection tells --------------------------------------------------------------------------------------

    def away(self, reason: str, /) -> None:
        """Report that the server is lost; what has arrived goes on being handled."""
        if self._sink is not None:
            self._sink.degrade(reason)

    def back(self) -> None:
        """Report that the server is back."""
        if self._sink is not None:
            self._sink.degrade(None)

    def ended(self, error: TransportError, /) -> None:
        """Report that the client gave up."""
        if self._sink is not None:
            self._sink.fail(error)

    def overflowed(self, subscription: object, /) -> None:
        """Count a message that the client dropped."""
        if subscription in self._subscriptions:
            self._losses.add("the buffer of the subscription is full")
