"""Sending: what is accepted is put into a batch at once, so the order of the calls is the order in the log.

aiokafka's `send` waits when its batch is full, and sends that come later overtake it; a batch of ours is filled without
waiting. It is also a third of the work.
"""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from random import random
from typing import Any, Final

from aiokafka.record.default_records import DefaultRecordBatchBuilder

from faststream_oo.errors import PublishError
from faststream_oo.kafka.address import topic_problem
from faststream_oo.kafka.message import Record
from faststream_oo.kafka.partitioner import partition_of
from faststream_oo.kafka.transports.aiokafka.admin import ClusterAdmin
from faststream_oo.kafka.transports.aiokafka.batches import (
    KEY,
    Confirm,
    Entry,
    Headers,
    PartitionLane,
    fail,
    publish_error,
)
from faststream_oo.kafka.transports.aiokafka.producers import Producers
from faststream_oo.transport import Frame

_NULL_BODY: Final = "fsoo-dl-null"
_LOOKS: Final = 4
"""How often a topic that seems to be missing is looked for: a new one takes a moment to be known everywhere."""

_LOOK_PAUSE: Final = 0.1


class TopicSender:
    """Sends to one topic.

    Args:
        topic: Its name.
        producers: What sends.
        admin: Where it is looked up before its first record: a producer that asks for a missing topic may create it.
        linger: Seconds that a batch waits for more records.
        largest: Bytes that a record may have.
    """

    def __init__(self, topic: str, producers: Producers, admin: ClusterAdmin, linger: float, largest: int) -> None:
        self._topic = topic
        self._problem = topic_problem(topic)
        self._producers = producers
        self._admin = admin
        self._linger = linger
        self._largest = largest
        self._lanes: dict[int, PartitionLane] = {}
        self._count = 0
        self._available: Sequence[int] = ()
        self._partition_of = lru_cache(maxsize=4096)(partition_of)
        self._early: deque[tuple[int | None, Entry]] = deque()
        self._learning: asyncio.Task[None] | None = None

    def send(self, frame: Frame, /) -> Confirm:
        """Accept a record; the future gives its place in the log. Raises PublishError."""
        if frame.copy_of is None:
            value, key, headers = frame.body, frame.key, _encoded(frame.headers)
            # Only what may be too large is measured.
            if value is not None and len(value) > self._largest >> 1:
                self._check_size(key, value, headers)
        else:
            value, key, headers = _copied(frame.copy_of.raw, frame.headers)
        if value is None and key is None:
            raise PublishError(f'a record to "{self._topic}" needs a key or a value')
        partition, timestamp = _placed(frame.options) if frame.options else (None, None)
        confirm: Confirm = asyncio.Future()
        entry = (confirm, frame.receipt, timestamp, key, value, headers)
        if self._early or not self._lanes:
            self._learn_first(partition, entry)
        else:
            self._place(partition, entry)
        return confirm

    def _learn_first(self, partition: int | None, entry: Entry) -> None:
        """Keep what comes before the topic is known."""
        if self._problem is not None:
            raise PublishError(self._problem)
        self._producers.current  # noqa: B018 - raises when the transport is not open
        self._early.append((partition, entry))
        if self._learning is None:
            self._learning = asyncio.ensure_future(self._learn())

    async def close(self, seconds: float, /) -> None:
        """Wait so long for what was accepted; what is not confirmed by then fails."""
        if self._learning is not None:
            await asyncio.wait([self._learning], timeout=seconds)
        for lane in self._lanes.values():
            lane.hurry()
        tasks = [lane.task for lane in self._lanes.values() if lane.task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)
        running = [task for task in (self._learning, *tasks) if task is not None and not task.done()]
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)
        self._lanes.clear()

    def _place(self, partition: int | None, entry: Entry) -> None:
        if partition is None:
            key = entry[KEY]
            available = self._available
            if key is None:
                partition = available[int(random() * len(available))]  # noqa: S311 - spreads load, hides nothing
            else:
                partition = self._partition_of(key, self._count)
        lane = self._lanes.get(partition)
        if lane is None:
            self._refresh()
            lane = self._lanes.get(partition)
        if lane is None:
            raise PublishError(f'topic "{self._topic}" has no partition {partition}: it has {self._count}')
        lane.append(entry)

    def _check_size(self, key: bytes | None, value: bytes, headers: Headers) -> None:
        size = DefaultRecordBatchBuilder.estimate_size_in_bytes(key, value, headers)
        if size > self._largest:
            what = f'a record to "{self._topic}" would have {size:,} bytes, {self._largest:,} is the limit'
            raise PublishError(f'{what}; kafka.config["max_request_size"] raises it')

    async def _learn(self) -> None:
        """Find the topic and its partitions, then send what came in meanwhile, in order."""
        try:
            await self._find()
            await self._producers.current.partitions_for(self._topic)
            self._refresh()
        except asyncio.CancelledError:
            self._give_up(PublishError("the Kafka transport was closed"))
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the answer to everybody who waits
            self._give_up(publish_error(self._topic, error))
        while self._early:
            partition, entry = self._early[0]
            try:
                self._place(partition, entry)
            except PublishError as error:
                fail(entry[0], error)
            self._early.popleft()
        self._learning = None

    async def _find(self) -> None:
        for look in range(_LOOKS):
            if look:
                await asyncio.sleep(_LOOK_PAUSE)
            if await self._admin.exists(self._topic):
                return
        raise PublishError(f'topic "{self._topic}" does not exist; topology: create makes declared topics')

    def _give_up(self, error: PublishError) -> None:
        while self._early:
            fail(self._early.popleft()[1][0], error)

    def _refresh(self) -> None:
        """Take over what the client knows about the partitions."""
        cluster = self._producers.current.client.cluster
        every = cluster.partitions_for_topic(self._topic)
        if not every:
            return
        for partition in every:
            if partition not in self._lanes:
                lane = PartitionLane(self._topic, partition, self._producers, self._linger, self._refresh)
                self._lanes[partition] = lane
        self._count = len(every)
        self._available = sorted(cluster.available_partitions_for_topic(self._topic) or every)


def _encoded(headers: Mapping[str, str]) -> Headers:
    try:
        return [(name, text.encode()) for name, text in headers.items()]
    except UnicodeEncodeError:  # text that stands for bytes that are no UTF-8, as it was received
        return [(name, text.encode("utf-8", "surrogateescape")) for name, text in headers.items()]


def _copied(record: Any, headers: Mapping[str, str]) -> tuple[bytes | None, bytes | None, Headers]:
    """Value, key and headers of a received record as they came, and ours behind them."""
    source: Record = record
    value, key = source.value, source.key
    ours = _encoded(headers)
    if value is None and key is None:  # aiokafka does not write such a record
        value = b""
        ours.append((_NULL_BODY, b"1"))
    replaced = {name for name, _ in ours if name.startswith("fsoo-")}
    return value, key, [header for header in source.headers if header[0] not in replaced] + ours


def _placed(options: Mapping[str, object]) -> tuple[int | None, int | None]:
    """Partition and timestamp in milliseconds, None for what is not said."""
    partition, timestamp = options.get("partition"), options.get("timestamp")
    if partition is not None and not isinstance(partition, int):
        raise PublishError(f"partition={partition!r} is no number")
    if timestamp is not None and not isinstance(timestamp, datetime):
        raise PublishError(f"timestamp={timestamp!r} is no datetime")
    return partition, None if timestamp is None else round(timestamp.timestamp() * 1000)
