"""How many commands it takes to settle: as the server is sent them, not as the client means them."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import pytest

from faststream_oo.redis import RedisBroker
from faststream_oo.redis.client.commands import Answer, Command, Connection, Link
from faststream_oo.redis.client.scripts import SETTLE
from faststream_oo.redis.client.transport import ClientTransport
from faststream_oo.redis.transports.memory.connections import MemoryLink
from faststream_oo.redis.transports.redis_py.connecting import RedisPyLink
from tests.integration.kinds import KINDS
from tests.integration.redis.flavours import EmbeddedWorld
from tests.integration.redis.worlds import RedisWorld
from tests.integration.worlds import until

MESSAGES: Final = 400


class CountedLink:
    """A link whose connections count the commands that settle: `XACK`, and the script of lists."""

    def __init__(self, link: Link) -> None:
        self.settles = 0
        self._link = link

    async def connect(self) -> Connection:
        return CountedConnection(self, await self._link.connect())


class CountedConnection:
    """One of them."""

    def __init__(self, link: CountedLink, connection: Connection) -> None:
        self._link = link
        self._connection = connection

    async def send(self, commands: Sequence[Command], /) -> None:
        self._link.settles += sum(command[0] == "XACK" or SETTLE in command[1:2] for command in commands)
        await self._connection.send(commands)

    async def receive(self, count: int, into: list[Answer], /) -> None:
        await self._connection.receive(count, into)

    async def close(self) -> None:
        await self._connection.close()


def counted(world: RedisWorld) -> tuple[RedisBroker, CountedLink]:
    """Return a broker of the world, and what counts its settles."""
    make = MemoryLink if isinstance(world, EmbeddedWorld) else RedisPyLink
    link = CountedLink(make(world.settings))
    transport = ClientTransport(world.settings, link, lambda _: True)
    return RedisBroker(world.settings, transport=transport), link


@pytest.mark.parametrize("concurrency", [1, 16])
@pytest.mark.parametrize(
    "world", [name for name in KINDS if name.startswith(("redis-stream", "redis-list"))], indirect=True
)
async def test_messages_are_settled_many_at_a_time(
    world: RedisWorld, concurrency: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = await world.create("settled")
    handled: list[int] = []

    @world.consumes(address, concurrency=concurrency)
    async def number(self: Any, number: int) -> None:
        if concurrency > 1:
            await asyncio.sleep(0)
        handled.append(number)

    for each in range(MESSAGES):
        await world.put(address, b"%d" % each)
    with world.below():
        broker, link = counted(world)
        monkeypatch.setattr(world, "broker", lambda: broker)
        async with world.serving(number) as served:
            await until(lambda: len(handled) == MESSAGES and served.subscription.in_flight == 0)

    assert sorted(handled) == [*range(MESSAGES)]
    assert 0 < link.settles <= MESSAGES // 4
