"""Lanes and settling under random interleavings: order per key, at most N at once, one ending a message."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from itertools import cycle
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faststream_oo import DeadLetter, Drop, Retry
from faststream_oo.errors import PublishError
from faststream_oo.pipeline import ACKED, Ending
from tests.unit.subscribed import World, subscribed, turn

KEYS = "abc"


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
        async with subscribed(concurrency=concurrency, cumulative=cumulative) as world:
            for _ in range(steps):
                await step(world, data.draw)
                await turn()
            await world.finish()
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
    async with subscribed(concurrency=3, cumulative=True) as world:
        world.feed(world.seats[0], "abc")
        await turn()
        world.end(world.fed[0], world.publishing())
        while world.clock.time() < 120:
            await turn()
            if world.confirms.open:
                world.confirm(well=False)
            await turn()
            await world.advance(1.0)
        assert not await world.intake.revoke([world.seats[0]], deadline=0.0)
    assert [one.message for one in caplog.records if one.levelno >= logging.WARNING] == [
        *["Orders.placed cannot publish, trying on: no leader"] * 2,
        "Orders.placed gives back after 0 s: 2 messages in their handlers, 1 whose publishes the broker did not take",
    ]


async def test_what_is_refused_for_two_causes_in_turn_is_told_once_a_minute_for_each(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with subscribed(concurrency=2) as world:
        refusals = cycle(["no leader", "too large"])
        world.feed(world.seats[0], "a")
        await turn()
        world.end(world.fed[0], world.publishing())
        while world.clock.time() < 100:
            await turn()
            if world.confirms.open:
                world.confirms.open.pop(0).set_exception(PublishError(next(refusals)))
            await turn()
            await world.advance(1.0)
    told = Counter(one.message for one in caplog.records if one.levelno == logging.ERROR)
    assert told == {
        "Orders.placed cannot publish, trying on: no leader": 2,
        "Orders.placed cannot publish, trying on: too large": 2,
    }
