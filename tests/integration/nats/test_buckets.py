"""Key-value buckets as user code reads, writes and watches them: the same on the embedded NATS and on a real server."""

import asyncio
import logging
from contextlib import AsyncExitStack
from typing import Annotated, Any

import pytest
from attrs import evolve, frozen

from faststream_oo import Application, Key, Path, RetryPolicy
from faststream_oo.errors import DecodeError, PublishError, SetupError, TransportError
from faststream_oo.nats import Entry, KeyValue, KeyValueStore, NatsBroker, NatsConsumer, NatsMessage, consumes
from tests.integration.nats.buckets import both, delete_bucket, outside, watching
from tests.integration.nats.worlds import EmbeddedWorld, NatsWorld, strict
from tests.integration.worlds import until

pytestmark = both

LARGEST = 1_048_576


@frozen
class Limit:
    frames: int


@pytest.fixture
def store(broker: NatsBroker, bucket: str) -> KeyValueStore[str]:
    """A bucket of text that keeps three values of a key."""
    return broker.key_value(KeyValue(bucket, history=3), str)


async def written(store: KeyValueStore[str], *keys: str) -> list[int]:
    return [await store.put(key, f"{key}-{number}") for number, key in enumerate(keys)]


# Reading and writing: V-01 to V-09, V-19 ------------------------------------------------------------------------------


async def test_revisions_count_the_changes_of_a_bucket(store: KeyValueStore[str]) -> None:
    assert await written(store, "k", "k", "j") == [1, 2, 3]
    assert await store.get("k") == Entry("k", "k-1", 2)


async def test_what_is_not_there_is_none_deleted_and_purged_alike(store: KeyValueStore[str]) -> None:
    await written(store, "k", "j")
    await store.delete("k")
    await store.delete("j", purge=True)
    assert [await store.get(key) for key in ("k", "j", "never")] == [None, None, None]


async def test_an_empty_value_is_a_value(broker: NatsBroker, bucket: str) -> None:
    store = broker.key_value(bucket, bytes)
    await store.put("k", b"")
    assert await store.get("k") == Entry("k", b"", 1)


async def test_revision_zero_writes_what_is_not_there(store: KeyValueStore[str]) -> None:
    assert await store.put("k", "1", revision=0) == 1
    with pytest.raises(PublishError, match=r'key "k" of bucket ".*" is there already, at revision 1'):
        await store.put("k", "2", revision=0)
    await store.delete("k")
    assert await store.put("k", "3", revision=0) == 3
    await store.delete("k", purge=True)
    assert await store.put("k", "4", revision=0) == 5


async def test_a_write_replaces_the_revision_that_it_names_and_no_other(store: KeyValueStore[str]) -> None:
    await written(store, "k", "k")
    assert await store.put("k", "new", revision=2) == 3
    with pytest.raises(PublishError, match=r"revision 2: .* wrong last sequence: 3 \(10071\)"):
        await store.put("k", "late", revision=2)
    assert await store.get("k") == Entry("k", "new", 3)


async def test_of_several_writes_to_one_revision_one_wins(store: KeyValueStore[str]) -> None:
    await store.put("k", "0")
    writes = [store.put("k", str(number), revision=1) for number in range(5)]
    results = await asyncio.gather(*writes, return_exceptions=True)
    assert sorted(type(one).__name__ for one in results) == ["PublishError"] * 4 + ["int"]


async def test_a_deletion_of_what_is_not_there_is_written_too(store: KeyValueStore[str]) -> None:
    await store.delete("k")
    assert await store.put("k", "1") == 2


async def test_a_bucket_keeps_as_many_values_of_a_key_as_it_was_made_for(store: KeyValueStore[str]) -> None:
    await written(store, "k", "k", "k", "k")
    assert [one.revision for one in await store.history("k")] == [2, 3, 4]
    await store.delete("k")
    assert [one.revision for one in await store.history("k")] == [3, 4]
    await store.delete("k", purge=True)
    assert await store.history("k") == []


async def test_keys_are_those_that_are_there_by_their_revisions(store: KeyValueStore[str]) -> None:
    assert await store.keys() == []
    await written(store, "b.2", "a", "b.1", "gone", "a")
    await store.delete("gone")
    assert await store.keys() == ["b.2", "b.1", "a"]
    assert await store.keys("b.*") == ["b.2", "b.1"]


@pytest.mark.parametrize("key", ["", "a b", "*", "a.>", ".a", "a.", "a..b", "$a", "ü"])
async def test_a_key_that_cannot_be_is_refused_by_its_name(store: KeyValueStore[str], key: str) -> None:
    for call in (store.put(key, "1"), store.get(key), store.delete(key), store.history(key)):
        with pytest.raises(TransportError, match="is no key: tokens of letters"):
            await call


@pytest.mark.parametrize("key", ["a/b", "a=b", "_x", "-", "A", "a.b.c", "k" * 300])
async def test_a_key_may_be_any_of_these(store: KeyValueStore[str], key: str) -> None:
    await store.put(key, "1")
    assert await store.keys() == [key]


async def test_a_value_may_be_as_large_as_a_message_and_no_larger(broker: NatsBroker, bucket: str) -> None:
    store = broker.key_value(bucket, bytes)
    # With its headers it is larger than the server takes, which would close the connection.
    with pytest.raises(PublishError, match=r"bytes, headers included, 1,048,576 is the limit"):
        await store.put("k", bytes(LARGEST))
    await store.put("k", bytes(LARGEST - 1000))
    found = await store.get("k")
    assert found is not None
    assert len(found.value) == LARGEST - 1000


async def test_values_are_of_one_type_by_the_codec(broker: NatsBroker, bucket: str) -> None:
    limits, texts = broker.key_value(bucket, Limit), broker.key_value(bucket, str)
    await limits.put("k", Limit(30))
    assert await limits.get("k") == Entry("k", Limit(30), 1)
    assert await texts.get("k") == Entry("k", '{"frames":30}', 1)
    await texts.put("k", "no limit")
    with pytest.raises(DecodeError, match=r'^key "k" at revision 2: malformed JSON') as wrong:
        await limits.get("k")
    assert wrong.value.path == "$"


# Buckets: V-16, V-17, V-18, N-E6 --------------------------------------------------------------------------------------


async def test_a_bucket_that_is_there_otherwise_is_told(broker: NatsBroker, bucket: str) -> None:
    await broker.declare(KeyValue(bucket, history=2))
    await broker.declare(KeyValue(bucket, history=2))
    with pytest.raises(TransportError, match=f'bucket "{bucket}": history is 2, not 3'):
        await broker.declare(KeyValue(bucket, history=3))


def test_a_bucket_keeps_64_values_of_a_key_at_most(world: NatsWorld) -> None:
    with pytest.raises(ValueError, match=r"KeyValue\.history must be .* of at most 64, not 65"):
        KeyValue("b", history=65)


async def test_a_bucket_that_cannot_be_is_refused_by_its_name(broker: NatsBroker) -> None:
    with pytest.raises(SetupError, match=r'"a\.b" is no name of a bucket: letters, digits, - and _'):
        broker.key_value("a.b", str)


async def test_an_external_bucket_is_never_made(world: NatsWorld, broker: NatsBroker, bucket: str) -> None:
    store = broker.key_value(KeyValue(bucket, external=True), str)
    if isinstance(world, EmbeddedWorld):
        assert await store.get("k") is None  # in a world of tests everything external exists
        return
    with pytest.raises(TransportError, match=f'bucket "{bucket}" does not exist'):
        await store.get("k")


async def test_a_bucket_that_is_missing_is_told_where_nothing_may_be_made(world: NatsWorld, bucket: str) -> None:
    world = strict(world)
    with world.below():
        async with NatsBroker(evolve(world.settings, topology="verify")) as broker:
            with pytest.raises(TransportError, match=f'bucket "{bucket}" does not exist'):
                await broker.key_value(bucket, str).get("k")
            with pytest.raises(TransportError, match=f'bucket "{bucket}" does not exist'):
                await broker.object_store(bucket).get("k")


async def test_a_bucket_that_was_deleted_is_told(world: NatsWorld, store: KeyValueStore[str], bucket: str) -> None:
    await store.put("k", "1")
    await delete_bucket(world, bucket)
    with pytest.raises(PublishError):
        await store.put("k", "2")
    with pytest.raises(TransportError, match="stream not found"):
        await store.get("k")


async def test_a_value_goes_when_its_time_is_over(broker: NatsBroker, bucket: str) -> None:
    store = broker.key_value(KeyValue(bucket, ttl=0.2), str)
    await store.put("k", "1")
    for _ in range(100):
        if await store.get("k") is None:
            break
        await asyncio.sleep(0.1)
    assert await store.get("k") is None


# Watching by hand: V-10 to V-15 ---------------------------------------------------------------------------------------


async def test_a_watch_gives_what_is_there_and_then_every_change(store: KeyValueStore[str]) -> None:
    await written(store, "a", "b", "a")
    await store.delete("b")
    changes = store.watch()
    seen = [await anext(changes) for _ in range(2)]
    for number in range(5):
        await store.put("c", str(number))
    await store.delete("c", purge=True)
    seen += [await anext(changes) for _ in range(6)]
    await changes.aclose()

    assert seen == [
        Entry("a", "a-2", 3), Entry("b", None, 4), *(Entry("c", str(n), 5 + n) for n in range(5)), Entry("c", None, 10)
    ]  # fmt: skip


async def test_a_watch_of_what_is_empty_waits_for_the_first_change(store: KeyValueStore[str]) -> None:
    await store.put("other", "1")
    changes = store.watch("k")
    first = asyncio.ensure_future(anext(changes))
    await asyncio.sleep(0.05)
    assert not first.done()
    await store.put("k", "2")
    assert await first == Entry("k", "2", 2)
    await changes.aclose()


async def test_a_watch_begins_with_the_marks_of_what_was_deleted_and_purged(store: KeyValueStore[str]) -> None:
    await written(store, "a", "b", "c")
    await store.delete("a")
    await store.delete("b", purge=True)
    changes = store.watch()
    assert [await anext(changes) for _ in range(3)] == [Entry("c", "c-2", 3), Entry("a", None, 4), Entry("b", None, 5)]
    await changes.aclose()


async def test_a_watch_is_not_told_of_a_value_whose_time_is_over(broker: NatsBroker, bucket: str) -> None:
    store = broker.key_value(KeyValue(bucket, ttl=0.5), str)
    changes = store.watch()
    await store.put("k", "1")
    assert await anext(changes) == Entry("k", "1", 1)
    async with asyncio.timeout(20):
        while await store.get("k") is not None:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.05)
    await store.put("j", "2")
    assert await anext(changes) == Entry("j", "2", 2)
    await changes.aclose()


@pytest.mark.parametrize(
    ("pattern", "keys"),
    [("a.*", ["a.1", "a.2"]), ("a.>", ["a.1", "a.2", "a.b.c"]), ("*", ["b"]), (">", ["a.1", "a.2", "b", "a.b.c"])],
)
async def test_a_watch_takes_the_keys_that_it_should(store: KeyValueStore[str], pattern: str, keys: list[str]) -> None:
    await written(store, "a.1", "a.2", "b", "a.b.c")
    watching = store.watch(pattern)
    assert [(await anext(watching)).key for _ in keys] == keys
    await watching.aclose()


async def test_a_watch_ends_with_its_connection(world: NatsWorld, bucket: str) -> None:
    async with outside(world) as broker:
        store = broker.key_value(bucket, str)
        await store.put("k", "1")
        changes = store.watch()
        await anext(changes)
        waiting = asyncio.ensure_future(anext(changes))
        await asyncio.sleep(0)
    async with asyncio.timeout(4.0):  # nobody asks a server that is left and waits for its answer
        with pytest.raises(TransportError, match="the connection to NATS is closed"):
            await waiting


async def test_a_pattern_that_cannot_be_is_refused_by_its_name(store: KeyValueStore[str]) -> None:
    with pytest.raises(TransportError, match=r'"a\.\$" is no pattern of keys'):
        await anext(store.watch("a.$"))


# Consuming ------------------------------------------------------------------------------------------------------------


async def test_a_handler_gets_current_values_and_then_changes(world: NatsWorld, bucket: str) -> None:
    seen: list[tuple[str, str, int | None, str | None]] = []

    @consumes(KeyValue(bucket, history=5))
    async def changed(self: Any, value: str, key: Annotated[str, Key()], message: NatsMessage) -> None:
        seen.append((key, value, message.sequence, message.operation))

    async with outside(world) as broker:
        await written(broker.key_value(KeyValue(bucket, history=5), str), "a", "b", "a")

    async with watching(world, changed) as broker:
        await until(lambda: len(seen) == 2)
        await broker.key_value(bucket, str).put("c", "later")
        await until(lambda: len(seen) == 3)

    assert seen == [("b", "b-1", 2, "put"), ("a", "a-2", 3, "put"), ("c", "later", 4, "put")]


@pytest.mark.parametrize(("watch", "seen"), [("history", [1, 2, 3]), ("changes", [])])
async def test_a_watch_begins_where_it_says(world: NatsWorld, bucket: str, watch: Any, seen: list[int]) -> None:
    taken: list[int | None] = []

    @consumes(KeyValue(bucket, history=5, watch=watch))
    async def changed(self: Any, message: NatsMessage) -> None:
        taken.append(message.sequence)

    async with outside(world) as broker:
        await written(broker.key_value(KeyValue(bucket, history=5), str), "a", "b", "a")

    async with watching(world, changed) as broker:
        await broker.key_value(bucket, str).put("c", "later")
        await until(lambda: 4 in taken)

    assert taken == [*seen, 4]


async def test_deletions_come_without_a_value_where_they_are_asked_for(world: NatsWorld, bucket: str) -> None:
    told: list[tuple[str, Limit | None, str | None]] = []
    silent: list[str] = []

    @consumes(KeyValue(bucket, deletes=True))
    async def changed(self: Any, limit: Limit | None, key: Annotated[str, Key()], message: NatsMessage) -> None:
        told.append((key, limit, message.operation))

    @consumes(KeyValue(bucket))
    async def put(self: Any, limit: Limit, key: Annotated[str, Key()]) -> None:
        silent.append(key)

    async with watching(world, changed, put) as broker:
        store: KeyValueStore[Limit] = broker.key_value(bucket, Limit)
        await store.put("a", Limit(1))
        await store.delete("a")
        await store.delete("a", purge=True)
        await store.put("b", Limit(2))
        await until(lambda: len(told) == 4 and len(silent) == 2)

    assert told == [("a", Limit(1), "put"), ("a", None, "delete"), ("a", None, "purge"), ("b", Limit(2), "put")]
    assert silent == ["a", "b"]


async def test_a_part_of_a_key_is_a_part_of_the_path(world: NatsWorld, bucket: str) -> None:
    seen: list[tuple[str, str]] = []

    @consumes(KeyValue(bucket, keys="encoder.{region}.*"))
    async def changed(self: Any, value: str, region: Annotated[str, Path()], key: Annotated[str, Key()]) -> None:
        seen.append((region, key))

    async with watching(world, changed) as broker:
        await written(broker.key_value(bucket, str), "encoder.eu", "other.us.1", "encoder.us.1")
        await until(lambda: seen)

    assert seen == [("us", "encoder.us.1")]


async def test_every_process_sees_every_change(world: NatsWorld, bucket: str) -> None:
    seen: list[list[str]] = [[], []]

    def watcher(taken: list[str]) -> type[NatsConsumer]:
        class Watcher(NatsConsumer):
            @consumes(KeyValue(bucket))
            async def changed(self, value: str) -> None:
                taken.append(value)

        return Watcher

    async with AsyncExitStack() as stack:
        stack.enter_context(world.below())
        brokers = [world.broker() for _ in seen]
        for broker, taken in zip(brokers, seen, strict=True):
            await stack.enter_async_context(Application(consumers=[watcher(taken)(broker)]))
        await written(brokers[0].key_value(bucket, str), "a", "b")
        await until(lambda: all(len(taken) == 2 for taken in seen))

    assert seen == [["a-0", "b-1"], ["a-0", "b-1"]]


async def test_a_bucket_that_was_deleted_is_made_again_and_watched_from_its_beginning(
    world: NatsWorld, bucket: str, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[tuple[str, int | None]] = []

    @consumes(KeyValue(bucket))
    async def changed(self: Any, value: str, message: NatsMessage) -> None:
        seen.append((value, message.sequence))

    caplog.set_level(logging.INFO, "faststream_oo")
    async with watching(world, changed) as broker:
        store = broker.key_value(bucket, str)
        await written(store, "a", "b")
        await until(lambda: len(seen) == 2)
        await delete_bucket(world, bucket)
        await until(lambda: "Watcher.changed is connected again" in caplog.messages)
        assert broker.subscriptions[0].state == "running"
        await store.put("a", "new")
        await until(lambda: len(seen) == 3)

    assert seen == [("a-0", 1), ("b-1", 2), ("new", 1)]


async def test_a_change_whose_handler_keeps_failing_is_dropped_and_counted(
    world: NatsWorld, bucket: str, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[int] = []

    @consumes(KeyValue(bucket))
    async def changed(self: Any, value: str, message: NatsMessage) -> None:
        seen.append(message.attempt)
        if value == "bad":
            raise ValueError(value)

    with caplog.at_level(logging.ERROR, "faststream_oo"):
        async with watching(world, changed, retry=RetryPolicy(attempts=2, delay=0.01)) as broker:
            store: KeyValueStore[str] = broker.key_value(bucket, str)
            await store.put("a", "bad")
            await until(lambda: broker.subscriptions[0].lost == 1)
            await store.put("a", "good")
            await until(lambda: len(seen) == 3)

    assert seen == [1, 2, 1]
    assert caplog.messages == ["dropped, there is no dead-letter address"]
