"""Queues of a test's own, a broker to publish to them, and what lies in them."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from faststream_oo.rabbit import Binding, Exchange, Queue, RabbitBroker
from faststream_oo.transport import Frame
from tests.integration.rabbit.worlds import RabbitWorld


@asynccontextmanager
async def opened(world: RabbitWorld) -> AsyncGenerator[RabbitBroker]:
    """A broker without an application."""
    with world.below():
        async with world.broker() as broker:
            yield broker


async def past_declaring(broker: RabbitBroker, address: Queue | Exchange) -> None:
    """Send to an address that the broker does not declare."""
    confirmed = broker.transport.sender(address).send(Frame(b"1", {"fsoo-id": "id"}))
    assert confirmed is not None
    await confirmed


async def bodies(world: RabbitWorld, queue: Queue) -> list[str]:
    return [one.body.decode() for one in await world.messages(queue.name)]


def classic(world: RabbitWorld, name: str, *bind: Binding, **facts: Any) -> Queue:
    return Queue(world.name(name), type="classic", bind=bind, **facts)


async def lag(broker: RabbitBroker, queue: Queue) -> int | None:
    """Return how many messages wait in a queue."""
    return await broker.transport.source(queue, {}).lag()


async def until_async(holds: Callable[[], Awaitable[bool]]) -> None:
    """Return when something holds at the server; fail after a deadline."""
    deadline = time.monotonic() + 30
    while not await holds():
        assert time.monotonic() < deadline, "did not happen in time"
        await asyncio.sleep(0.02)
