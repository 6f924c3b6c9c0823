"""What a stream's messages come to that are given up: first a letter, then an end that the server knows the reason of."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from faststream_oo import Ack, DeadLetter, Drop, Outcome
from faststream_oo.nats import JetStream, Pull, Push, Subject, consumes
from faststream_oo.nats.message import Received
from tests.integration.kinds import of
from tests.integration.nats.worlds import StreamWorld, stored
from tests.integration.worlds import until

pytestmark = of("nats-stream")

WAYS = [Pull(), Push()]


async def terminations(world: StreamWorld, stream: str) -> list[Received]:
    """Return the list that everything is put into which the server says from now on of what the group ended for good."""
    return await world.listen(f"$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.{stream}.{world.group}")


def said(advisories: Sequence[Received]) -> list[Mapping[str, Any]]:
    """Return what advisories say in the order of their messages, without what differs each time."""
    passing = {"id", "timestamp"}
    found = [{name: it for name, it in json.loads(one.data).items() if name not in passing} for one in advisories]
    return sorted(found, key=lambda one: one["stream_seq"])


@pytest.mark.parametrize("via", WAYS)
async def test_what_is_given_up_is_terminated_for_its_reason_and_what_is_done_is_not(
    world: StreamWorld, via: Pull | Push
) -> None:
    address = await world.create("ended")
    ended = await terminations(world, address)
    outcomes: Sequence[Outcome] = [Ack(), DeadLetter("not wanted: ü"), Ack(), Drop("of no use")]
    calls: list[int] = []

    @consumes(stored(address))
    async def number(self: Any, number: int) -> Outcome:
        calls.append(number)
        return outcomes[number]

    async with world.serving(number, via=via, concurrency=1) as served:
        for one in range(len(outcomes)):
            await served.publish(address, one)
        await until(lambda: len(ended) >= 2)

    assert (calls, await world.unsettled(address)) == ([0, 1, 2, 3], 0)
    same = {"type": "io.nats.jetstream.advisory.v1.terminated", "stream": address, "consumer": world.group}
    assert said(ended) == [
        {**same, "consumer_seq": 2, "stream_seq": 2, "deliveries": 1, "reason": "not wanted: ü"},
        {**same, "consumer_seq": 4, "stream_seq": 4, "deliveries": 1, "reason": "of no use"},
    ]
    (letter,) = await world.read(world.letters(address))
    assert (letter.body, letter.texts["fsoo-dl-reason"]) == (b"1", "not wanted: ü")


@pytest.mark.parametrize("via", WAYS)
async def test_nothing_is_terminated_before_its_letter_is_stored(world: StreamWorld, via: Pull | Push) -> None:
    address, lost = await world.create("first"), world.name("lost")
    letters = Subject(lost, stream=JetStream(lost, subjects=[lost], max_messages=1, discard="new"))
    ended = await terminations(world, address)

    @consumes(stored(address))
    async def number(self: Any, number: int) -> DeadLetter:
        return DeadLetter("not wanted")

    async with world.serving(number, via=via, dead_letter=letters) as served:
        await served.broker.publish(letters, "full")
        await served.publish(address, 1)
        await until(lambda: served.subscription.state == "paused")  # until there is room for the letter
        await served.broker.ping()
        assert (await world.unsettled(address), ended) == (1, [])
        await world.purge(lost)
        await until(lambda: ended)

    assert [one["reason"] for one in said(ended)] == ["not wanted"]
    assert [one.body for one in await world.read(lost)] == [b"1"]
    assert await world.unsettled(address) == 0
