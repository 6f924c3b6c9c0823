"""One history, made up by a seed, on the embedded NATS and on a real server: the same is answered, and the same is left."""

import random
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from faststream_oo.errors import TransportError
from faststream_oo.nats import JetStream, KeyValue, KeyValueStore, NatsOutgoing, Subject
from tests.integration.kinds import KINDS
from tests.integration.nats.buckets import delete_bucket, outside
from tests.integration.nats.worlds import NatsWorld, StreamWorld

KEYS = ["a", "a.b", "a.c", "b", "c.d.e"]
PATTERNS = [">", "a.*", "*", "a.>", "c.d.e"]
LIMITS: dict[str, list[Any]] = {
    "max_messages": [None, 2, 4],
    "max_bytes": [None, 700, 1500],
    "max_message_size": [None, 200],
    "discard": ["old", "new"],
    "storage": ["file", "memory"],
}
EXPECTED: dict[str, list[str]] = {
    "Nats-Expected-Last-Sequence": ["0", "1", "2", "4", "6"],
    "Nats-Expected-Last-Subject-Sequence": ["0", "1", "2", "4", "6"],
    "Nats-Expected-Last-Msg-Id": ["a", "b", "c"],
    "Nats-Expected-Stream": ["other"],
    "Nats-Rollup": ["sub"],
}


async def answer(call: Awaitable[object], own: str) -> str:
    """Return what something came to, without the name of the test's own."""
    try:
        return str(await call).replace(own, "OWN")
    except TransportError as error:
        return f"{type(error).__name__}: {error}".replace(own, "OWN")


async def of_a_stream(world: StreamWorld, chance: random.Random) -> list[str]:
    """Publish, purge and read."""
    name = world.name("alike")
    stream = JetStream(name, subjects=[name, f"{name}.>"], **{limit: chance.choice(LIMITS[limit]) for limit in LIMITS})
    told: list[str] = []
    async with world.serving() as served:
        await served.broker.declare(stream)
        for _ in range(40):
            subject = name + chance.choice(["", ".a", ".b"])
            headers = {header: chance.choice(EXPECTED[header]) for header in EXPECTED if chance.random() < 0.1}
            message = NatsOutgoing("x" * chance.choice([1, 50, 150]), headers=headers, id=chance.choice("abcdefgh"))
            told.append(await answer(served.broker.send_now(Subject(subject, stream=stream), message), name))
            if chance.random() < 0.2:
                told.append(str([len(one.data) for one in await world.stored(name, subject)]))
            if chance.random() < 0.05:
                await world.purge(name)
    return told


async def of_a_bucket(world: NatsWorld, chance: random.Random) -> list[str]:
    """Write, delete and read."""
    name = f"b-{uuid.uuid4().hex[:10]}"
    told: list[str] = []
    async with outside(world) as broker:
        store = broker.key_value(KeyValue(name, history=chance.choice([1, 2, 5])), str)
        for _ in range(40):
            told.append(await answer(_one_call(store, chance), name))  # noqa: PERF401 - one after another
    await delete_bucket(world, name)
    return told


def _one_call(store: KeyValueStore[str], chance: random.Random) -> Awaitable[object]:
    key, value, revision = chance.choice(KEYS), str(chance.random()), chance.choice([0, 1, 2, 3, 5])
    purge, pattern = chance.random() < 0.5, chance.choice(PATTERNS)
    calls: list[Callable[[], Awaitable[object]]] = [
        lambda: store.put(key, value),
        lambda: store.put(key, value, revision=revision),
        lambda: store.delete(key, purge=purge),
        lambda: store.get(key),
        lambda: store.keys(pattern),
        lambda: store.history(key),
    ]
    return chance.choice(calls)()


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize(("kind", "history"), [("nats-stream", of_a_stream), ("nats", of_a_bucket)])
async def test_a_history_is_the_same_embedded_and_real(kind: str, history: Any, seed: int) -> None:
    told: list[list[str]] = []
    for name in (f"{kind}-memory", kind):
        async with KINDS[name].made() as world:
            told.append(await history(world, random.Random(seed)))
    assert told[0] == told[1]
