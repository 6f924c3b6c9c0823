"""One subscription whose handlers, confirms, claims and clock are in a test's hands."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from attrs import define, field

from faststream_oo import Retry, RetryPolicy
from faststream_oo.current import Embedding, embedded
from faststream_oo.deadletters import DeadLetterWriter
from faststream_oo.errors import PublishError
from faststream_oo.intake import Intake
from faststream_oo.kafka import KafkaBroker, KafkaSettings
from faststream_oo.kafka.message import ReceivedRecord
from faststream_oo.kafka.transports.memory.topics import PartitionLog
from faststream_oo.lanes import ACK
from faststream_oo.message import Message
from faststream_oo.outbox import Held
from faststream_oo.outcome import Outcome
from faststream_oo.pipeline import ACKED, Ending
from faststream_oo.settlement import IntakeTerms
from faststream_oo.testing.virtual import VirtualClock
from faststream_oo.transport import Capabilities, Claim, Frame, Sink

CLAIMS = 2


@define(eq=False)
class Seat:
    """A claim that keeps what it hears."""

    live: bool = True
    address: str = "orders"
    path: Mapping[str, str] = field(factory=dict[str, str])
    heard: list[tuple[Message, Outcome]] = field(factory=list[tuple[Message, Outcome]])

    def settle(self, message: Message, outcome: Outcome, /) -> None:
        self.heard.append((message, outcome))


@define(eq=False)
class Queue:
    """A source that feeds what a test says."""

    capabilities: Capabilities
    calls: list[str] = field(factory=list[str])
    """How it was told to leave."""

    async def start(self, sink: Sink, /) -> None: ...
    async def pause(self, claim: Claim | None = None, /) -> None: ...
    async def resume(self, claim: Claim | None = None, /) -> None: ...

    async def stop(self) -> None:
        self.calls.append("stop")

    async def flush(self) -> None:
        self.calls.append("flush")

    async def close(self) -> None:
        self.calls.append("close")

    async def lag(self) -> int | None:
        return None


@define(eq=False)
class Confirms:
    """A sender whose confirms a test gives."""

    open: list[asyncio.Future[None]] = field(factory=list[asyncio.Future[None]])

    def send(self, frame: Frame, /) -> asyncio.Future[None]:
        confirm = asyncio.get_running_loop().create_future()
        self.open.append(confirm)
        return confirm


class World:
    """One subscription whose handlers, confirms, claims and clock are in the test's hands."""

    def __init__(
        self,
        broker: KafkaBroker,
        clock: VirtualClock,
        *,
        concurrency: int,
        cumulative: bool = False,
        prefetch: int = 1_000,
        manual: bool = False,
    ) -> None:
        self.log = PartitionLog("orders", 0)
        self.concurrency = concurrency
        self.clock = clock
        self.broker = broker
        self.running: dict[Message, asyncio.Future[Ending]] = {}
        self.fed: list[Message] = []
        self.ended: set[Message] = set()
        self.crashes: list[BaseException] = []
        self.seats = [Seat() for _ in range(CLAIMS)]
        self.gone: list[Seat] = []
        self.revoking: list[asyncio.Task[None]] = []
        self.confirms = Confirms()
        terms = IntakeTerms(
            name="Orders.placed",
            address="orders",
            group="shop",
            concurrency=concurrency,
            prefetch=prefetch,
            key_of=lambda message: message.key,
            retry=RetryPolicy(delay=1.0),
            confirm=False,
            manual=manual,
            drain_timeout=60.0,
        )
        letters = DeadLetterWriter(broker, "Orders.placed", "shop", None)
        self.source = Queue(Capabilities(cumulative=cumulative))
        self.intake = Intake(terms, broker, self.source, letters, None, self.crashes.append)

    async def attempt(self, message: Message) -> Ending:
        earlier = [one for one in self.fed[: self.fed.index(message)] if one.key == message.key]
        assert all(one in self.ended or one in self.heard or not one.claim.live for one in earlier)
        assert len(self.running) < self.concurrency
        ending: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        self.running[message] = ending
        try:
            return await ending
        finally:
            del self.running[message]

    def feed(self, seat: Seat, keys: str) -> None:
        records = [self.log.append(0, 0, (b"{}", key.encode(), ())) for key in keys]
        messages = ReceivedRecord.of(records, seat)
        self.fed += messages
        self.intake.feed(messages)

    def end(self, message: Message, ending: Ending) -> None:
        if not isinstance(ending.outcome, Retry):
            self.ended.add(message)
        self.running[message].set_result(ending)

    def publishing(self) -> Ending:
        return Ending(ACK, outbox=[Held(self.confirms, Frame(b"{}"), 1e9, self.broker.confirmations)])

    def confirm(self, *, well: bool) -> None:
        confirm = self.confirms.open.pop(0)
        if well:
            confirm.set_result(None)
        else:
            confirm.set_exception(PublishError("no leader"))

    def revoke(self, seat: Seat, *, deadline: float, lost: bool) -> None:
        self.seats[self.seats.index(seat)] = Seat()
        self.gone.append(seat)
        seat.live = not lost

        async def revoked() -> None:
            await self.intake.revoke([seat], deadline=deadline, lost=lost)
            seat.live = False

        self.revoking.append(asyncio.create_task(revoked()))

    @property
    def heard(self) -> Counter[Message]:
        """How often each message was settled or given back."""
        return Counter(message for seat in (*self.seats, *self.gone) for message, _ in seat.heard)

    async def advance(self, seconds: float) -> None:
        until = self.clock.time() + seconds
        while self.clock.run_next(until):
            await turn()

    async def finish(self) -> None:
        """End everything well, as far as it is still held."""
        await self.intake.resume()
        for _ in range(200):
            if not self.intake.in_flight and all(one.done() for one in self.revoking):
                break
            for message in [one for one, ending in self.running.items() if not ending.done()]:
                self.end(message, ACKED)
            while self.confirms.open:
                self.confirm(well=True)
            await turn()
            await self.advance(20.0)
        assert self.intake.in_flight == 0
        await self.intake.stop()


@asynccontextmanager
async def subscribed(**options: Any) -> AsyncGenerator[World]:
    """Make one with options of `World`, and start it."""
    clock = VirtualClock()
    with embedded(Embedding(clock)):
        async with KafkaBroker(KafkaSettings(driver="memory")) as broker:
            world = World(broker, clock, **options)
            await world.intake.start(world.attempt, clock)
            try:
                yield world
            finally:
                await world.intake.give_up()


async def turn() -> None:
    for _ in range(10):
        await asyncio.sleep(0)
