"""Sending: what is accepted is put into a batch at once, so the order of the calls is the order in the log.

aiokafka's `send` waits when its batch is full, and sends that come later overtake it; a batch of ours is filled without
waiting. It is also a third of the work. One batch a partition is on its way at a time.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from random import random
from typing import Any, Final

from aiokafka import AIOKafkaProducer, errors
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.structs import RecordMetadata

from faststream_oo.errors import PublishError
from faststream_oo.kafka.client.admin import ClusterAdmin
from faststream_oo.kafka.client.sender import KEY, Entry, TopicSender, fail
from faststream_oo.kafka.message import KafkaReceipt
from faststream_oo.kafka.partitioner import partition_of
from faststream_oo.kafka.transports.aiokafka.causes import describe
from faststream_oo.kafka.transports.aiokafka.producers import Producers

_ABOUT_ONE_RECORD: Final = (errors.InvalidTimestampError, errors.MessageSizeTooLargeError, errors.UnknownError)
"""Refusals of a batch that may be about one record of it. aiokafka calls INVALID_RECORD (87) unknown."""


class Batch:
    """Records on their way to one partition."""

    __slots__ = ("builder", "entries", "offsets", "producer")

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self.producer = producer
        self.builder: BatchBuilder = producer.create_batch()
        self.entries: list[Entry] = []
        self.offsets: list[Any] = []
        """The client's notes about each record: its offset in the batch and its timestamp."""

    def add(self, entry: Entry) -> bool:
        """Add a record; False when the batch is full. Raises PublishError."""
        _, _, timestamp, key, value, headers = entry
        try:
            note = self.builder.append(timestamp=timestamp, key=key, value=value, headers=headers)
        except (TypeError, ValueError, OverflowError) as error:
            raise PublishError(f"this is no Kafka record: {error}") from error
        if note is None:
            return False
        self.entries.append(entry)
        self.offsets.append(note)
        return True

    def build(self, producer: AIOKafkaProducer) -> BatchBuilder:
        """Return what a producer sends; its records again when it is not the producer that it was made for."""
        if producer is not self.producer:
            again = Batch(producer)
            for entry in self.entries:
                again.add(entry)
            self.producer, self.builder, self.offsets = producer, again.builder, again.offsets
        self.builder.close()
        return self.builder

    def halves(self) -> Sequence["Batch"]:
        """Return two batches of the same records."""
        middle = len(self.entries) // 2
        halves = []
        for entries in (self.entries[:middle], self.entries[middle:]):
            half = Batch(self.producer)
            for entry in entries:
                half.add(entry)
            halves.append(half)
        return halves


class PartitionLane:
    """The batches of one partition; a task sends them, one after the other, while there are any.

    Args:
        topic: Its topic.
        partition: Its number.
        producers: What sends.
        linger: Seconds that a batch waits for more records.
        sent: Called when a batch was sent.
    """

    __slots__ = ("_filled", "_full", "_linger", "_open", "_partition", "_producers", "_sent", "_topic", "task")

    def __init__(
        self, topic: str, partition: int, producers: Producers, linger: float, sent: Callable[[], None]
    ) -> None:
        self._topic = topic
        self._partition = partition
        self._producers = producers
        self._linger = linger
        self._sent = sent
        self._open: Batch | None = None
        self._full: deque[Batch] = deque()
        self._filled: asyncio.Future[None] | None = None
        self.task: asyncio.Task[None] | None = None
        """What sends now, None while there is nothing to send."""

    def append(self, entry: Entry) -> None:
        """Add a record behind those that wait. Raises PublishError."""
        batch = self._open
        if batch is None or not batch.add(entry):
            if batch is not None:
                self._full.append(batch)
                self.hurry()
            batch = Batch(self._producers.current)
            batch.add(entry)  # a first record always fits
            self._open = batch
        if self.task is None:
            self.task = asyncio.ensure_future(self._run())

    def hurry(self) -> None:
        """End the wait for more records."""
        if self._filled is not None and not self._filled.done():
            self._filled.set_result(None)

    async def _run(self) -> None:
        batch: Batch | None = None
        try:
            while (batch := await self._next()) is not None:
                await self._deliver(batch)
                self._sent()
        except asyncio.CancelledError:
            self._abandon(batch)
            raise
        finally:
            self.task = None

    async def _next(self) -> Batch | None:
        if self._linger and self._open is not None and not self._full:
            self._filled = asyncio.get_running_loop().create_future()
            await asyncio.wait([self._filled], timeout=self._linger)
            self._filled = None
        if self._full:
            return self._full.popleft()
        batch, self._open = self._open, None
        return batch

    async def _deliver(self, batch: Batch) -> None:
        try:
            first = await self._producers.deliver(batch.build, self._topic, self._partition)
        except _ABOUT_ONE_RECORD as error:
            if len(batch.entries) == 1:
                fail(batch.entries[0][0], publish_error(self._topic, error))
                return
            for half in batch.halves():
                await self._deliver(half)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the answer to everybody who waits
            for entry in batch.entries:
                fail(entry[0], publish_error(self._topic, error))
        else:
            self._confirm(batch, first)

    def _confirm(self, batch: Batch, first: RecordMetadata | None) -> None:
        for (confirm, receipt, *_), note in zip(batch.entries, batch.offsets, strict=True):
            if not confirm.done():  # else given up by who waited
                confirm.set_result(self._receipt(first, note) if receipt else None)

    def _receipt(self, first: RecordMetadata | None, note: Any) -> KafkaReceipt:
        """Return where a record is, by where the first of its batch is and the client's note."""
        base = -1 if first is None else first.offset
        offset = base + note.offset if base >= 0 else -1
        appended = -1 if first is None else first.timestamp  # of a topic with LogAppendTime
        timestamp = datetime.fromtimestamp((note.timestamp if appended == -1 else appended) / 1000, UTC)
        return KafkaReceipt(topic=self._topic, partition=self._partition, offset=offset, timestamp=timestamp)

    def _abandon(self, batch: Batch | None) -> None:
        """Fail everything that was accepted."""
        left = [batch, *self._full, self._open]
        self._full.clear()
        self._open = None
        error = PublishError(f'not confirmed before the transport was closed: a record to "{self._topic}"')
        for one in left:
            for entry in one.entries if one is not None else ():
                fail(entry[0], error)


def publish_error(topic: str, error: BaseException, /) -> PublishError:
    """Return the error of a publish, with its cause."""
    if isinstance(error, PublishError):
        return error
    made = PublishError(f'publishing to "{topic}" failed: {describe(error)}')
    made.__cause__ = error
    return made


class LaneSender(TopicSender):
    """Sends to one topic, by a lane of batches for each partition.

    Args:
        topic: Its name.
        producers: What sends.
        admin: Where it is looked up.
        linger: Seconds that a batch waits for more records.
        largest: Bytes that a record may have.
    """

    def __init__(self, topic: str, producers: Producers, admin: ClusterAdmin, linger: float, largest: int) -> None:
        super().__init__(topic, admin, largest, "max_request_size")
        self._producers = producers
        self._linger = linger
        self._lanes: dict[int, PartitionLane] = {}
        self._count = 0
        self._available: Sequence[int] = ()
        self._partition_of = lru_cache(maxsize=4096)(partition_of)

    def _require_open(self) -> None:
        self._producers.require_open()

    async def _prepare(self) -> None:
        producer = await self._producers.connect()
        await producer.partitions_for(self._topic)
        self._refresh()

    def _error(self, error: BaseException) -> PublishError:
        return publish_error(self._topic, error)

    async def close(self, seconds: float, /) -> None:
        """Wait so long for what was accepted; what is not confirmed by then fails."""
        await super().close(seconds)
        for lane in self._lanes.values():
            lane.hurry()
        tasks = [lane.task for lane in self._lanes.values() if lane.task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)
        running = [task for task in tasks if not task.done()]
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
