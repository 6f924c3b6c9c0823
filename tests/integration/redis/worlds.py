"""Redis as somebody outside the framework sees it: the real one by a raw client."""

import asyncio
import time
import uuid
from abc import abstractmethod
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, ClassVar

from redis.asyncio import Redis

from faststream_oo.redis import (
    RedisBroker,
    RedisConsumer,
    RedisOutgoing,
    RedisProducer,
    RedisSettings,
    consumes,
    produces,
)
from tests.integration.worlds import Headers, World, Written

Fields = Sequence[tuple[bytes, bytes]]
"""Names and values of an entry, in order."""


class RedisWorld(World):
    """A Redis: keys, and what lies under them."""

    protocol = "redis"
    consumer = RedisConsumer
    outgoing = RedisOutgoing
    consumes = staticmethod(consumes)
    producer = RedisProducer
    produces = staticmethod(produces)
    impatient: ClassVar = {"claim_after": 1.0}
    hostile: ClassVar[Headers] = [
        ("h", b"1"), ("H", b"2"), ("h", b"3"), ("empty", b""), ("", b"nameless"), ("text", "ü €".encode()),
        ("bytes", b"\xff\x00\r\n"), ("body", b"none"), ("h:h", b"4"),
    ]  # fmt: skip
    settings: RedisSettings
    alone = False
    """Whether consumers have no group."""

    @property
    def options(self) -> Mapping[str, Any]:
        return {} if self.alone else super().options

    def broker(self) -> RedisBroker:
        return RedisBroker(self.settings)

    def letters(self, address: str, /) -> str:
        return f"{address}:{self.group}:dlq"

    @abstractmethod
    async def call(self, *command: str | bytes | int) -> Any:
        """Return the answer to a command, in RESP2's shapes."""

    async def answered(self, holds: Callable[[Any], object], *command: str | bytes | int) -> None:
        """Return when the answer to a command is as wanted; fail after a deadline."""
        deadline = time.monotonic() + 30
        while not holds(answer := await self.call(*command)):
            assert time.monotonic() < deadline, answer
            await asyncio.sleep(0.01)

    @abstractmethod
    def listening(self, channel: str, /) -> AbstractAsyncContextManager[list[bytes]]:
        """Return what is published to a channel while this is entered."""

    async def create(self, name: str, /) -> str:
        return f"{name}-{uuid.uuid4().hex[:10]}"

    async def put(self, address: str, body: bytes, key: bytes | None = None, headers: Headers = ()) -> None:
        fields = [part for name, value in headers for part in (f"h:{name}".encode(), value)]
        named = [] if key is None else [b"h:fsoo-key", key]
        await self.call("XADD", address, "*", *fields, "body", body, *named)

    async def read(self, address: str, /) -> Sequence[Written]:
        entries: Any = await self.call("XRANGE", address, "-", "+")
        return [_written(list(zip(fields[::2], fields[1::2], strict=True))) for _, fields in entries]


def _written(fields: Fields) -> Written:
    headers = [(name[2:].decode(), value) for name, value in fields if name.startswith(b"h:")]
    return Written(dict(fields).get(b"body"), dict(headers).get("fsoo-key"), headers)


class RealWorld(RedisWorld):
    """A real Redis, its streams."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.settings = RedisSettings(url=url)
        self._url = url
        client: Any = Redis  # its `from_url` is not typed in full
        self._client: Redis = client.from_url(url, protocol=2)
        self._one = asyncio.Lock()
        self._made: list[str] = []

    async def __aexit__(self, *_: object) -> None:
        for name in self._made:
            if keys := await self.call("KEYS", f"{name}*"):
                await self.call("DEL", *keys)
        await self._client.aclose()

    async def create(self, name: str, /) -> str:
        whole = await super().create(name)
        self._made.append(whole)
        return whole

    async def call(self, *command: str | bytes | int) -> Any:
        async with self._one:
            pool: Any = self._client.connection_pool
            connection = await pool.get_connection()
            try:
                await connection.send_command(*command)
                return await connection.read_response()
            finally:
                await pool.release(connection)

    @asynccontextmanager
    async def listening(self, channel: str, /) -> AsyncGenerator[list[bytes]]:
        heard: list[bytes] = []
        pool: Any = self._client.connection_pool
        connection = pool.make_connection()
        await connection.connect()
        await connection.send_command("SUBSCRIBE", channel)
        await connection.read_response()

        async def listen() -> None:
            while True:
                heard.append((await connection.read_response())[2])

        listener = asyncio.create_task(listen())
        yield heard
        listener.cancel()
        await asyncio.wait([listener])
        await connection.disconnect()
