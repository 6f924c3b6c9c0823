"""The embedded Redis below an application: virtual time, and a server that goes away."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest
from dependency_injector import containers, providers

from faststream_oo import Application, RetryPolicy
from faststream_oo.clock import LoopClock
from faststream_oo.current import Embedding, embedded
from faststream_oo.errors import ConnectError, PublishError
from faststream_oo.redis import (
    Channel,
    List,
    RedisBroker,
    RedisConsumer,
    RedisContainer,
    RedisSettings,
    Stream,
    consumes,
)
from faststream_oo.redis.address import RedisAddress
from faststream_oo.redis.transports.memory import MemoryServer, MemoryTransport
from faststream_oo.testing import Harness

KINDS = [Stream("s"), List("l"), Channel("c")]


class Numbers(RedisConsumer, retry=RetryPolicy(attempts=2, delay=30.0)):
    def __init__(self, broker: RedisBroker, seen: list[tuple[str, int]]) -> None:
        super().__init__(broker)
        self._seen = seen

    def _see(self, kind: str, number: int) -> None:
        self._seen.append((kind, number))
        if number < 0:
            raise ConnectionError("not yet")

    @consumes("s", group="g")
    async def stream(self, number: int) -> None:
        self._see("stream", number)

    @consumes("all", delivery="at_most_once", start="earliest")
    async def everything(self, number: int) -> None:
        self._see("everything", number)

    @consumes(List("l"))
    async def list(self, number: int) -> None:
        self._see("list", number)

    @consumes(List("p"), delivery="at_most_once")
    async def popped(self, number: int) -> None:
        self._see("popped", number)

    @consumes(Channel("c"))
    async def channel(self, number: int) -> None:
        self._see("channel", number)


class House(containers.DeclarativeContainer):
    config = providers.Configuration(strict=True)
    redis = RedisContainer(config=config.redis)
    seen = providers.Singleton(list[tuple[str, int]])
    numbers = providers.Singleton(Numbers, broker=redis.broker, seen=seen)


@pytest.mark.parametrize(
    ("address", "kind"),
    [(Stream("s"), "stream"), (Stream("all"), "everything"), (List("l"), "list"), (List("p"), "popped"),
     (Channel("c"), "channel")],
)  # fmt: skip
async def test_a_harness_settles_and_moves_time_on_every_kind_of_address(address: RedisAddress, kind: str) -> None:
    async with Harness(House) as h:
        for number in range(3):
            await h.publish(address, number)
        await h.settled()
        await h.publish(address, -1)
        await h.advance(29.0)
        assert h.container.seen() == [(kind, 0), (kind, 1), (kind, 2), (kind, -1)]
        await h.advance(2.0)
        assert h.container.seen()[4:] == [(kind, -1)]
        assert len(h.dead_letters()) == 1
        await h.advance(120.0)
        await h.publish(address, 7)
        await h.settled()
        assert h.container.seen()[5:] == [(kind, 7)]


async def test_what_a_dead_worker_holds_of_a_list_comes_back_when_its_lease_is_over_by_the_clock() -> None:
    async with Harness(House) as h:
        transport: Any = h.container.redis.broker().transport
        server: MemoryServer = transport.server
        await transport.execute(
            [("RPUSH", "l:processing:dead", "1", "2"), ("ZADD", "l:workers", server.clock.time() + 59.0, "dead")],
            transaction=True,
        )
        await h.advance(50.0)
        assert h.container.seen() == []
        await h.advance(30.0)
        assert h.container.seen() == [("list", 1), ("list", 2)]


async def test_reads_and_leases_that_are_due_at_one_moment_are_settled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    settled = 0
    async with Harness(House) as h:
        settle = h.settled

        async def counted(*seconds: float) -> None:
            nonlocal settled
            settled += 1
            await settle(*seconds)

        monkeypatch.setattr(h, "settled", counted)
        await h.advance(3600.0)

    assert 700 < settled < 800  # a read ends after 5 seconds, and is due with the others


async def test_retries_that_are_due_at_one_moment_are_handled_in_the_order_of_their_first_attempts() -> None:
    async with Harness(House) as h:
        for number in (-1, -2, -3):
            await h.publish(List("l"), number)
        await h.settled()
        await h.advance(31.0)
        assert h.container.seen() == [("list", number) for number in (-1, -2, -3, -1, -2, -3)]
        assert len(h.dead_letters()) == 3


@pytest.fixture
def server() -> MemoryServer:
    return MemoryServer(LoopClock())


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - what it waits for has no event
            await asyncio.sleep(0)


@pytest.mark.parametrize("address", KINDS, ids=lambda address: type(address).__name__)
async def test_a_server_that_goes_away_is_said_once_and_what_is_published_meanwhile_waits(
    address: RedisAddress, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[int] = []
    options: dict[str, Any] = {"group": "g"} if isinstance(address, Stream) else {}

    class One(RedisConsumer, **options):
        @consumes(address)
        async def number(self, number: int) -> None:
            seen.append(number)

    caplog.set_level(logging.INFO, "faststream_oo")
    embedding = Embedding(LoopClock())
    with embedded(embedding):
        server: MemoryServer = embedding.cluster(("redis", "localhost:6379"), MemoryServer)
        broker = RedisBroker(RedisSettings())
        async with Application(consumers=[One(broker)]):
            subscription = broker.subscriptions[0]
            await broker.publish(address, 1)
            await until(lambda: seen == [1])
            server.down()
            await until(lambda: subscription.state == "degraded")
            held = asyncio.ensure_future(broker.publish(address, 2))
            await asyncio.sleep(0)
            server.up()
            await until(lambda: subscription.state == "running")
            await held
            await broker.publish(address, 3)
            await until(lambda: 3 in seen)

    assert seen in ([1, 2, 3], [1, 3] if isinstance(address, Channel) else None)
    assert len([line for line in caplog.messages if "lost its broker, reconnecting" in line]) == 1
    assert len([line for line in caplog.messages if "is connected again" in line]) == 1


async def test_a_server_that_is_down_cannot_be_opened() -> None:
    embedding = Embedding(LoopClock())
    with embedded(embedding):
        server: MemoryServer = embedding.cluster(("redis", "localhost:6379"), MemoryServer)
        server.down()
        with pytest.raises(ConnectError, match="the embedded Redis is down"):
            await MemoryTransport(RedisSettings()).open()


async def test_a_command_that_it_does_not_know_is_refused_by_name() -> None:
    async with RedisBroker(RedisSettings(driver="memory")) as broker:
        with pytest.raises(PublishError, match="unknown command 'GEOADD'"):
            async with broker.pipeline() as pipe:
                pipe.command("GEOADD", "k", 1, 1, "m")


async def test_databases_of_one_server_share_channels_and_nothing_else() -> None:
    with embedded(Embedding(LoopClock())):
        first, second = (RedisBroker(RedisSettings(url=f"redis://localhost:6379/{number}")) for number in (0, 1))
        async with first, second, second.reader(Channel("c"), int) as heard, first.reader(List("l"), int) as own:
            await first.publish(Channel("c"), 1)
            await second.publish(List("l"), 2)
            await first.publish(List("l"), 3)
            async with asyncio.timeout(10):
                one, two = await anext(aiter(heard)), await anext(aiter(own))
            assert (one.value, two.value) == (1, 3)
