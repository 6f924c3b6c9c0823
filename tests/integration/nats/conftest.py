"""Buckets of a test's own."""

import uuid
from collections.abc import AsyncGenerator
from typing import cast

import pytest

from faststream_oo.nats import NatsBroker
from tests.integration.nats.buckets import delete_bucket, outside
from tests.integration.nats.worlds import NatsWorld
from tests.integration.worlds import World


@pytest.fixture
async def bucket(world: World) -> AsyncGenerator[str]:
    """A name for a bucket of either kind, which is deleted afterwards."""
    name = f"b-{uuid.uuid4().hex[:10]}"
    yield name
    await delete_bucket(cast(NatsWorld, world), name)


@pytest.fixture
async def broker(world: World) -> AsyncGenerator[NatsBroker]:
    """A broker that serves nobody."""
    async with outside(cast(NatsWorld, world)) as broker:
        yield broker
