"""Sending to an embedded cluster: what a producer and a broker refuse, and what waits while the cluster is down."""

import asyncio
from collections import deque
from datetime import UTC, datetime
from random import random
from typing import Final

from attrs import field, frozen

from faststream_oo.errors import PublishError
from faststream_oo.kafka.address import topic_problem
from faststream_oo.kafka.client.config import MAX_RECORD
from faststream_oo.kafka.client.records import content, estimated_size, placed, stored_size
from faststream_oo.kafka.message import Content, KafkaReceipt
from faststream_oo.kafka.partitioner import partition_of
from faststream_oo.kafka.transports.memory.cluster import MemoryCluster
from faststream_oo.kafka.transports.memory.topics import (
    CREATE_TIME,
    LOG_APPEND_TIME,
    MemoryTopic,
    PartitionLog,
)
from faststream_oo.transport import Frame

_AHEAD: Final = 3_600_000  # Kafka's log.message.timestamp.after.max.ms.


@frozen
class Limits:
    """What a producer was configured with, and shows.

    Attributes:
        max_request_size: Bytes of one record, as aiokafka estimates them.
        confirms: False for `acks: 0`: no offset is known then.
    """

    max_request_size: int = field(default=MAX_RECORD, kw_only=True)
    confirms: bool = field(default=True, kw_only=True)


class Pending:
    """A record on its way to a cluster, which may be down; `refusal` is why the cluster will not take it."""

    __slots__ = ("future", "log", "record", "refusal", "timestamp", "topic")

    def __init__(
        self, topic: MemoryTopic, log: PartitionLog, record: Content, timestamp: int | None, refusal: str | None
    ) -> None:
        self.topic = topic
        self.log = log
        self.record = record
        self.timestamp = timestamp
        self.refusal = refusal
        self.future: asyncio.Future[KafkaReceipt] = asyncio.get_running_loop().create_future()


class MemoryProducer:
    """Appends the records of one connection in the order of the calls.

    Args:
        cluster: Where to.
        limits: What the connection was configured with.
    """

    def __init__(self, cluster: MemoryCluster, limits: Limits) -> None:
        self.cluster = cluster
        self.limits = limits
        self._waiting: deque[Pending] = deque()

    def write(self, pending: Pending, /) -> asyncio.Future[KafkaReceipt]:
        """Append a record now, or when the cluster is back."""
        if self.cluster.online.is_set():
            self._take(pending)
        else:
            self._waiting.append(pending)
        return pending.future

    def lost(self) -> None:
        """Let what is sent wait from now on."""

    def found(self) -> None:
        """Append what waited; what was given up meanwhile is sent all the same, as it was accepted."""
        while self._waiting:
            pending = self._waiting.popleft()
            if pending.log.deleted:
                pending.refusal = f'topic "{pending.topic.name}" was deleted'
            self._take(pending)

    def changed(self, topic: str, /) -> None:
        """Topics are looked up whenever something is sent."""

    def close(self) -> None:
        """Give up what still waits."""
        while self._waiting:
            self._refuse(self._waiting.popleft().future, "the embedded Kafka was down until the end")

    def _take(self, pending: Pending) -> None:
        if pending.refusal is not None:
            self._refuse(pending.future, pending.refusal)
            return
        receipt = self._append(pending)
        if not pending.future.done():
            pending.future.set_result(receipt)

    def _append(self, pending: Pending) -> KafkaReceipt:
        log = pending.log
        timestamp, kind = pending.timestamp, CREATE_TIME
        if timestamp is None or pending.topic.append_time:
            timestamp = self.cluster.now()
        if pending.topic.append_time:
            kind = LOG_APPEND_TIME
        stored = log.append(timestamp, kind, pending.record)
        for heard in self.cluster.appended:
            heard(stored)
        return KafkaReceipt(
            topic=log.topic,
            partition=log.partition,
            offset=stored.offset if self.limits.confirms else -1,
            timestamp=datetime.fromtimestamp(timestamp / 1000, UTC),
        )

    def _refuse(self, future: asyncio.Future[KafkaReceipt], reason: str) -> None:
        if not future.done():
            future.set_exception(PublishError(reason))
            future.exception()  # Nobody has to wait for a confirm.


class MemorySender:
    """Publishes to one topic.

    Args:
        producer: Of the connection.
        topic: Its name; it may be created later.
    """

    def __init__(self, producer: MemoryProducer, topic: str) -> None:
        self._producer = producer
        self._name = topic
        self._problem = topic_problem(topic)

    def send(self, frame: Frame, /) -> asyncio.Future[KafkaReceipt]:
        """Append a record now; while the cluster is down it waits.

        Returns:
            The confirm, which has a PublishError for what only a broker refuses.

        Raises:
            PublishError: A producer refuses it before it is sent.
        """
        topic = self._topic()
        record = content(frame, self._name)
        partition, stamp = placed(frame.options)
        log = topic[self._partition(topic, record[1], partition)]
        refusal = self._size_refusal(topic, record, copied=frame.copy_of is not None)
        return self._producer.write(Pending(topic, log, record, stamp, refusal or self._refusal(topic, record, stamp)))

    def _topic(self) -> MemoryTopic:
        if self._problem is not None:
            raise PublishError(self._problem)
        topic = self._producer.cluster.topics.get(self._name)
        if topic is None:
            raise PublishError(f'unknown topic "{self._name}": it was never declared, or deleted')
        return topic

    def _partition(self, topic: MemoryTopic, key: bytes | None, wanted: int | None) -> int:
        if wanted is None:
            return int(random() * len(topic)) if key is None else partition_of(key, len(topic))  # noqa: S311 - hides nothing
        if not 0 <= wanted < len(topic):
            raise PublishError(f'topic "{self._name}" has no partition {wanted!r}: it has {len(topic)}, from 0')
        return wanted

    def _size_refusal(self, topic: MemoryTopic, record: Content, *, copied: bool) -> str | None:
        """Return why a broker finds a record too large. Raises PublishError when it is too large for the producer."""
        value, key, headers = record
        least = min(self._producer.limits.max_request_size, topic.max_message_bytes)
        rough = sum([4 * len(name) + len(text or b"") + 10 for name, text in headers])
        if len(value or b"") + len(key or b"") + rough + 128 <= least:
            return None
        if not copied and (size := estimated_size(record)) > self._producer.limits.max_request_size:
            limit = self._producer.limits.max_request_size
            raise PublishError(
                f'a record of {size} bytes for "{self._name}": the producer\'s max_request_size is {limit}'
            )
        if (size := stored_size(record)) > topic.max_message_bytes:
            return f'a record of {size} bytes: max.message.bytes of "{self._name}" is {topic.max_message_bytes}'
        return None

    def _refusal(self, topic: MemoryTopic, record: Content, stamp: int | None) -> str | None:
        if topic.compacted and record[1] is None:
            return f'a record without a key: "{self._name}" is compacted'
        if stamp is not None and stamp > self._producer.cluster.now() + _AHEAD:
            return f'a timestamp over an hour ahead: "{self._name}" refuses it'
        return None
