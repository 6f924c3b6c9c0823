"""Lanes and settling under random interleavings: order per key, at most N at once, one ending a message."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from attrs import define, field
from hypothesis import given, settings
from hypothesis import strategies as st

from faststream_oo import DeadLetter, Drop, Retry, RetryPolicy
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

KEYS = "abc"
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

    async def start(self, sink: Sink, /) -> None: ...
    async def pause(self, claim: Claim | None = None, /) -> None: ...
    async def resume(self, claim: Claim | None = None, /) -> None: ...
    async def stop(self) -> None: ...
    async def flush(self) -> None: ...
    async def close(self) -> None: ...
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

    def __init__(self, broker: KafkaBroker, clock: VirtualClock, *, concurrency: int, cumulative: bool) -> None:
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
            prefetch=1_000,
            key_of=lambda message: message.key,
            retry=RetryPolicy(delay=1.0),
            confirm=False,
            manual=False,
            drain_timeout=60.0,
        )
        letters = DeadLetterWriter(broker, "Orders.placed", "shop", None)
        source = Queue(Capabilities(cumulative=cumulative))
        self.intake = Intake(terms, broker, source, letters, None, self.crashes.append)

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


async def turn() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def step(world: World, draw: Callable[[st.SearchStrategy[Any]], Any]) -> Any:
    """Do one of the things that may happen now; return what is to be awaited."""
    ready = [message for message, ending in world.running.items() if not ending.done()]
    kinds = ["feed", "advance", "pause", "resume", "revoke", *["end"] * 4 * bool(ready)]
    kinds += ["confirm"] * 2 * bool(world.confirms.open)
    match draw(st.sampled_from(kinds)):
        case "feed":
            world.feed(draw(st.sampled_from(world.seats)), draw(st.text(KEYS, min_size=1, max_size=5)))
        case "advance":
            return world.advance(draw(st.sampled_from([0.5, 1.0, 10.0])))
        case "pause":
            return world.intake.pause()
        case "resume":
            return world.intake.resume()
        case "revoke":
            deadline = draw(st.sampled_from([0.0, 60.0]))
            world.revoke(draw(st.sampled_from(world.seats)), deadline=deadline, lost=draw(st.booleans()))
        case "confirm":
            world.confirm(well=draw(st.booleans()))
        case _:
            endings: Mapping[str, Ending] = {
                "ack": ACKED,
                "publish": world.publishing(),
                "retry": Ending(Retry(draw(st.sampled_from([0.0, 1.0, 5.0]))), ValueError("once more")),
                "wait": Ending(Retry(2.0, pause=True)),
                "drop": Ending(Drop("unwanted")),
                "letter": Ending(DeadLetter("exhausted"), ValueError("no more")),
            }
            world.end(draw(st.sampled_from(ready)), endings[draw(st.sampled_from(sorted(endings)))])
    return turn()


@settings(max_examples=40)
@given(concurrency=st.integers(1, 4), cumulative=st.booleans(), steps=st.integers(1, 40), data=st.data())
def test_each_message_ends_once_in_the_order_of_its_key_and_at_most_n_run(
    concurrency: int, cumulative: bool, steps: int, data: st.DataObject
) -> None:
    async def run() -> None:
        clock = VirtualClock()
        with embedded(Embedding(clock)):
            async with KafkaBroker(KafkaSettings(driver="memory")) as broker:
                world = World(broker, clock, concurrency=concurrency, cumulative=cumulative)
                await world.intake.start(world.attempt, clock)
                try:
                    for _ in range(steps):
                        await step(world, data.draw)
                        await turn()
                    await world.finish()
                finally:
                    await world.intake.give_up()
                check(world)

    asyncio.run(run())


def check(world: World) -> None:
    assert world.crashes == []
    assert world.intake.in_flight == 0
    heard = world.heard
    assert set(heard.values()) <= {1}
    # What a claim lost in the middle of its publishes or its dead letter is let go; it comes again from the broker.
    unheard = [message for message in world.fed if message not in heard]
    assert all(not message.claim.live for message in unheard)
    for seat in world.seats:
        assert all(type(outcome) is not Retry for _, outcome in seat.heard)


async def test_what_the_broker_keeps_refusing_is_told_once_a_minute_and_given_back_at_the_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = VirtualClock()
    with embedded(Embedding(clock)):
        async with KafkaBroker(KafkaSettings(driver="memory")) as broker:
            world = World(broker, clock, concurrency=3, cumulative=True)
            await world.intake.start(world.attempt, clock)
            world.feed(world.seats[0], "abc")
            await turn()
            world.end(world.fed[0], world.publishing())
            while clock.time() < 120:
                await turn()
                if world.confirms.open:
                    world.confirm(well=False)
                await turn()
                await world.advance(1.0)
            assert not await world.intake.revoke([world.seats[0]], deadline=0.0)
            await world.intake.give_up()
    assert [one.message for one in caplog.records if one.levelno >= logging.WARNING] == [
        *["Orders.placed cannot publish, trying on: no leader"] * 2,
        "Orders.placed gives back after 0 s: 2 messages in their handlers, 1 whose publishes the broker did not take",
    ]
