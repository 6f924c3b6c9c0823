"""A NATS that is killed under consumers that it pushes to; those that pull are held by the suite over all brokers."""

import asyncio

import pytest

from faststream_oo.nats import Push
from tests.integration.kinds import Mortal
from tests.integration.nats.test_streams import collecting
from tests.integration.nats.worlds import StreamWorld
from tests.integration.worlds import until

pytestmark = [
    pytest.mark.parametrize("mortal", ["nats-stream-memory", "nats-stream"], indirect=True),
    pytest.mark.timeout(120),
]


@pytest.mark.parametrize("via", [Push(ack_wait=1.0, heartbeat=0.5), Push(ordered=True, heartbeat=0.5)])
async def test_nothing_is_missed_when_the_server_is_killed(mortal: Mortal, via: Push) -> None:
    world = mortal.world()
    assert isinstance(world, StreamWorld)
    address = await world.made("pushed")
    seen: list[int] = []
    serving = world.serving_alone if via.ordered else world.serving

    async with serving(collecting(address, seen), via=via) as served:
        publish = world.publisher(served.broker, address)
        await asyncio.gather(*(publish(number) for number in range(200)))
        await until(lambda: len(seen) > 50)
        await mortal.kill()
        await mortal.restart()
        await asyncio.gather(*(publish(number) for number in range(200, 300)))
        await until(lambda: set(seen) == set(range(300)), 60)

    if via.ordered:
        assert seen == list(range(300))
