"""Streams that an operator made of others: they are read as streams of somebody else, on a real server."""

from typing import Any

import pytest
from nats.js.api import StreamConfig, StreamSource

from faststream_oo.nats import JetStream, NatsMessage, Subject, consumes
from tests.integration.nats.worlds import RealStreamWorld
from tests.integration.worlds import until

pytestmark = pytest.mark.parametrize("world", ["nats-stream"], indirect=True)


@pytest.mark.parametrize("way", ["mirror", "sources"])
async def test_a_stream_that_is_made_of_another_is_read(world: RealStreamWorld, way: str) -> None:
    address, made = await world.create("origin"), world.name("made")
    source = StreamSource(name=address)
    await world.streams.add_stream(  # pyright: ignore[reportUnknownMemberType] - `params`
        StreamConfig(name=made, mirror=source) if way == "mirror" else StreamConfig(name=made, sources=[source])
    )
    seen: list[tuple[int, str, str | None]] = []

    @consumes(Subject(address, stream=JetStream(made, external=True)))
    async def number(self: Any, number: int, message: NatsMessage) -> None:
        seen.append((number, message.subject, message.stream))

    async with world.serving(number):
        await world.put(address, b"1")
        await until(lambda: seen)

    assert seen == [(1, address, made)]
