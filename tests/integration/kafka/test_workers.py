"""Two workers of one group, on a real Kafka."""

import asyncio
import signal
from asyncio.subprocess import Process
from collections import defaultdict
from collections.abc import Callable
from itertools import permutations
from pathlib import Path

import pytest

from tests.integration.kafka.worlds import RealWorld
from tests.integration.workers import fill, handled, worker
from tests.integration.worlds import until

COUNT = 3000
CLIENTS = ["kafka", "kafka-confluent"]

pytestmark = pytest.mark.timeout(180)


@pytest.mark.parametrize("client", CLIENTS)
async def test_of_two_workers_one_is_killed_and_one_stopped_politely(
    kafka: RealWorld, tmp_path: Path, client: str
) -> None:
    topic = await kafka.create("two", 4)
    logs = [tmp_path / name for name in ("killed", "polite", "last")]
    killed = await worker(client, kafka, topic, logs[0])
    polite = await worker(client, kafka, topic, logs[1])
    fed = await _feed_until(kafka, topic, lambda: all(len(handled(log)) > 100 for log in logs[:2]))
    killed.send_signal(signal.SIGKILL)
    await killed.wait()
    await fill(kafka, topic, fed, COUNT - fed)
    before = set(handled(logs[0]))
    await until(lambda: len({n for _, n in handled(logs[1])} | {n for _, n in before}) == COUNT, 60)
    await fill(kafka, topic, COUNT, 500)
    await until(lambda: len(handled(logs[1])) > 100, 60)
    polite.send_signal(signal.SIGTERM)
    assert await polite.wait() == 0
    last = await worker(client, kafka, topic, logs[2])
    await until(lambda: {n for log in logs for _, n in handled(log)} == set(range(COUNT + 500)), 60)
    last.send_signal(signal.SIGTERM)
    assert await last.wait() == 0

    assert not set(handled(logs[1])) & set(handled(logs[2])), "the polite stop doubled something"
    assert len(handled(logs[1])) == len(set(handled(logs[1])))
    for log in logs:
        by_key: dict[str, list[int]] = defaultdict(list)
        for key, number in handled(log):
            by_key[key].append(number)
        assert all(numbers == sorted(numbers) for numbers in by_key.values())


@pytest.mark.parametrize(("before", "after"), list(permutations(CLIENTS)))
async def test_workers_of_one_client_are_replaced_by_those_of_the_other_while_messages_flow(
    kafka: RealWorld, tmp_path: Path, before: str, after: str
) -> None:
    topic = await kafka.create("swap", 4)
    log = tmp_path / "handled"  # of all of them: its order is that of the handling
    enough = asyncio.Event()

    async def feed() -> int:
        first = 0
        while not enough.is_set():
            await fill(kafka, topic, first, 20)
            first += 20
            await asyncio.sleep(0.05)
        return first

    old = [await worker(before, kafka, topic, log) for _ in range(2)]
    feeding = asyncio.create_task(feed())
    await _goes_on(log)
    new: list[Process] = []
    for process in old:
        new.append(await worker(after, kafka, topic, log))
        await _goes_on(log)
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
        await _goes_on(log)
    enough.set()
    count = await feeding
    await until(lambda: len(handled(log)) >= count, 60)
    for process in new:
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0

    numbers = [number for _, number in handled(log)]
    assert sorted(numbers) == list(range(count)), "lost or doubled"
    by_key: dict[str, list[int]] = defaultdict(list)
    for key, number in handled(log):
        by_key[key].append(number)
    assert all(numbers == sorted(numbers) for numbers in by_key.values())


async def _goes_on(log: Path) -> None:
    """Return when a hundred more were handled."""
    so_far = len(handled(log))
    await until(lambda: len(handled(log)) >= so_far + 100, 60)


async def _feed_until(kafka: RealWorld, topic: str, enough: Callable[[], bool]) -> int:
    """Feed slowly until both workers are at it; return the next number."""
    for first in range(0, COUNT, 20):
        if enough():
            return first
        await fill(kafka, topic, first, 20)
        await asyncio.sleep(0.2)
    raise AssertionError("the workers did not share the work")
