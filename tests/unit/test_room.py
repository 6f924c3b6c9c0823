"""When a reader is asked for more: what waits for a retry keeps its part of the budget, and no more than that."""

import asyncio
from collections import deque

from faststream_oo import Retry
from faststream_oo.pipeline import ACKED, Ending
from tests.unit.subscribed import World, subscribed, turn

LATER = Ending(Retry(600.0), ValueError("not now"))


class Reading:
    """A source's reader of messages with these keys; those with the key `a` fail."""

    def __init__(self, world: World, keys: str) -> None:
        self.left = deque(keys)
        self._world = world
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        while self.left:
            room = await self._world.intake.ready()
            keys = [self.left.popleft() for _ in range(min(room, len(self.left)))]
            self._world.feed(self._world.seats[0], "".join(keys))
            await asyncio.sleep(0)

    async def go_on(self, failing: Ending = LATER, other: Ending = ACKED) -> None:
        """End attempts for a while."""
        for _ in range(100):
            await turn()
            assert self._world.intake.in_flight <= 8
            for message in [one for one, ending in self._world.running.items() if not ending.done()]:
                self._world.end(message, failing if message.key == b"a" else other)


async def test_others_are_read_while_more_than_half_of_the_budget_waits_for_a_retry() -> None:
    async with subscribed(concurrency=2, prefetch=8) as world:
        reading = Reading(world, "a" * 6 + "bc" * 20)
        await reading.go_on()

        assert (len(reading.left), world.intake.in_flight, world.intake.waiting) == (0, 6, 6)
        await world.finish()


async def test_nothing_is_read_while_all_of_the_budget_waits_for_a_retry() -> None:
    async with subscribed(concurrency=2, prefetch=8) as world:
        reading = Reading(world, "a" * 20 + "b" * 5)
        await reading.go_on()
        assert (len(reading.left), world.intake.in_flight, world.intake.waiting) == (17, 8, 8)

        await world.advance(600.0)
        await reading.go_on(failing=ACKED)
        assert (len(reading.left), world.intake.in_flight) == (0, 0)
        await world.finish()


async def test_others_are_read_once_what_was_published_is_confirmed() -> None:
    async with subscribed(concurrency=2, prefetch=8) as world:
        reading = Reading(world, "a" * 5 + "bcd" + "e" * 10)
        await reading.go_on(other=world.publishing())
        assert len(reading.left) == 10
        while world.confirms.open:
            world.confirm(well=True)
        await reading.go_on()

        assert (len(reading.left), world.intake.in_flight) == (0, 5)
        await world.finish()


async def test_others_are_read_once_claims_are_given_back_beside_what_waits_for_a_retry() -> None:
    async with subscribed(concurrency=2, prefetch=8) as world:
        kept, leaving = world.seats
        world.feed(kept, "a" * 5)
        world.feed(leaving, "aaa")
        await Reading(world, "").go_on()
        reading = Reading(world, "b" * 10)
        await reading.go_on()
        assert (len(reading.left), world.intake.waiting) == (10, 8)

        await world.intake.revoke([leaving], deadline=0.0, lost=True)
        await reading.go_on()
        assert (len(reading.left), world.intake.in_flight) == (0, 5)
        await world.finish()
