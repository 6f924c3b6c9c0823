"""The intake of one subscription to a stream of an embedded server, by a durable consumer."""

import asyncio
import logging
from collections.abc import Coroutine, Iterable
from typing import Any, Final

from attrs import evolve

from faststream_oo.address import Address
from faststream_oo.errors import TransportError
from faststream_oo.message import Message
from faststream_oo.nats.address import JetStream, subjects_of
from faststream_oo.nats.client.renewing import Renewing
from faststream_oo.nats.leases import ACKED, RETURNED, Acks, StreamClaims
from faststream_oo.nats.message import ReceivedMessage
from faststream_oo.nats.options import NatsSourceOptions, Pull
from faststream_oo.nats.transports.memory.describing import declare_streams
from faststream_oo.nats.transports.memory.durables import ConsumerConfig, Delivery, MemoryConsumer
from faststream_oo.nats.transports.memory.pushing import deliver_from, delivered_of
from faststream_oo.nats.transports.memory.server import MemoryServer
from faststream_oo.options import Topology
from faststream_oo.transport import Capabilities, Claim, Sink
from faststream_oo.waiting import cancelled

_AGAIN: Final = 1.0
"""Seconds between two tries to make a consumer that is gone."""

_log = logging.getLogger("faststream_oo")


class MemoryStreamSource:
    """Takes from a durable consumer what its sink has room for; one that is deleted is made again.

    Args:
        server: Where the stream is.
        stream: Which.
        address: What is taken of it.
        options: Of the subscription.
        acks: What tells the consumer.
        topology: Whether the consumer may be made.
        foreign: Whether what others own is made too, before it is looked for.
    """

    def __init__(
        self,
        server: MemoryServer,
        stream: JetStream,
        address: Address,
        options: NatsSourceOptions,
        acks: Acks,
        topology: Topology,
        *,
        foreign: bool,
    ) -> None:
        self._server = server
        self._stream = stream.name
        self._address = address
        self._options = options
        self._name = options.group or ""
        self._acks = acks
        self._topology = topology
        self._foreign = foreign
        self._consumer: MemoryConsumer | None = None
        self._sink: Sink | None = None
        self._renewing = Renewing(self._held, server.clock)
        self._asked = 0
        self._fresh: list[ReceivedMessage] = []
        self._wake = asyncio.Event()
        self._paused = False
        self._tasks: list[asyncio.Task[None]] = []
        self._claims = self._new_claims()

    def _new_claims(self) -> StreamClaims:
        return StreamClaims(subjects_of(self._address), self._name, self._acks if self._options.settles else None)

    @property
    def capabilities(self) -> Capabilities:
        """Each message is settled by itself, where it is."""
        return Capabilities(settles=self._options.settles)

    @property
    def lost(self) -> int:
        """Return 0: the stream has it still."""
        return 0

    async def start(self, sink: Sink, /) -> None:
        """Find or make the consumer and begin to take. Raises TransportError."""
        self._server.check_online()
        consumer = self._attached(make=self._foreign or self._topology == "create")
        self._sink = sink
        self._server.clients.append(self)
        await self._take_from(consumer, sink)
        self._run(self._pull(sink), "pulling")

    def _attached(self, *, make: bool) -> MemoryConsumer:
        """Return the consumer, found or made. Raises TransportError."""
        jetstream, ours = self._server.jetstream, self._config()
        what = f'consumer "{self._name}" of stream "{self._stream}"'
        there = jetstream.find_consumer(self._stream, self._name)
        if there is None:
            if not make:
                raise TransportError(f"{what} does not exist")
            return jetstream.add_consumer(self._stream, ours)
        if (refusal := there.config.refusal(ours)) is not None:
            raise TransportError(f"{what} cannot be read: {refusal}; change or delete it, or choose another group")
        for difference in there.config.differences(ours):
            _log.warning("%s stays as it is: %s", what, difference, extra={"fields": {"consumer": self._name}})
        return there

    def _config(self) -> ConsumerConfig:
        via = self._options.via
        config = ConsumerConfig(
            self._name,
            filters=[subject.pattern for subject in subjects_of(self._address)],
            deliver=deliver_from(self._options.start),
            ack_wait=via.ack_wait,
            max_ack_pending=via.max_ack_pending,
        )
        if isinstance(via, Pull):
            return evolve(config, inactive_threshold=via.inactive_threshold)
        return evolve(config, headers_only=via.headers_only, push=True, deliver_group=self._name)

    async def _take_from(self, consumer: MemoryConsumer, sink: Sink) -> None:
        await sink.assign(self._claims.all)
        self._renewing.ack_wait = consumer.config.ack_wait
        self._consumer = consumer
        consumer.join(self)
        self._wake.set()

    async def _recover(self, sink: Sink) -> None:
        """Find or make the consumer again, and its stream. Raises TransportError where that is not ours to do."""
        what = f'consumer "{self._name}" of stream "{self._stream}" is gone: it was deleted'
        _log.warning("%s", what, extra={"fields": {"consumer": self._name, "stream": self._stream}})
        await sink.revoke(self._claims.all, deadline=0.0, lost=True)
        if self._topology != "create":
            raise TransportError(what)
        self._claims = self._new_claims()
        while True:
            try:
                declare_streams(self._server, [self._address], self._topology, foreign=self._foreign)
                consumer = self._attached(make=True)
                break
            except TransportError as error:
                sink.degrade(str(error))
                await self._server.clock.sleep(_AGAIN)
        sink.degrade(None)
        await self._take_from(consumer, sink)

    def _held(self) -> Iterable[Message]:
        if self._sink is None or not self._options.settles or not self._server.online.is_set():
            return ()
        return self._sink.holding()

    def _run(self, call: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(call, name=f"{self._name} {name}")
        task.add_done_callback(self._ended)
        self._tasks.append(task)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.remove(task)
        if not task.cancelled() and self._sink is not None and (error := task.exception()) is not None:
            self._sink.fail(error)

    async def _pull(self, sink: Sink) -> None:
        while True:
            room = await sink.ready()
            if self._consumer is not None and not self._paused:
                self._asked = room
                self._consumer.hand_out()
            if not self._fresh:
                self._wake.clear()
                await self._wake.wait()
            self._asked = 0
            fresh, self._fresh = self._fresh, []
            if fresh:
                self._renewing.arm()
                sink.feed(fresh)
                await asyncio.sleep(0)  # the sink may have room again at once: others get their turn

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
        self._leave()
        if self._sink is not None:
            self._run(self._recover(self._sink), "recovering")

    def _leave(self) -> None:
        self._claims.end()
        self._consumer = None
        self._renewing.close()

    def away(self, reason: str, /) -> None:
        """Report that the server is down; what has arrived goes on being handled."""
        if self._sink is not None:
            self._sink.degrade(reason)

    def back(self) -> None:
        """Report that the server is back."""
        if self._sink is not None:
            self._sink.degrade(None)
        self._renewing.renew()
        if self._consumer is not None:
            self._consumer.hand_out()

    # Source -------------------------------------------------------------------------------------------------------

    async def pause(self, claim: Claim | None = None, /) -> None:
        """Ask for nothing more; one claim alone is not paused: a consumer has no parts."""
        if claim is None:
            self._paused = True
            self._asked = 0

    async def resume(self, claim: Claim | None = None, /) -> None:
        """Ask again."""
        if claim is None:
            self._paused = False
            self._wake.set()

    async def stop(self) -> None:
        """Take nothing more; claims still take settles."""
        if self._consumer is not None:
            self._consumer.part(self)
        await cancelled(self._tasks)
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
        self._server.clients.remove(self)
        self._leave()

    async def lag(self) -> int | None:
        """Messages that wait, but for those that come again later; None while the server is down."""
        if self._consumer is None or not self._server.online.is_set():
            return None
        return self._consumer.waiting + self._consumer.again + len(self._fresh)
