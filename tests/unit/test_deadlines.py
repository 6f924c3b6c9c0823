"""Futures that are not done in time are ended, at their time, by one timer."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faststream_oo.deadlines import Deadlines
from faststream_oo.testing.virtual import VirtualClock

Ended = list[tuple[float, float]]


def made() -> tuple[VirtualClock, Deadlines, Ended]:
    """A clock, the deadlines on it, and what they ended: when, and after which time-out."""
    clock = VirtualClock()
    ended: Ended = []

    def expire(future: "asyncio.Future[None]", timeout: float) -> None:
        ended.append((clock.time(), timeout))
        future.set_result(None)

    return clock, Deadlines(clock, expire), ended


def run(clock: VirtualClock, until: float) -> None:
    while clock.run_next(until):
        pass


async def test_each_future_is_ended_at_its_own_time() -> None:
    clock, deadlines, ended = made()
    loop = asyncio.get_running_loop()

    for timeout in (3.0, 1.0, 2.0, 1.0):
        deadlines.add(loop.create_future(), timeout)
    run(clock, 10.0)

    assert ended == [(1.0, 1.0), (1.0, 1.0), (2.0, 2.0), (3.0, 3.0)]


async def test_what_is_done_is_left_alone() -> None:
    clock, deadlines, ended = made()
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    deadlines.add(done, 1.0)
    deadlines.add(asyncio.get_running_loop().create_future(), 2.0)

    done.set_result(None)
    run(clock, 10.0)

    assert ended == [(2.0, 2.0)]


async def test_nothing_is_ended_after_the_close() -> None:
    clock, deadlines, ended = made()
    deadlines.add(asyncio.get_running_loop().create_future(), 1.0)

    deadlines.close()
    run(clock, 10.0)

    assert ended == []


@pytest.mark.parametrize("count", [1, 1000])
async def test_many_futures_need_one_timer(count: int) -> None:
    clock, deadlines, ended = made()
    loop = asyncio.get_running_loop()

    for _ in range(count):
        deadlines.add(loop.create_future(), 1.0)

    assert clock.run_next(1.0)
    assert len(ended) == count
    assert not clock.run_next(100.0)


async def test_of_several_added_at_once_those_that_are_late_are_ended() -> None:
    clock, deadlines, ended = made()
    loop = asyncio.get_running_loop()
    futures: list[asyncio.Future[None]] = [loop.create_future() for _ in range(4)]
    deadlines.add_all(futures, 1.0)

    futures[0].set_result(None)
    futures[3].set_result(None)
    deadlines.add(loop.create_future(), 1.0)
    run(clock, 10.0)

    assert ended == [(1.0, 1.0)] * 3


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 20), st.booleans()), max_size=30))
def test_whatever_is_added_when_is_ended_when_it_is_due(steps: list[tuple[int, int, bool]]) -> None:
    """Steps are: wait so long, add a future with this time-out, and whether it is done in time."""

    async def scenario() -> None:
        clock, deadlines, ended = made()
        expected: Ended = []
        for wait, timeout, in_time in steps:
            run(clock, clock.time() + wait)
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            deadlines.add(future, float(timeout))
            if in_time:
                future.set_result(None)
            else:
                expected.append((clock.time() + timeout, float(timeout)))
        run(clock, 1000.0)
        assert sorted(ended) == sorted(expected)

    asyncio.run(scenario())
