"""Lists and channels of Redis, and the embedded one: addresses given as text are theirs here."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager
from typing import Any, ClassVar

from faststream_oo.address import Address
from faststream_oo.clock import LoopClock
from faststream_oo.current import Embedding, embedded
from faststream_oo.redis import Channel, List, RedisBroker, RedisSettings, consumes, produces
from faststream_oo.redis.client.senders import wrapped
from faststream_oo.redis.envelope import read_binary
from faststream_oo.redis.transports.memory.connections import MemoryConnection
from faststream_oo.redis.transports.memory.instance import MemoryServer
from tests.integration.redis.worlds import RealWorld, RedisWorld
from tests.integration.worlds import Headers, Method, Written


class EmbeddedWorld(RedisWorld):
    """The embedded Redis, its streams."""

    fuzzed = 1000

    def __init__(self, embedding: Embedding | None = None) -> None:
        super().__init__()
        self._embedding = embedding or Embedding(LoopClock())
        self.settings = RedisSettings()
        self.server: MemoryServer = self._embedding.cluster(("redis", "localhost:6379"), MemoryServer)

    def below(self) -> AbstractContextManager[object]:
        return embedded(self._embedding)

    async def call(self, *command: str | bytes | int) -> Any:
        connection = MemoryConnection(self.server, 0)
        answers: list[Any] = []
        await connection.send([command])
        await connection.receive(1, answers)
        await connection.close()
        return answers[0]

    @asynccontextmanager
    async def listening(self, channel: str, /) -> AsyncGenerator[list[bytes]]:
        listener = EmbeddedListener()
        self.server.channels.subscribe(listener, channel.encode())
        yield listener.heard
        self.server.channels.unsubscribe(listener)


def of(kind: type[List] | type[Channel], decorator: Callable[..., Any]) -> Callable[..., Callable[[Method], Method]]:
    """Return a decorator that takes text for an address of a kind."""

    def decorate(address: str | List | Channel, /, **options: Any) -> Any:
        return decorator(kind(address) if isinstance(address, str) else address, **options)

    return decorate


class ListBroker(RedisBroker):
    """Takes text for the key of a list."""

    def native(self, address: str | Address, /) -> Address:
        return List(address) if isinstance(address, str) else address


class ChannelBroker(RedisBroker):
    """Takes text for the name of a channel."""

    def native(self, address: str | Address, /) -> Address:
        return Channel(address) if isinstance(address, str) else address


class EnvelopedWorld(RedisWorld):
    """Where headers travel in an envelope, and workers have no groups; dead letters are streams."""

    hostile: ClassVar[Headers] = [
        ("h", b"1"), ("H", b"2"), ("h", b"3"), ("empty", b""), ("", b"nameless"), ("text", "ü €".encode()),
        ("bytes", b"\xff\x00\r\n"), ("body", b"none"),
    ]  # fmt: skip

    @property
    def options(self) -> Mapping[str, Any]:
        return {}

    def letters(self, address: str, /) -> str:
        return f"{address}:dlq"


class ListWorld(EnvelopedWorld):
    """The lists of a Redis."""

    consumes = staticmethod(of(List, consumes))
    produces = staticmethod(of(List, produces))

    def broker(self) -> RedisBroker:
        return ListBroker(self.settings)

    async def put(self, address: str, body: bytes, key: bytes | None = None, headers: Headers = ()) -> None:
        await self.call("RPUSH", address, enveloped(body, key, headers))

    async def read(self, address: str, /) -> Sequence[Written]:
        if address.endswith(":dlq"):
            return await super().read(address)
        return [written(element) for element in await self.call("LRANGE", address, 0, -1)]


class ChannelWorld(EnvelopedWorld):
    """The channels of a Redis. Nothing is kept, so what a test wants to read is listened to once its address is made."""

    consumes = staticmethod(of(Channel, consumes))
    produces = staticmethod(of(Channel, produces))
    impatient: ClassVar = {}

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._heard: dict[str, list[bytes]] = {}
        self._listening = AsyncExitStack()

    async def __aexit__(self, *args: object) -> None:
        await self._listening.aclose()
        await super().__aexit__(*args)

    def broker(self) -> RedisBroker:
        return ChannelBroker(self.settings)

    async def create(self, name: str, /) -> str:
        whole = await super().create(name)
        self._heard[whole] = await self._listening.enter_async_context(self.listening(whole))
        return whole

    async def put(self, address: str, body: bytes, key: bytes | None = None, headers: Headers = ()) -> None:
        await self.call("PUBLISH", address, enveloped(body, key, headers))

    async def read(self, address: str, /) -> Sequence[Written]:
        if address in self._heard:
            return [written(data) for data in self._heard[address]]
        return await super().read(address)


def enveloped(body: bytes, key: bytes | None, headers: Headers) -> bytes:
    """Return an element; without key and headers it is as a plain client would write it."""
    named = [] if key is None else [(b"fsoo-key", key)]
    pairs = [*((name.encode(), value) for name, value in headers), *named]
    return wrapped("binary", body, pairs) if pairs else body


def written(element: bytes) -> Written:
    """Return an element as it lies at the server."""
    body, pairs = read_binary(element)
    headers = [(name.decode(), value) for name, value in pairs]
    return Written(body, dict(headers).get("fsoo-key"), headers)


class RealLists(ListWorld, RealWorld):
    """A real Redis, its lists."""


class EmbeddedLists(ListWorld, EmbeddedWorld):
    """The embedded Redis, its lists."""


class RealChannels(ChannelWorld, RealWorld):
    """A real Redis, its channels."""


class EmbeddedChannels(ChannelWorld, EmbeddedWorld):
    """The embedded Redis, its channels."""


class EmbeddedListener:
    """Writes down what it hears."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []

    def hear(self, pattern: bytes | None, channel: bytes, data: bytes, /) -> None:
        self.heard.append(data)
