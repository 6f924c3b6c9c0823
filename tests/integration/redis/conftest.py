"""A Redis by its commands: the real one, then the embedded one."""

from collections.abc import AsyncGenerator

import pytest

from faststream_oo.redis.options import RedisSettings
from faststream_oo.redis.transports.memory.connections import MemoryLink
from faststream_oo.redis.transports.redis_py.connecting import RedisPyLink
from tests.integration.kinds import REDIS
from tests.integration.redis.wires import EmbeddedWires, RealWires, Wire, Wires


@pytest.fixture(params=["redis-memory", "redis"])
async def wires(request: pytest.FixtureRequest) -> AsyncGenerator[Wires]:
    """As many connections as a test wants."""
    if request.param == "redis":
        made: Wires = RealWires(RedisPyLink(RedisSettings(url=REDIS.address)))
    else:
        made = EmbeddedWires(MemoryLink(RedisSettings()))
    yield made
    await made.close()


@pytest.fixture
async def call(wires: Wires) -> Wire:
    """One connection."""
    return await wires.connect()
