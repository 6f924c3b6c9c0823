"""The intake of one subscription to a stream: it reads, says what it holds, and finds its consumer again."""

import asyncio
import logging
from collections.abc import Coroutine, Iterable, Sequence
from itertools import chain
from typing import Any, Final

from faststream_oo.ackedfirst import AckedFirst
from faststream_oo.address import Address
from faststream_oo.clock import LoopClock
from faststream_oo.errors import TransportError
from faststream_oo.message import Message
from faststream_oo.nats.address import subjects_of
from faststream_oo.nats.client.renewing import Renewing
from faststream_oo.nats.leases import ACKED, RETURNED, Acks, StreamClaims
from faststream_oo.nats.transports.nats_py.attaching import Durable, Seat
from faststream_oo.nats.transports.nats_py.connection import NatsConnection
from faststream_oo.nats.transports.nats_py.managing import Manager
from faststream_oo.nats.transports.nats_py.sending import Publisher
from faststream_oo.options import Topology
from faststream_oo.transport import Capabilities, Claim, Sink
from faststream_oo.waiting import cancelled

_FLUSH_SECONDS: Final = 5.0
_AGAIN: Final = 1.0
"""Seconds between two tries to find or make a consumer that is gone."""

_log = logging.getLogger("faststream_oo")


class StreamSource:
    """Reads a stream through a consumer.

    Args:
        connection: Where.
        publisher: Of the connection, for acknowledgements.
        manager: Of the connection.
        address: What is read, whole.
        consumer: Through which.
        acks: Tells the consumer.
        settles: Whether a message is acknowledged after it is handled; False does it before.
        topology: What may be made.
    """

    def __init__(
        self,
        connection: NatsConnection,
        publisher: Publisher,
        manager: Manager,
        address: Address,
        consumer: Durable,
        acks: Acks,
        *,
        settles: bool,
        topology: Topology,
    ) -> None:
        self._connection = connection
        self._publisher = publisher
        self._manager = manager
        self._address = address
        self._consumer = consumer
        self._acks = acks
        self._settles = settles
        self._topology: Topology = topology
        self._sink: Sink | None = None
        self._first: AckedFirst | None = None
        self._claims = StreamClaims(subjects_of(address), consumer.name, acks)
        self._renewing = Renewing(self._held, LoopClock())
        self._seat: Seat | None = None
        self._reading: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._open = False

    @property
    def capabilities(self) -> Capabilities:
        """What is acknowledged first has nothing left to settle."""
        return Capabilities(settles=self._settles)

    @property
    def lost(self) -> int:
        """None: the stream has them."""
        return 0

    # Life -----------------------------------------------------------------------------------------------------------

    async def start(self, sink: Sink, /) -> None:
        """Find or make the consumer and begin to feed. Raises TransportError."""
        await self._attach()
        self._sink = sink
        self._open = True
        if not self._settles:
            self._first = AckedFirst(sink, self._ack)
        await sink.assign(self._claims.all)
        self._seat = await self._sit()
        self._connection.tell(self)
        self._read()
        if self._first is not None:
            self._watch(self._first.run(), "acknowledging first")

    async def _attach(self) -> None:
        await self._consumer.attach()
        self._renewing.ack_wait = self._consumer.lease

    async def _sit(self) -> Seat:
        taker: Any = self._first or self._sink
        return await self._consumer.seat(self._claims, taker, self._renewing)

    def _held(self) -> Iterable[Message]:
        """Return everything that is here, wherever it waits."""
        if self._sink is None or not self._connection.online.is_set():
            return ()
        here = () if self._seat is None else self._seat.waiting
        # What was acknowledged first is nobody's any more once the sink has it.
        return chain(here, self._sink.holding() if self._first is None else self._first.waiting)

    async def pause(self, claim: Claim | None = None, /) -> None:
        """Stop reading, and give back what arrives meanwhile; one claim alone is not paused: a consumer has no parts."""
        if claim is None:
            await self._leave_seat()

    async def resume(self, claim: Claim | None = None, /) -> None:
        """Read again."""
        if claim is None and self._open and self._reading is None:
            self._read()

    async def stop(self) -> None:
        """Read no more."""
        self._open = False
        await self._leave_seat()
        if self._first is not None:
            for message in self._first.clear():
                self._acks.tell(message.raw.reply, RETURNED)  # type: ignore[attr-defined]  # those of a stream have one

    async def _leave_seat(self) -> None:
        reading, self._reading = self._reading, None
        if reading is not None:
            await cancelled([reading])
        seat, self._seat = self._seat, None
        if seat is not None:
            await seat.close()

    async def flush(self) -> None:
        """Return when the server has every settle so far. Raises TransportError."""
        self._acks.flush()
        await self._publisher.flush(_FLUSH_SECONDS)

    async def close(self) -> None:
        """Leave; what is unsettled is delivered again after `ack_wait`."""
        await self.stop()
        self._connection.forget(self)
        self._sink = None
        self._renewing.close()
        self._claims.end()
        await cancelled(self._tasks)

    async def lag(self) -> int | None:
        """Messages of the stream that this group was not given yet; None while the server does not tell."""
        try:
            info = await self._manager.consumer(*self._consumer.place)
        except TransportError:
            return None
        return None if info is None else info.num_pending

    # Reading --------------------------------------------------------------------------------------------------------

    def _read(self) -> None:
        self._reading = self._watch(self._run(), "reading")

    async def _run(self) -> None:
        while True:
            seat = self._seat
            if seat is None:
                seat = self._seat = await self._sit()
            await seat.run()
            reason = await seat.gone
            self._seat = None
            await seat.close()
            await self._recover(reason)

    async def _recover(self, reason: str) -> None:
        """Find or make the consumer again, and its stream. Raises TransportError where that is not ours to do."""
        sink = self._sink
        if sink is None:
            return
        stream, name = self._consumer.place
        what = f'consumer "{name}" of stream "{stream}" is gone: {reason}'
        _log.warning("%s", what, extra={"fields": {"consumer": name, "stream": stream}})
        self._claims.end()
        await sink.revoke(self._claims.all, deadline=0.0, lost=True)
        if self._topology != "create":
            raise TransportError(what)
        while True:
            try:
                await self._find()
                break
            except TransportError as error:
                sink.degrade(str(error))
                await asyncio.sleep(_AGAIN)
        sink.degrade(None)

    async def _find(self) -> None:
        await self._connection.online.wait()
        self._manager.forget(self._consumer.place[0])
        await self._manager.declare([self._address], self._topology)  # how it differs was told at the start
        await self._attach()
        if self._sink is not None and not self._claims.live:
            self._claims = StreamClaims(subjects_of(self._address), self._consumer.name, self._acks)
            await self._sink.assign(self._claims.all)
        self._seat = await self._sit()

    async def _ack(self, messages: Sequence[Message]) -> None:
        for message in messages:
            self._acks.tell(message.raw.reply, ACKED)  # type: ignore[attr-defined]  # those of a stream have one
        await self.flush()

    def _watch(self, call: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(call, name=f"nats {self._address.name} {name}")
        self._tasks.add(task)

        def done(ended: asyncio.Task[None]) -> None:
            self._tasks.discard(ended)
            if not ended.cancelled() and (error := ended.exception()) is not None and self._sink is not None:
                self._sink.fail(error)

        task.add_done_callback(done)
        return task

    # What the connection tells --------------------------------------------------------------------------------------

    def away(self, reason: str, /) -> None:
        """Report that the server is lost; what is here goes on being handled."""
        if self._sink is not None:
            self._sink.degrade(reason)

    def back(self) -> None:
        """Renew what is here, and ask for more."""
        if self._sink is None:
            return
        self._sink.degrade(None)
        self._renewing.renew()
        if self._seat is not None:
            self._seat.again()

    def ended(self, error: TransportError, /) -> None:
        """Report that the client gave up."""
        if self._sink is not None:
            self._sink.fail(error)

    def overflowed(self, subscription: object, /) -> None:
        """Do nothing: the buffer has no limit, the consumer has one."""
