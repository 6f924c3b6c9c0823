"""What is particular to channels: at most once, patterns and their parts."""

import asyncio
import logging
from typing import Annotated, Any

import pytest

from faststream_oo import Path
from faststream_oo.redis import RedisMessage
from faststream_oo.redis.client.channel import ChannelSource
from tests.integration.kinds import of
from tests.integration.redis.flavours import ChannelWorld
from tests.integration.worlds import Served, until

pytestmark = of("redis-channel")


def source_of(served: Served) -> Any:
    source = served.broker.running[0].source
    assert isinstance(source, ChannelSource)
    return source


async def test_a_pattern_captures_parts_of_the_channel(world: ChannelWorld) -> None:
    own = await world.create("rooms")
    seen: list[tuple[str, str, int, str]] = []

    @world.consumes(f"{own}.{{room}}.*.{{what}}")
    async def read(
        self: Any, number: int, room: Annotated[str, Path()], what: Annotated[str, Path()], message: RedisMessage
    ) -> None:
        seen.append((room, what, number, message.address))

    async with world.serving(read):
        for channel in ("kitchen.a.hot", "hall.b.cold", "kitchen.hot"):
            await world.put(f"{own}.{channel}", b"1")
        await world.put(f"{own}.x.y.z", b"2")
        await until(lambda: len(seen) == 3)

    assert seen == [
        ("kitchen", "hot", 1, f"{own}.kitchen.a.hot"),
        ("hall", "cold", 1, f"{own}.hall.b.cold"),
        ("x", "z", 2, f"{own}.x.y.z"),
    ]


async def test_everybody_who_listens_hears_everything_and_nobody_what_was_before(world: ChannelWorld) -> None:
    address = await world.create("all")
    handled: dict[int, list[int]] = {1: [], 2: []}

    def listener(name: int) -> Any:
        @world.consumes(address)
        async def number(self: Any, number: int) -> None:
            handled[name].append(number)

        return number

    await world.put(address, b"0")
    async with world.serving(listener(1)), world.serving(listener(2)):
        for number in (1, 2, 3):
            await world.put(address, b"%d" % number)
        await until(lambda: handled == {1: [1, 2, 3], 2: [1, 2, 3]})


async def test_a_stop_handles_what_has_arrived(world: ChannelWorld) -> None:
    address = await world.create("arrived")
    handled: list[int] = []

    @world.consumes(address)
    async def number(self: Any, number: int) -> None:
        await asyncio.sleep(0)
        handled.append(number)

    async with world.serving(number, prefetch=5):
        for number_ in range(300):
            await world.put(address, b"%d" % number_)

    assert handled == list(range(300))


async def test_what_a_stop_cuts_off_is_lost_and_told(world: ChannelWorld, caplog: pytest.LogCaptureFixture) -> None:
    address = await world.create("cut")
    begun = asyncio.Event()

    @world.consumes(address)
    async def number(self: Any, number: int) -> None:
        begun.set()
        await asyncio.Event().wait()

    async with world.serving(number, drain_timeout=0.05):
        for number_ in range(4):
            await world.put(address, b"%d" % number_)
        await begun.wait()

    (lost,) = [record for record in caplog.records if "are lost" in record.getMessage()]
    assert lost.fields == {"address": address, "lost": 4}  # type: ignore[attr-defined]  # our own


async def test_a_lost_connection_is_said_once_and_subscribed_again(
    world: ChannelWorld, caplog: pytest.LogCaptureFixture
) -> None:
    address = await world.create("again")
    handled: list[int] = []

    @world.consumes(f"{address}*")
    async def number(self: Any, number: int) -> None:
        handled.append(number)

    caplog.set_level(logging.INFO, "faststream_oo")
    async with world.serving(number) as served:
        await world.put(address, b"1")
        await until(lambda: handled == [1])
        await world.call("CLIENT", "KILL", "ID", source_of(served)._client)
        await until(lambda: "Handlers.number is connected again" in caplog.messages)
        await world.put(address, b"2")
        await until(lambda: handled == [1, 2])

    said = caplog.messages
    assert len([line for line in said if "lost its broker, reconnecting" in line]) == 1
    assert said.count("Handlers.number is connected again") == 1


async def test_lag_is_none_while_paused_and_nothing_once_all_is_here(world: ChannelWorld) -> None:
    address = await world.create("lag")
    handled: list[int] = []

    @world.consumes(address)
    async def number(self: Any, number: int) -> None:
        handled.append(number)

    async with world.serving(number) as served:
        for number_ in range(50):
            await world.put(address, b"%d" % number_)
        await until(lambda: len(handled) == 50 and source_of(served)._reading)
        assert await served.subscription.lag() == 0
        await served.subscription.pause()
        await world.put(address, b"50")
        await until(lambda: not source_of(served)._reading)
        assert await served.subscription.lag() is None


async def test_a_listener_whose_server_does_not_answer_makes_its_connection_anew(
    world: ChannelWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("faststream_oo.redis.client.channel._PING_SECONDS", 0.05)
    address = await world.create("deaf")

    @world.consumes(address)
    async def number(self: Any, number: int) -> None: ...

    async with world.serving(number) as served:
        source = source_of(served)
        first = source._client
        source._pongs = Deaf()
        await until(lambda: source._client != first)
        source._pongs = {}


class Deaf(dict[bytes, asyncio.Event]):
    """Hears no answer."""

    def get(self, *_: object) -> None:  # type: ignore[override]  # whatever is asked
        return None


async def test_an_escaped_character_of_a_pattern_is_the_character(world: ChannelWorld) -> None:
    own = await world.create("stars")
    handled: list[tuple[int, str]] = []

    @world.consumes(rf"{own}\*")
    async def number(self: Any, number: int, message: RedisMessage) -> None:
        handled.append((number, message.address))

    async with world.serving(number) as served, world.listening(f"{own}*") as heard:
        await world.put(f"{own}x", b"0")
        await world.put(f"{own}*", b"1")
        await served.publish(rf"{own}\*", 2)
        await until(lambda: len(handled) == len(heard) == 2)

    assert handled == [(1, f"{own}*"), (2, f"{own}*")]
