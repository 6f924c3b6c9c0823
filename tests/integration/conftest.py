"""The brokers that tests run on; a real one that is missing is said, and fails where CI is set."""

import socket
from collections.abc import AsyncGenerator, Callable, Generator

import pytest

from tests.integration.kafka.worlds import RealWorld
from tests.integration.kinds import KAFKA, KINDS, Mortal, MortalEmbedded, MortalServer, missing
from tests.integration.private import MissingBrokerError, PrivateBroker, private
from tests.integration.worlds import World


@pytest.fixture(params=list(KINDS))
async def world(request: pytest.FixtureRequest) -> AsyncGenerator[World]:
    """Every broker in turn, embedded and real."""
    async with KINDS[request.param].made() as made:
        yield made


@pytest.fixture
def silent() -> Generator[int]:
    """A port that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def kafka_servers() -> str:
    """The address of a real Kafka."""
    return KAFKA.address


@pytest.fixture
async def kafka(kafka_servers: str) -> AsyncGenerator[RealWorld]:
    """A real Kafka."""
    async with RealWorld(kafka_servers) as world:
        yield world


@pytest.fixture(scope="session")
def private_broker() -> Generator[Callable[[str], PrivateBroker]]:
    """Return a broker of this run's own by its name, running: for tests that kill it."""
    with private() as brokers:

        def running(name: str) -> PrivateBroker:
            try:
                return brokers.running(name)
            except MissingBrokerError as error:
                missing(str(error))

        yield running


@pytest.fixture
def mortal(request: pytest.FixtureRequest) -> Mortal:
    """A broker that may be killed; nothing of the test stays connected to it."""
    kind = KINDS[request.param]
    if kind.server is None:
        return MortalEmbedded(kind)
    private_broker: Callable[[str], PrivateBroker] = request.getfixturevalue("private_broker")
    return MortalServer(kind, private_broker(kind.server.name))
