"""The brokers that tests run on; a real one that is missing is said once, and fails where CI is set."""

import os
import socket
from collections.abc import AsyncGenerator, Callable, Generator

import pytest

from faststream_oo.clock import LoopClock
from faststream_oo.current import Embedding
from tests.integration.private import MissingBrokerError, PrivateBroker, private
from tests.integration.worlds import EmbeddedWorld, RealWorld, World

SERVERS = os.environ.get("KAFKA_SERVERS", "127.0.0.1:9092")
HINT = f"no Kafka at {SERVERS}; start one with: make brokers"


def reachable(servers: str) -> bool:
    host, _, port = servers.partition(",")[0].rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=1.0):
            return True
    except OSError:
        return False


@pytest.fixture(scope="session")
def kafka_servers() -> str:
    """The address of a real Kafka."""
    if not reachable(SERVERS):
        if os.environ.get("CI"):
            pytest.fail(HINT)
        pytest.skip(HINT)
    return SERVERS


@pytest.fixture
async def kafka(kafka_servers: str) -> AsyncGenerator[RealWorld]:
    """A real Kafka."""
    async with RealWorld(kafka_servers) as world:
        yield world


@pytest.fixture(params=["memory", "kafka"])
def world_kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def world(world_kind: str, request: pytest.FixtureRequest) -> World:
    """A Kafka: the embedded one and the real one, in turn."""
    if world_kind == "kafka":
        real: RealWorld = request.getfixturevalue("kafka")
        return real
    return request.getfixturevalue("embedded_world")  # type: ignore[no-any-return]  # fixtures are untyped


@pytest.fixture
async def embedded_world() -> EmbeddedWorld:
    return EmbeddedWorld(Embedding(LoopClock()))


@pytest.fixture(scope="session")
def private_broker() -> Generator[Callable[[str], PrivateBroker]]:
    """Return a broker of this run's own by its name, running: for tests that kill it."""
    with private() as brokers:

        def running(name: str) -> PrivateBroker:
            try:
                return brokers.running(name)
            except MissingBrokerError as missing:
                if os.environ.get("CI"):
                    pytest.fail(str(missing))
                pytest.skip(str(missing))

        yield running


@pytest.fixture
def private_kafka(private_broker: Callable[[str], PrivateBroker]) -> PrivateBroker:
    """A Kafka of this run's own."""
    return private_broker("kafka")
