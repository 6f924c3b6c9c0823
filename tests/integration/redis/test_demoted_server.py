"""A Redis that becomes a replica, as at a failover, is waited for: what reads and what writes goes on with a master."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.private import PrivateBroker
from tests.integration.redis.flavours import RealLists
from tests.integration.redis.worlds import RealWorld
from tests.integration.worlds import until


@pytest.mark.timeout(90)
@pytest.mark.parametrize("make", [RealWorld, RealLists])
async def test_a_server_that_is_no_master_for_a_while_is_waited_for(
    private_broker: Callable[[str], PrivateBroker], make: type[RealWorld], caplog: pytest.LogCaptureFixture
) -> None:
    handled: list[int] = []
    async with make(private_broker("redis").address) as world:
        address = await world.create("demoted")

        @world.consumes(address)
        async def number(self: Any, number: int) -> None:
            handled.append(number)

        try:
            async with world.serving(number) as served:
                await world.put(address, b"1")
                await until(lambda: handled == [1])
                await world.answered(lambda clients: b"flags=b " in clients, "CLIENT", "LIST")  # it waits for the next
                await world.call("REPLICAOF", "127.0.0.1", 1)
                publishing = asyncio.ensure_future(served.publish(address, 2))
                await until(lambda: served.subscription.state == "degraded")
                await world.call("REPLICAOF", "NO", "ONE")
                await publishing
                await until(lambda: handled == [1, 2] and served.subscription.state == "running")
        finally:
            await world.call("REPLICAOF", "NO", "ONE")

    assert not [line for line in caplog.messages if "was deleted" in line]
