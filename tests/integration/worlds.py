"""A broker as somebody outside the framework sees it, and an application on it: what the suites over all brokers use."""

import asyncio
import time
import types
import uuid
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from typing import Any, ClassVar, Self

from attrs import frozen

from faststream_oo import Application
from faststream_oo.broker import Broker
from faststream_oo.consumer import Consumer
from faststream_oo.message import Outgoing
from faststream_oo.producer import Producer
from faststream_oo.subscription import Subscription

Headers = Sequence[tuple[str, Any]]
"""Headers by the broker's own client, in order."""

Method = Callable[..., Any]


async def until(holds: Callable[[], object], seconds: float = 30.0) -> None:
    """Return when something holds; fail after a deadline."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "did not happen in time"
        await asyncio.sleep(0.005)


@frozen
class Written:
    """A message as it lies at a broker.

    Attributes:
        body: Its bytes; None only where a broker tells that from an empty one.
        key: Its key, from wherever the protocol carries it.
        headers: As the broker's own client reads them.
    """

    body: bytes | None
    key: bytes | None
    headers: Headers

    @property
    def texts(self) -> Mapping[str, str]:
        """Headers as text."""
        return {
            name: value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
            for name, value in self.headers
        }


class Served:
    """An application under test."""

    def __init__(self, world: "World", broker: Any) -> None:
        self._world = world
        self.broker = broker

    async def publish(self, address: str, body: object, **options: Any) -> None:
        """Publish through the framework, with the options of an Outgoing."""
        await self.broker.publish(address, self._world.outgoing(body, **options) if options else body)

    @property
    def subscription(self) -> Subscription:
        """The only one."""
        (only,) = self.broker.running
        subscription: Subscription = only
        return subscription


class World(ABC):
    """One broker, real or embedded."""

    protocol: ClassVar[str]
    """Scheme of origins."""
    consumer: ClassVar[type[Consumer]]
    outgoing: ClassVar[type[Outgoing[Any]]]
    consumes: ClassVar[Callable[..., Callable[[Method], Method]]]
    producer: ClassVar[type[Producer]]
    produces: ClassVar[Callable[..., Callable[[Method], Method]]]
    hostile: ClassVar[Headers]
    """Headers of every kind that the broker carries, the worst ones."""
    fuzzed: ClassVar[int] = 50
    """Messages that a fuzz test sends."""
    impatient: ClassVar[Mapping[str, Any]] = {}
    """Class keywords with which the messages of a killed worker come back soon."""

    def __init__(self) -> None:
        self.group = f"g-{uuid.uuid4().hex[:10]}"

    async def __aenter__(self) -> Self:
        """Connect the client that is used past the framework."""
        return self

    async def __aexit__(self, *_: object) -> None:  # noqa: B027 - an embedded one has nothing to disconnect
        """Disconnect it, and remove what the test made."""

    @property
    def options(self) -> Mapping[str, Any]:
        """Class keywords that every consumer here needs."""
        return {"group": self.group}

    @abstractmethod
    def broker(self) -> Broker:
        """Return the framework's broker, not opened."""

    @abstractmethod
    async def create(self, name: str, /) -> str:
        """Make an address with a name of its own, as an operator would, and return that."""

    @abstractmethod
    async def put(self, address: str, body: bytes, key: bytes | None = None, headers: Headers = ()) -> None:
        """Write one message past the framework."""

    @abstractmethod
    async def read(self, address: str, /) -> Sequence[Written]:
        """Return every message that waits at an address, and leave them there; none when there is no such address."""

    @abstractmethod
    def letters(self, address: str, /) -> str:
        """Return the derived dead-letter address of one that this world's group consumes."""

    def endure(self) -> None:  # noqa: B027 - most clients wait without end
        """Let publishes wait as long as a busy machine may take to start a broker again."""

    async def made(self, name: str, /) -> str:
        """Make an address without a connection that stays, for a test that kills the broker."""
        return await self.create(name)

    def below(self) -> AbstractContextManager[object]:
        """Return what an application is made and started in."""
        return nullcontext()

    @asynccontextmanager
    async def serving(self, *methods: Method, drain_timeout: float = 5.0, **options: Any) -> AsyncGenerator[Served]:
        """Serve one consumer with these methods and class keywords."""
        with self.below():
            broker = self.broker()
            consumers = [self.consumer_of(broker, *methods, **options)] if methods else []
            async with Application(consumers=consumers, brokers=[broker], drain_timeout=drain_timeout):
                yield Served(self, broker)

    def consumer_of(self, broker: Broker, /, *methods: Method, **options: Any) -> Consumer:
        """Return a consumer with these methods and class keywords, called `Handlers`."""
        consumer: Consumer = self.class_of(*methods, **options)(broker)
        return consumer

    def class_of(self, *methods: Method, **options: Any) -> type[Any]:
        """Return the class of a consumer with these methods and class keywords, called `Handlers`."""
        names = {method.__name__: method for method in methods}
        return types.new_class("Handlers", (self.consumer,), {**self.options, **options}, lambda own: own.update(names))

    def publisher(self, broker: Broker, address: str, /) -> Callable[[object], Awaitable[object]]:
        """Return what publishes there, and waits as long as a busy machine may take to start a broker again."""

        @self.produces(address)
        async def publish(self: Any, body: object) -> object:
            return body

        cls: Any = types.new_class(
            "Publishing", (self.producer,), {"confirm_timeout": 100.0}, lambda own: own.update(publish=publish)
        )
        method: Callable[[object], Awaitable[object]] = cls(broker).publish
        return method

    async def read_until(self, address: str, count: int) -> Sequence[Written]:
        """Return the messages of an address once that many are there."""
        deadline = time.monotonic() + 30
        while len(found := await self.read(address)) < count:
            assert time.monotonic() < deadline, f"{len(found)} of {count} messages in {address}"
            await asyncio.sleep(0.05)
        return found

    async def letters_until(self, address: str, count: int) -> Sequence[Written]:
        """Return the dead letters of an address once that many are there."""
        return await self.read_until(self.letters(address), count)
