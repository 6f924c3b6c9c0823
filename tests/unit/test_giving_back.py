"""What is given back when claims end: at once, or no sooner than its retry was due."""

import pytest
from attrs import define, field

from faststream_oo import Retry
from faststream_oo.lanes import ACK, Lanes
from faststream_oo.message import Message
from faststream_oo.outcome import Outcome
from faststream_oo.pipeline import ACKED, Ending
from faststream_oo.transport import Claim
from tests.unit.kafka.clock import ManualClock, turns
from tests.unit.subscribed import subscribed, turn

DELAYS = {b"a1": 5.0, b"b1": 8.0}


@define(eq=False)
class Seat:
    """A claim that keeps what it hears."""

    live: bool = True
    address: str = "orders"
    heard: list[tuple[bytes, Outcome]] = field(factory=list[tuple[bytes, Outcome]])
    position: int = 0

    def settle(self, message: Message, outcome: Outcome, /) -> None:
        self.heard.append((message.body, outcome))

    def messages(self, *bodies: bytes) -> list[Message]:
        made = [Message(body=body) for body in bodies]
        for message in made:
            self.position += 1
            message.claim, message.position = self, self.position
        return made


class Parking:
    """An owner that lets what failed wait for as long as its outcome says."""

    lanes: Lanes

    def acked(self, message: Message, seconds: float, /) -> None: ...
    def freed(self) -> None: ...
    def idle(self) -> None: ...
    def blocked(self, claim: Claim, waiting: int, /) -> None: ...
    def unblocked(self, claim: Claim, waiting: int, /) -> None: ...
    def died(self, error: BaseException, /) -> None: ...
    def ended(self, message: Message, ending: Ending, seconds: float, /) -> None:
        assert isinstance(ending.outcome, Retry)
        self.lanes.park(message, ending.outcome.after or 0.0, counted=True)


async def failing(message: Message) -> Ending:
    delay = DELAYS.get(message.body)
    return ACKED if delay is None else Ending(Retry(delay), ValueError("not now"))


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def lanes(clock: ManualClock) -> Lanes:
    """Four slots, a lane for each first letter of a body."""
    owner = Parking()
    owner.lanes = Lanes(failing, 4, lambda message: message.body[:1], owner, clock)
    return owner.lanes


async def test_what_waits_for_a_retry_is_not_to_come_again_before_it_was_due(lanes: Lanes, clock: ManualClock) -> None:
    seat, other = Seat(), Seat()
    lanes.start("orders")
    lanes.feed([*seat.messages(b"a1", b"b1", b"c1"), *other.messages(b"a2")])
    await turns()
    await clock.advance(2.0)
    lanes.withdraw({seat}, started=False, all_of_it=True)
    await clock.advance(10.0)
    await lanes.stop()

    assert seat.heard == [(b"c1", ACK), (b"a1", Retry(3.0)), (b"b1", Retry(6.0))]
    assert other.heard == [(b"a2", ACK)]
    assert lanes.held == 0


async def test_what_is_behind_it_in_its_lane_waits_as_long_and_the_rest_comes_at_once(
    lanes: Lanes, clock: ManualClock
) -> None:
    seat = Seat()
    lanes.start("orders")
    lanes.feed(seat.messages(b"a1", b"a2", b"a3"))
    await turns()
    await clock.advance(1.0)
    lanes.feed(seat.messages(b"a4", b"d1"))
    lanes.withdraw({seat}, started=False, all_of_it=True)  # before a slot has seen the last two
    await lanes.stop()

    later = [(body, Retry(4.0)) for body in (b"a1", b"a2", b"a3", b"a4")]
    assert sorted(seat.heard, key=lambda one: one[0]) == [*later, (b"d1", Retry(0))]


async def test_what_is_behind_it_is_handled_where_nobody_would_deliver_it_again(
    lanes: Lanes, clock: ManualClock
) -> None:
    seat = Seat()
    lanes.start("orders")
    lanes.feed(seat.messages(b"b1", b"b2"))
    await turns()
    await clock.advance(2.0)
    lanes.withdraw({seat}, started=False, all_of_it=False)
    await turns()
    await lanes.stop()

    assert seat.heard == [(b"b1", Retry(6.0)), (b"b2", ACK)]


async def test_it_is_the_same_where_messages_are_settled_by_hand() -> None:
    async with subscribed(concurrency=1, manual=True) as world:
        seat = world.seats[0]
        world.feed(seat, "a")
        await turn()
        world.end(world.fed[0], Ending(Retry(5.0)))
        await turn()
        await world.advance(2.0)
        await world.intake.give_up()

        assert seat.heard == [(world.fed[0], Retry(3.0))]


async def test_what_waits_for_a_confirm_when_a_stop_is_cut_short_is_given_back() -> None:
    async with subscribed(concurrency=1) as world:
        seat = world.seats[0]
        world.feed(seat, "a")
        await turn()
        world.end(world.fed[0], world.publishing())
        await turn()
        assert world.confirms.open
        await world.intake.give_up()

        assert seat.heard == [(world.fed[0], Retry(0))]


async def test_a_subscription_that_failed_has_failed_when_its_stop_is_cut_short() -> None:
    async with subscribed(concurrency=1) as world:
        world.intake.fail(ValueError("no place to read from"))
        await world.intake.give_up()

        assert world.intake.state == "failed"


async def test_one_that_has_left_is_left_alone_when_the_stop_of_others_is_cut_short() -> None:
    async with subscribed(concurrency=1) as world:
        await world.intake.stop()
        left = world.source.calls.copy()
        await world.intake.give_up()

        assert (world.source.calls, world.intake.state) == (left, "stopped")
