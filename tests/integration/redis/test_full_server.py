"""A Redis that has no memory left is emptied by the workers of its lists."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.private import PrivateBroker
from tests.integration.redis.flavours import RealLists
from tests.integration.worlds import until


@pytest.mark.timeout(90)
async def test_what_waits_in_a_list_is_handled_without_memory_and_the_rest_when_there_is_some_again(
    private_broker: Callable[[str], PrivateBroker],
) -> None:
    handled: list[int] = []
    async with RealLists(private_broker("redis").address) as world:
        address = await world.create("full")

        @world.consumes(address)
        async def number(self: Any, number: int) -> None:
            handled.append(number)

        try:
            async with world.serving(number, claim_after=2.0) as served:
                await served.subscription.pause()
                for number_ in range(300):
                    await world.put(address, b"%d" % number_)
                await world.call("CONFIG", "SET", "maxmemory", "1")
                await served.subscription.resume()
                await until(lambda: len(handled) == 300)
                await until(lambda: served.subscription.in_flight == 0)
                assert await world.read(address) == []
                await world.call("CONFIG", "SET", "maxmemory", "0")
                await world.put(address, b"300")
                await until(lambda: len(handled) == 301)
        finally:
            await world.call("CONFIG", "SET", "maxmemory", "0")

    assert handled == list(range(301))
