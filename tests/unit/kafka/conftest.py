from collections.abc import AsyncIterator, Mapping

import pytest

from faststream_oo.address import Address
from faststream_oo.current import Embedding, embedded
from faststream_oo.kafka.address import Topic
from faststream_oo.kafka.message import KafkaReceipt
from faststream_oo.kafka.options import KafkaSettings
from faststream_oo.kafka.transports.memory.members import MemorySource
from faststream_oo.kafka.transports.memory.transport import MemoryTransport
from faststream_oo.transport import Frame
from tests.unit.kafka.clock import ManualClock
from tests.unit.kafka.sinks import RecordingSink, Send, Start


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def transport(clock: ManualClock) -> AsyncIterator[MemoryTransport]:
    """An open transport in a world with a clock that the test moves."""
    transport = MemoryTransport(KafkaSettings())
    with embedded(Embedding(clock)):
        await transport.open()
    yield transport
    await transport.close()


@pytest.fixture
def send(transport: MemoryTransport) -> Send:
    """Send a record to a topic; it is in the log when this returns."""

    def send(
        topic: str,
        value: bytes | None = b"v",
        key: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        **options: object,
    ) -> KafkaReceipt:
        return transport.sender(Topic(topic)).send(Frame(value, headers, key, options)).result()

    return send


@pytest.fixture
async def start(transport: MemoryTransport) -> AsyncIterator[Start]:
    """Start a source over a sink of its own; all are closed at the end."""
    sources: list[MemorySource] = []

    async def start(
        address: str | Address, group: str | None = "g", sink: RecordingSink | None = None, **options: object
    ) -> tuple[MemorySource, RecordingSink]:
        address = Topic(address) if isinstance(address, str) else address
        source = transport.source(address, {"group": group, **options})
        sources.append(source)
        sink = sink or RecordingSink()
        await source.start(sink)
        return source, sink

    yield start
    transport.cluster.up()
    for source in sources:
        await source.close()
