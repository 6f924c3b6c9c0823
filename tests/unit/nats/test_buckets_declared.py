"""Buckets that an application declares: made, compared, or left alone, as the mode says."""

from collections.abc import AsyncIterator

import pytest

from faststream_oo.errors import TransportError
from faststream_oo.nats import KeyValue, NatsSettings, ObjectStore
from faststream_oo.nats.transports.memory.transport import MemoryTransport

BOTH = pytest.mark.parametrize("bucket", [KeyValue("b"), ObjectStore("b")])


@pytest.fixture
async def transport() -> AsyncIterator[MemoryTransport]:
    """A transport to a server of its own, where nobody makes what others own."""
    transport = MemoryTransport(NatsSettings())
    await transport.open()
    yield transport
    await transport.close()


@BOTH
async def test_what_is_missing_is_made(transport: MemoryTransport, bucket: KeyValue | ObjectStore) -> None:
    assert await transport.declare([bucket, bucket], "create") == []
    assert bucket.stream in transport.server.jetstream.streams
    assert await transport.declare([bucket], "verify") == []


@BOTH
async def test_what_is_missing_is_told_where_nothing_may_be_made(
    transport: MemoryTransport, bucket: KeyValue | ObjectStore
) -> None:
    assert await transport.declare([bucket], "verify") == ['bucket "b" does not exist']
    assert await transport.declare([bucket], "off") == []
    assert transport.server.jetstream.streams == {}


@pytest.mark.parametrize("bucket", [KeyValue("b", external=True), ObjectStore("b", external=True)])
async def test_what_others_own_is_never_made(transport: MemoryTransport, bucket: KeyValue | ObjectStore) -> None:
    assert await transport.declare([bucket], "create") == ['bucket "b" does not exist']
    opened = transport.open_bucket(bucket) if isinstance(bucket, KeyValue) else transport.open_objects(bucket)
    with pytest.raises(TransportError, match='bucket "b" does not exist'):
        await opened


async def test_what_is_there_otherwise_stays_and_is_told(transport: MemoryTransport) -> None:
    await transport.declare([KeyValue("b", history=2, ttl=60.0), ObjectStore("b")], "create")
    assert await transport.declare([KeyValue("b", storage="memory"), ObjectStore("b", ttl=5.0)], "create") == [
        'bucket "b": history is 2, not 1',
        'bucket "b": ttl is 60.0, not None',
        'bucket "b": storage is file, not memory',
        'bucket "b": ttl is None, not 5.0',
    ]
    assert await transport.declare([KeyValue("b", external=True)], "create") == []


async def test_one_bucket_may_be_named_with_several_keys(transport: MemoryTransport) -> None:
    watched = [KeyValue("b", keys="a.*"), KeyValue("b", keys="b.>", watch="changes", deletes=True), KeyValue("b")]
    assert await transport.declare(watched, "create") == []
