"""Object stores as user code reads, writes and watches them: the same on the embedded NATS and on a real server."""

import base64
import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, cast

import pytest

from faststream_oo import Key
from faststream_oo.errors import PublishError, SetupError, TransportError
from faststream_oo.nats import (
    NatsBroker,
    NatsMessage,
    ObjectBucket,
    ObjectInfo,
    ObjectStore,
    consumes,
)
from faststream_oo.nats.client.objects import CHUNK, BytesObjects
from faststream_oo.nats.transport import NatsTransport
from tests.integration.nats.buckets import both, delete_bucket, outside, seal, watching
from tests.integration.nats.worlds import EmbeddedWorld, NatsWorld
from tests.integration.worlds import until

pytestmark = both


@pytest.fixture
def store(broker: NatsBroker, bucket: str) -> ObjectBucket:
    return broker.object_store(bucket)


async def parts(*given: bytes) -> AsyncIterator[bytes]:
    for part in given:
        yield part


async def test_an_object_of_any_size_is_stored_and_read_whole(store: ObjectBucket) -> None:
    content = bytes(range(256)) * 2000
    before = datetime.now(UTC)
    info = await store.put("video", content, headers={"region": "eu"})
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode()

    assert (info.name, info.size, info.deleted, info.headers) == ("video", 512_000, False, {"region": "eu"})
    assert info.digest == f"SHA-256={digest}"
    assert abs(info.modified_at - before) < timedelta(seconds=60)
    assert await store.get("video") == content


async def test_an_object_is_streamed_in_and_out(store: ObjectBucket) -> None:
    await store.put("video", parts(b"x" * 100_000, b"", b"y" * 200_000))
    chunks = [chunk async for chunk in store.stream("video")]
    assert [len(chunk) for chunk in chunks] == [CHUNK, CHUNK, 300_000 - 2 * CHUNK]
    assert b"".join(chunks) == b"x" * 100_000 + b"y" * 200_000


@pytest.mark.parametrize("content", ["text", 5, None, [b"x"]])
async def test_what_is_no_content_is_told_and_nothing_is_stored(store: ObjectBucket, content: Any) -> None:
    wanted = f"content must be bytes or an async iterator of bytes, not {type(content).__name__}"
    with pytest.raises(TypeError, match=wanted):
        await store.put("x", content)
    assert await store.info("x") is None


async def test_an_object_takes_the_place_of_its_predecessor(store: ObjectBucket) -> None:
    await store.put("a", b"old" * CHUNK)
    await store.put("a", b"new")
    assert await store.get("a") == b"new"
    assert [info.size for info in await store.list()] == [3]


@pytest.mark.parametrize("name", ["a b/ü", "x" * 200, "*", ">", "."])
async def test_an_object_may_have_any_name_but_none(store: ObjectBucket, name: str) -> None:
    await store.put(name, b"1")
    info = await store.info(name)
    assert info is not None
    assert info.name == name


async def test_an_object_without_a_name_is_refused(store: ObjectBucket) -> None:
    with pytest.raises(PublishError, match="an object needs a name"):
        await store.put("", b"1")


async def test_an_empty_object_is_one(store: ObjectBucket) -> None:
    info = await store.put("empty", b"")
    assert info.size == 0
    assert await store.get("empty") == b""


async def test_what_is_not_there_is_none_and_deleted_alike(store: ObjectBucket) -> None:
    await store.put("gone", b"1")
    await store.delete("gone")
    await store.delete("never")
    for name in ("gone", "never"):
        assert await store.get(name) is None
        assert await store.info(name) is None
        with pytest.raises(KeyError, match=name):
            await anext(store.stream(name))


async def test_what_is_there_is_listed_without_what_was_deleted(store: ObjectBucket) -> None:
    assert await store.list() == []
    for name in ("a", "b", "c"):
        await store.put(name, name.encode())
    await store.delete("b")
    assert [info.name for info in await store.list()] == ["a", "c"]


async def test_an_object_whose_storing_failed_leaves_the_former_one(store: ObjectBucket) -> None:
    async def failing() -> AsyncIterator[bytes]:
        yield b"x" * CHUNK * 2
        raise RuntimeError("the source broke")

    await store.put("a", b"whole")
    with pytest.raises(RuntimeError, match="the source broke"):
        await store.put("a", failing())
    assert await store.get("a") == b"whole"


@pytest.mark.parametrize("content", [b"new", b""])
async def test_a_sealed_store_takes_nothing_and_gives_what_it_has(
    world: NatsWorld, store: ObjectBucket, bucket: str, content: bytes
) -> None:
    await store.put("a", b"whole")
    await seal(world, bucket)
    for change in (store.put("a", content), store.put("b", content), store.delete("a")):
        with pytest.raises(PublishError, match=r"invalid operation on sealed stream \(10109\)"):
            await change
    assert await store.get("a") == b"whole"
    assert [info.name for info in await store.list()] == ["a"]


async def test_an_object_of_which_a_part_is_missing_is_told(
    broker: NatsBroker, store: ObjectBucket, bucket: str
) -> None:
    await store.put("a", b"x" * CHUNK * 3)
    opened = await cast(NatsTransport, broker.transport).open_objects(ObjectStore(bucket))
    link = cast(BytesObjects, opened)._link
    await link.purge(ObjectStore(bucket).chunks(">"))
    with pytest.raises(TransportError, match=r'object "a" .* is not whole: 0 of 3 chunks are there'):
        await store.get("a")


async def test_a_store_that_cannot_be_is_refused_by_its_name(broker: NatsBroker) -> None:
    with pytest.raises(SetupError, match=r'"a b" is no name of a bucket'):
        broker.object_store("a b")


async def test_an_external_store_is_never_made(world: NatsWorld, broker: NatsBroker, bucket: str) -> None:
    store = broker.object_store(ObjectStore(bucket, external=True))
    if isinstance(world, EmbeddedWorld):
        assert await store.list() == []  # in a world of tests everything external exists
        return
    with pytest.raises(TransportError, match=f'bucket "{bucket}" does not exist'):
        await store.list()


async def test_a_store_that_was_deleted_is_told(world: NatsWorld, store: ObjectBucket, bucket: str) -> None:
    await store.put("a", b"1")
    await delete_bucket(world, bucket)
    with pytest.raises(TransportError, match="stream not found"):
        await store.get("a")


# Consuming ------------------------------------------------------------------------------------------------------------


async def test_a_handler_gets_what_is_there_and_then_what_is_stored(world: NatsWorld, bucket: str) -> None:
    seen: list[tuple[str, int, str, str | None]] = []

    @consumes(ObjectStore(bucket))
    async def stored(self: Any, info: ObjectInfo, key: Annotated[str, Key()], message: NatsMessage) -> None:
        seen.append((info.name, info.size, key, message.operation))

    async with outside(world) as broker:
        store = broker.object_store(bucket)
        await store.put("a", b"1", headers={"h": "ü"})
        await store.put("gone", b"22")
        await store.delete("gone")

    async with watching(world, stored) as broker:
        await until(lambda: seen)
        await broker.object_store(bucket).put("b/ü", b"333")
        await until(lambda: len(seen) == 2)

    assert seen == [("a", 1, "a", "put"), ("b/ü", 3, "b/ü", "put")]


async def test_changes_alone_and_deletions_come_where_they_are_asked_for(world: NatsWorld, bucket: str) -> None:
    seen: list[ObjectInfo] = []

    @consumes(ObjectStore(bucket, watch="changes", deletes=True))
    async def changed(self: Any, info: ObjectInfo) -> None:
        seen.append(info)

    async with outside(world) as broker:
        await broker.object_store(bucket).put("before", b"1")

    async with watching(world, changed) as broker:
        store = broker.object_store(bucket)
        info = await store.put("a", b"1", headers={"h": "v"})
        await store.delete("a")
        await until(lambda: len(seen) == 2)

    assert [(one.name, one.deleted, one.size) for one in seen] == [("a", False, 1), ("a", True, 0)]
    assert (seen[0].digest, seen[0].headers) == (info.digest, {"h": "v"})
    assert abs(seen[0].modified_at - info.modified_at) < timedelta(seconds=5)


async def test_a_handler_reads_the_object_that_it_is_told_of(world: NatsWorld, bucket: str) -> None:
    seen: list[bytes | None] = []

    @consumes(ObjectStore(bucket))
    async def stored(self: Any, info: ObjectInfo) -> None:
        seen.append(await self.broker.object_store(bucket).get(info.name))

    async with watching(world, stored) as broker:
        await broker.object_store(bucket).put("a", b"content")
        await until(lambda: seen)

    assert seen == [b"content"]
