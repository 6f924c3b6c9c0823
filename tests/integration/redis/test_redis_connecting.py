"""Why a Redis cannot be reached: the true cause, what to look at, and how soon that is told."""

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import pytest

from faststream_oo import endpoint
from faststream_oo.errors import ConnectError, TransportError
from faststream_oo.redis import Channel, RedisBroker, RedisReceipt, RedisSettings
from faststream_oo.redis.client import source
from tests.integration.kinds import REDIS
from tests.integration.private import PrivateBroker
from tests.integration.redis.worlds import RealWorld


async def refused(url: str, seconds: float = 0.3) -> ConnectError:
    with pytest.raises(ConnectError) as error:
        await RedisBroker(RedisSettings(url=url)).open(seconds)
    return error.value


@pytest.fixture
def place() -> str:
    """Host and port of the real one."""
    address = urlsplit(REDIS.address)
    return f"{address.hostname}:{address.port}"


async def test_nothing_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    error = await refused(f"redis://127.0.0.1:{port}/0")
    assert (error.cause, error.refused) == ("connection refused", False)
    assert "is Redis running there?" in error.hint
    assert error.servers == f"redis://127.0.0.1:{port}/0"


async def test_a_host_that_nobody_knows() -> None:
    error = await refused("redis://nowhere.invalid/0")
    assert error.cause in {"name or service not known", "temporary failure in name resolution"}
    assert error.hint == "the host name is not known here; look at redis.url"


async def test_a_database_that_does_not_exist_is_told_at_once(place: str) -> None:
    async with asyncio.timeout(10):
        error = await refused(f"redis://{place}/5000", 60.0)
    assert (error.cause, error.refused) == ("db index is out of range", True)


async def test_a_wrong_password_is_told_at_once_and_never_shown(place: str) -> None:
    async with asyncio.timeout(10):
        error = await refused(f"redis://nobody:wr0ngpass@{place}/0", 60.0)
    assert (error.cause, error.refused) == ("invalid username-password pair or user is disabled", True)
    assert "wr0ngpass" not in str(error)


async def test_something_that_says_nothing(silent: int) -> None:
    error = await refused(f"redis://127.0.0.1:{silent}/1")
    assert "no answer in 0.3 s" in error.cause


async def test_who_is_waited_for_is_told_long_before_it_is_given_up(
    silent: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(endpoint, "_QUIET_SECONDS", 0.05)
    await refused(f"redis://127.0.0.1:{silent}/1")
    assert caplog.messages == [f"waiting for redis at redis://127.0.0.1:{silent}/1: no answer yet"]


@pytest.mark.timeout(90)
async def test_a_replica_is_told_and_given_up_where_a_group_is_to_be_made(
    private_broker: Callable[[str], PrivateBroker], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(source, "ANSWER_SECONDS", 1.0)
    async with RealWorld(private_broker("redis").address) as world:

        @world.consumes(world.group)
        async def number(self: Any, number: int) -> None: ...

        await world.call("REPLICAOF", "127.0.0.1", "1")
        try:
            with pytest.raises(TransportError, match=f'"{world.group}" cannot be read, .*: you can\'t write against'):
                async with world.serving(number):
                    pass
        finally:
            await world.call("REPLICAOF", "NO", "ONE")
    told = [message for message in caplog.messages if "does not serve us now" in message]
    assert told == ["Redis does not serve us now, trying on: you can't write against a read only replica"]


async def test_a_server_that_is_still_loading_is_waited_for() -> None:
    answers = [b"-LOADING Redis is loading the dataset in memory\r\n"] * 4

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):
            while True:
                name, *_ = [await part(reader) for _ in range(await number(reader, b"*"))]
                writer.write(b"+OK\r\n" if name == b"CLIENT" else answers.pop() if answers else b":7\r\n")
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with RedisBroker(RedisSettings(url=f"redis://127.0.0.1:{port}/0")) as broker:
            assert await broker.send_now(Channel("news"), 1) == RedisReceipt(count=7)

    assert not answers


async def number(reader: asyncio.StreamReader, kind: bytes) -> int:
    line = await reader.readuntil(b"\r\n")
    assert line.startswith(kind)
    return int(line[1:])


async def part(reader: asyncio.StreamReader) -> bytes:
    return (await reader.readexactly(await number(reader, b"$") + 2))[:-2]
