"""The clock of a harness moves only when it is told to."""

import asyncio

import pytest

from faststream_oo.testing.virtual import VirtualClock


def run(clock: VirtualClock, seconds: float) -> None:
    until = clock.time() + seconds
    while clock.run_next(until):
        pass


def test_calls_are_made_in_the_order_of_their_times() -> None:
    clock, made = VirtualClock(), list[tuple[str, float]]()
    clock.call_later(2.0, lambda: made.append(("later", clock.time())))
    clock.call_later(1.0, lambda: made.append(("first", clock.time())))
    clock.call_later(1.0, lambda: made.append(("second", clock.time())))
    run(clock, 3.0)
    assert made == [("first", 1.0), ("second", 1.0), ("later", 2.0)]
    assert clock.time() == 3.0


def test_a_call_that_is_not_due_waits() -> None:
    clock, made = VirtualClock(), list[str]()
    clock.call_later(2.0, lambda: made.append("late"))
    run(clock, 1.9)
    assert made == []
    run(clock, 0.2)
    assert made == ["late"]


def test_a_cancelled_call_is_never_made() -> None:
    clock, made = VirtualClock(), list[str]()
    timer = clock.call_later(1.0, lambda: made.append("made"))
    timer.cancel()
    timer.cancel()
    run(clock, 2.0)
    assert made == []


def test_a_call_made_by_a_call_is_due_from_then_on() -> None:
    clock, made = VirtualClock(), list[float]()
    clock.call_later(1.0, lambda: clock.call_later(1.0, lambda: made.append(clock.time())))
    run(clock, 5.0)
    assert made == [2.0]


async def test_sleep_ends_when_the_clock_was_moved() -> None:
    clock = VirtualClock()
    sleeper = asyncio.create_task(clock.sleep(3600.0))
    await asyncio.sleep(0)
    run(clock, 3599.0)
    assert not sleeper.done()
    run(clock, 1.0)
    await sleeper


async def test_a_cancelled_sleep_leaves_no_call() -> None:
    clock = VirtualClock()
    sleeper = asyncio.create_task(clock.sleep(1.0))
    await asyncio.sleep(0)
    sleeper.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sleeper
    assert not clock.run_next(2.0)


def test_another_call_of_the_same_moment_is_due() -> None:
    clock = VirtualClock()
    cancelled = [clock.call_later(1.0, list[int]) for _ in range(3)][1]
    assert not clock.is_due()
    assert clock.run_next(2.0)
    cancelled.cancel()
    assert clock.is_due()
    assert clock.run_next(2.0)
    assert not clock.is_due()
    assert not clock.run_next(2.0)
