"""The brokers that the suites over all of them run on; one line each."""

import asyncio
import os
import socket
from collections.abc import Callable
from typing import Any, NoReturn, Protocol
from urllib.parse import urlsplit

import pytest
from attrs import frozen

from faststream_oo.clock import LoopClock
from faststream_oo.current import Embedding
from tests.integration.kafka.worlds import ConfluentWorld
from tests.integration.kafka.worlds import EmbeddedWorld as EmbeddedKafka
from tests.integration.kafka.worlds import RealWorld as RealKafka
from tests.integration.nats.worlds import EmbeddedStreamWorld as EmbeddedNatsStreams
from tests.integration.nats.worlds import EmbeddedWorld as EmbeddedNats
from tests.integration.nats.worlds import RealStreamWorld
from tests.integration.nats.worlds import RealWorld as RealNats
from tests.integration.private import PrivateBroker
from tests.integration.rabbit.worlds import EmbeddedWorld as EmbeddedRabbit
from tests.integration.rabbit.worlds import RealWorld as RealRabbit
from tests.integration.redis.flavours import EmbeddedChannels, EmbeddedLists, RealChannels, RealLists
from tests.integration.redis.flavours import EmbeddedWorld as EmbeddedStreams
from tests.integration.redis.worlds import RealWorld as RealStreams
from tests.integration.worlds import World


def missing(hint: str) -> NoReturn:
    """End a test whose broker is not there."""
    if os.environ.get("CI"):
        pytest.fail(hint)
    pytest.skip(hint)


@frozen
class Server:
    """A real broker.

    Attributes:
        name: As `make brokers` knows it.
        variable: Environment variable with its address.
        default: Address when that is not set.
    """

    name: str
    variable: str
    default: str

    @property
    def address(self) -> str:
        """Where it is; a test that needs it is skipped when nothing answers there, and fails where CI is set."""
        address = os.environ.get(self.variable, self.default)
        place = urlsplit(address if "//" in address else f"//{address.partition(',')[0]}")
        try:
            with socket.create_connection((place.hostname, place.port), timeout=1.0):
                return address
        except OSError:
            missing(f"no {self.name} at {place.hostname}:{place.port}; start one with: make brokers NAMES={self.name}")


@frozen
class Kind:
    """One of the brokers.

    Attributes:
        world: What a test sees of it.
        server: Where the real one is, None for an embedded one.
        promises: Whether it delivers at least once.
        holds: Whether it holds a single message back for a while.
    """

    world: Callable[..., World]
    server: Server | None = None
    promises: bool = True
    holds: bool = False

    def made(self) -> World:
        """Return what a test sees, to be entered."""
        return self.world(self.server.address) if self.server else self.world()


class Mortal(Protocol):
    """A broker that a test may kill."""

    def world(self) -> World:
        """Return what a test sees of it, with nothing connected."""
        ...

    async def kill(self) -> None:
        """End it, with all its connections."""

    async def restart(self) -> None:
        """Start it again with what it stored."""


class MortalServer:
    """A real broker of this run's own."""

    def __init__(self, kind: Kind, broker: PrivateBroker) -> None:
        self._kind = kind
        self._address = broker.address
        self.kill, self.restart = broker.kill, broker.restart

    def world(self) -> World:
        world = self._kind.world(self._address)
        world.endure()
        return world


class Embedded(Protocol):
    """The server of an embedded world."""

    def down(self) -> None: ...

    def up(self) -> None: ...


class MortalEmbedded:
    """An embedded broker, the same one in every world of a test."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self._embedding = Embedding(LoopClock())
        world: Any = self.world()
        self._server: Embedded = world.cluster if isinstance(world, EmbeddedKafka) else world.server

    def world(self) -> World:
        return self._kind.world(self._embedding)

    async def kill(self) -> None:
        self._server.down()
        await asyncio.sleep(0.1)  # everybody has found that out, as nobody starts a real one sooner

    async def restart(self) -> None:
        self._server.up()


KAFKA = Server("kafka", "KAFKA_SERVERS", "127.0.0.1:9092")
NATS = Server("nats", "NATS_SERVERS", "nats://127.0.0.1:4222")
REDIS = Server("redis", "REDIS_URL", "redis://127.0.0.1:6379/0")
RABBIT = Server("rabbit", "RABBIT_URL", "amqp://guest:guest@127.0.0.1:5672/")

KINDS = {
    "kafka-memory": Kind(EmbeddedKafka),
    "kafka": Kind(RealKafka, KAFKA),
    "kafka-confluent": Kind(ConfluentWorld, KAFKA),
    "nats-memory": Kind(EmbeddedNats, promises=False),
    "nats": Kind(RealNats, NATS, promises=False),
    "nats-stream-memory": Kind(EmbeddedNatsStreams, holds=True),
    "nats-stream": Kind(RealStreamWorld, NATS, holds=True),
    "rabbit-memory": Kind(EmbeddedRabbit),
    "rabbit": Kind(RealRabbit, RABBIT),
    "redis-stream-memory": Kind(EmbeddedStreams, holds=True),
    "redis-stream": Kind(RealStreams, REDIS, holds=True),
    "redis-list-memory": Kind(EmbeddedLists),
    "redis-list": Kind(RealLists, REDIS),
    "redis-channel-memory": Kind(EmbeddedChannels, promises=False),
    "redis-channel": Kind(RealChannels, REDIS, promises=False),
}

promised = pytest.mark.parametrize("world", [name for name, kind in KINDS.items() if kind.promises], indirect=True)
"""For tests of what at most once does not promise: that a message comes again after a stop or a crash."""

holding = pytest.mark.parametrize("world", [name for name, kind in KINDS.items() if kind.holds], indirect=True)
"""For tests of messages that the broker itself holds back for a while."""

at_once = pytest.mark.parametrize(
    "world", [name for name, kind in KINDS.items() if kind.promises and not kind.holds], indirect=True
)
"""For tests of messages that come again at once, as the broker holds no single one back."""

undivided = pytest.mark.parametrize(
    "world",
    [name for name, kind in KINDS.items() if kind.promises and not name.startswith("kafka")],
    indirect=True,
)
"""For tests of sources whose messages come one way: nothing of it can be paused alone, as a partition of Kafka can."""

real = pytest.mark.parametrize(
    "world", [name for name, kind in KINDS.items() if kind.promises and kind.server], indirect=True
)
"""For tests with processes of their own, on brokers that promise something."""


mortal = pytest.mark.parametrize("mortal", [name for name, kind in KINDS.items() if kind.promises], indirect=True)
"""For tests that kill a broker which promises something: an embedded one, or a real one of this run's own."""


def of(protocol: str) -> pytest.MarkDecorator:
    """Return the mark of tests of one protocol's own features: its brokers, embedded and real; streams are apart."""
    ours = [name for name in KINDS if name.startswith(protocol) and ("-stream" in name) == ("-stream" in protocol)]
    return pytest.mark.parametrize("world", ours, indirect=True)
