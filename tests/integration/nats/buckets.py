"""What the tests of buckets and object stores have in common."""

import types
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
from attrs import evolve

from faststream_oo import Application
from faststream_oo.nats import NatsBroker, NatsConsumer
from faststream_oo.nats.transport import NatsTransport
from tests.integration.nats.worlds import EmbeddedWorld, NatsWorld, RealWorld
from tests.integration.worlds import Method

both = pytest.mark.parametrize("world", ["nats-memory", "nats"], indirect=True)
"""For tests of what is no subject: the embedded server and a real one."""


@asynccontextmanager
async def watching(world: NatsWorld, *methods: Method, **options: Any) -> AsyncGenerator[NatsBroker]:
    """Serve one consumer with these methods and class keywords, without a group."""
    names = {method.__name__: method for method in methods}
    cls: Any = types.new_class("Watcher", (NatsConsumer,), options, lambda own: own.update(names))
    with world.below():
        broker = world.broker()
        async with Application(consumers=[cls(broker)]):
            yield broker


@asynccontextmanager
async def outside(world: NatsWorld) -> AsyncGenerator[NatsBroker]:
    """Return a broker that serves nobody."""
    with world.below():
        async with world.broker() as broker:
            yield broker


async def delete_bucket(world: NatsWorld, name: str) -> None:
    """Delete what lies in a bucket of that name, of either kind."""
    async with outside(world) as broker:
        for stream in (f"KV_{name}", f"OBJ_{name}"):
            await cast(NatsTransport, broker.transport).delete_stream(stream)


async def seal(world: NatsWorld, name: str) -> None:
    """Seal an object store, as an operator would."""
    if isinstance(world, RealWorld):
        await (await world.streams.object_store(name)).seal()  # type: ignore[no-untyped-call]  # it has no annotation
        return
    assert isinstance(world, EmbeddedWorld)
    jetstream = world.server.jetstream
    jetstream.update_stream(evolve(jetstream.stream(f"OBJ_{name}").config, sealed=True))
