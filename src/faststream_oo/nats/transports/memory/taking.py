"""The intake of one subscription to a stream of an embedded server, by a durable consumer."""

import asyncio

from attrs import evolve

from faststream_oo.address import Address
from faststream_oo.errors import TransportError
from faststream_oo.nats.address import JetStream, subjects_of
from faststream_oo.nats.client.renewing import Renewing
from faststream_oo.nats.leases import ACKED, RETURNED, Acks, StreamClaims
from faststream_oo.nats.message import ReceivedMessage
from faststream_oo.nats.options import NatsSourceOptions, Pull
from faststream_oo.nats.transports.memory.durables import ConsumerConfig, Delivery, MemoryConsumer
from faststream_oo.nats.transports.memory.pushing import deliver_from, delivered_of
from faststream_oo.nats.transports.memory.server import MemoryServer
from faststream_oo.transport import Capabilities, Claim, Sink


class MemoryStreamSource:
    """Takes from a consumer what its sink has room for.

    Args:
        server: Where the stream is.
        stream: Which.
        address: What is taken of it.
        options: Of the subscription.
        acks: What tells the consumer.
    """

    def __init__(
        self, server: MemoryServer, stream: JetStream, address: Address, options: NatsSourceOptions, acks: Acks
    ) -> None:
        self._server = server
        self._stream = stream.name
        self._options = options
        self._name = options.group or ""
        self._acks = acks
        subjects = subjects_of(address)
        self._filters = [subject.pattern for subject in subjects]
        self._claims = StreamClaims(subjects, self._name, acks if options.settles else None)
        self._consumer: MemoryConsumer | None = None
        self._sink: Sink | None = None
        self._renewing: Renewing | None = None
        self._asked = 0
        self._fresh: list[ReceivedMessage] = []
        self._wake = asyncio.Event()
        self._paused: set[Claim | None] = set()
        self._pulling: asyncio.Task[None] | None = None

    @property
    def capabilities(self) -> Capabilities:
        """Each message is settled by itself, where it is."""
        return Capabilities(settles=self._options.settles)

    @property
    def lost(self) -> int:
        """Return 0: the stream has it still."""
        return 0

    async def start(self, sink: Sink, /) -> None:
        """Make the consumer and begin to take. Raises TransportError."""
        self._server.check_online()
        self._sink = sink
        self._consumer = self._server.jetstream.add_consumer(self._stream, self._config())
        await sink.assign(self._claims.all)
        self._server.clients.append(self)
        self._consumer.join(self)
        if self._options.settles:
            self._renewing = Renewing(sink, self._claims.all, self._options.via.ack_wait, self._server.clock)
        self._pulling = asyncio.create_task(self._pull(sink, self._consumer), name=f"{self._name} pulling")
        self._pulling.add_done_callback(self._pulled)

    def _config(self) -> ConsumerConfig:
        via = self._options.via
        config = ConsumerConfig(
            self._name,
            filters=self._filters,
            deliver=deliver_from(self._options.start),
            ack_wait=via.ack_wait,
            max_ack_pending=via.max_ack_pending,
        )
        if isinstance(via, Pull):
            return evolve(config, inactive_threshold=via.inactive_threshold)
        return evolve(config, headers_only=via.headers_only, push=True, deliver_group=self._name)

    async def _pull(self, sink: Sink, consumer: MemoryConsumer) -> None:
        while True:
            room = await sink.ready()
            if not self._pausing:
                self._asked = room
                consumer.hand_out()
            if not self._fresh:
                self._wake.clear()
                await self._wake.wait()
            self._asked = 0
            fresh, self._fresh = self._fresh, []
            if fresh:
                sink.feed(fresh)
                await asyncio.sleep(0)  # the sink may have room again at once: others get their turn

    def _pulled(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and self._sink is not None and (error := task.exception()) is not None:
            self._sink.fail(error)

    # What the consumer and the server tell ------------------------------------------------------------------------

    @property
    def room(self) -> int:
        """Messages that it may be handed now."""
        return self._asked - len(self._fresh) if self._server.online.is_set() else 0

    def take(self, delivery: Delivery, /) -> None:
        """Be handed a message; `at_most_once` it ends now."""
        self._fresh.append(self._claims.received(delivered_of(delivery)))
        self._wake.set()
        if not self._options.settles:
            self._acks.tell(delivery.reply, ACKED)

    def gone(self) -> None:
        """Hear that the consumer is deleted."""
        self._claims.end()
        if self._sink is not None:
            self._sink.fail(TransportError(f'the consumer "{self._name}" of stream "{self._stream}" was deleted'))

    def away(self, reason: str, /) -> None:
        """Report that the server is down; what has arrived goes on being handled."""
        if self._sink is not None:
            self._sink.degrade(reason)

    def back(self) -> None:
        """Report that the server is back."""
        if self._sink is not None:
            self._sink.degrade(None)
        if self._consumer is not None:
            self._consumer.hand_out()

    # Source -------------------------------------------------------------------------------------------------------

    async def pause(self, claim: Claim | None = None, /) -> None:
        """Ask for nothing more, for all subjects or once every one is paused."""
        self._paused.add(claim)
        if self._pausing:
            self._asked = 0

    @property
    def _pausing(self) -> bool:
        return None in self._paused or self._paused.issuperset(self._claims.all)

    async def resume(self, claim: Claim | None = None, /) -> None:
        """Undo a pause."""
        self._paused.discard(claim)
        self._wake.set()

    async def stop(self) -> None:
        """Take nothing more; claims still take settles."""
        if self._consumer is not None:
            self._consumer.part(self)
        if self._pulling is not None:
            self._pulling.cancel()
            await asyncio.wait([self._pulling])
        fresh, self._fresh = self._fresh, []
        if self._sink is not None and not self._options.settles:
            self._sink.feed(fresh)  # nobody would deliver it again
            return
        for message in fresh:
            self._acks.tell(message.raw.reply, RETURNED)

    async def flush(self) -> None:
        """Let every settle reach the consumer."""
        self._acks.flush()

    async def close(self) -> None:
        """Leave; what is unsettled comes again when it has waited long enough."""
        if self._sink is None:
            return
        await self.stop()
        self._sink = None
        if self._renewing is not None:
            self._renewing.close()
        self._server.clients.remove(self)
        self._claims.end()

    async def lag(self) -> int | None:
        """Messages that wait, but for those that come again later; None while the server is down."""
        if self._consumer is None or not self._server.online.is_set():
            return None
        return self._consumer.waiting + self._consumer.again + len(self._fresh)
