"""Brokers that tests may kill."""

import asyncio
from collections.abc import Callable

from tests.integration.private import PrivateBroker


async def listens(broker: PrivateBroker) -> bool:
    host, _, port = broker.address.rpartition("//")[2].partition("/")[0].rpartition("@")[2].rpartition(":")
    try:
        _, writer = await asyncio.open_connection(host, int(port))
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


async def test_a_killed_broker_is_away_until_it_is_started_again(
    private_broker: Callable[[str], PrivateBroker],
) -> None:
    broker = private_broker("nats")  # which starts in no time; the others have tests that need theirs
    address = broker.address
    await broker.kill()
    assert not await listens(broker)
    await broker.restart()

    assert broker.address == address
    assert await listens(broker)
