"""Replies: one partition, read from its end by a consumer without a group."""

import asyncio
from secrets import choice
from typing import Final

import aiokafka
from aiokafka import AIOKafkaConsumer, errors

from faststream_oo import current
from faststream_oo.errors import TransportError
from faststream_oo.kafka.address import TopicPartition
from faststream_oo.kafka.claim import PartitionClaim
from faststream_oo.kafka.message import ReceivedRecord
from faststream_oo.kafka.options import KafkaSettings, KafkaSourceOptions
from faststream_oo.kafka.transports.aiokafka.admin import ClusterAdmin
from faststream_oo.kafka.transports.aiokafka.causes import describe, transport_error
from faststream_oo.kafka.transports.aiokafka.config import consumer_options
from faststream_oo.kafka.transports.aiokafka.shutdown import bounded, stop_consumer
from faststream_oo.kafka.transports.aiokafka.watch import BrokerWatch
from faststream_oo.transport import Sink

_LOOKS: Final = 5
_LOOK_PAUSE: Final = 0.2
_POSITION_SECONDS: Final = 10.0
_WAIT_MILLIS: Final = 1000
_MOST: Final = 500


class PartitionInbox:
    """Feeds what is written to one partition of a topic from now on.

    Args:
        settings: Connection.
        admin: Where the topic is looked up.
        watch: Tells when the cluster is away.
        sink: Who is fed.
    """

    def __init__(self, settings: KafkaSettings, admin: ClusterAdmin, watch: BrokerWatch, sink: Sink) -> None:
        self._settings = settings
        self._admin = admin
        self._watch = watch
        self._sink = sink
        self._clock = current.clock()
        self._consumer: AIOKafkaConsumer = None
        self._task: asyncio.Task[None] | None = None

    async def open(self, topic: str, /) -> str:
        """Choose a partition, find its end and begin to read; return `topic/partition`. Raises TransportError."""
        number = choice(await self._partitions(topic))
        options = KafkaSourceOptions(start="latest")
        consumer = self._consumer = AIOKafkaConsumer(**consumer_options(self._settings, options))
        partition = aiokafka.TopicPartition(topic, number)
        try:
            await consumer.start()
        except (errors.KafkaError, OSError) as error:
            raise transport_error("replies cannot be received", error) from error
        consumer.assign([partition])
        # What is written from here on is read: the end is known before the first request is sent.
        unknown = await bounded(consumer.position(partition), _POSITION_SECONDS)
        if unknown is not None:
            raise transport_error(f"the end of {topic}/{number} is not known", unknown) from unknown
        claim = PartitionClaim(TopicPartition(topic, number), {}, lambda: None)
        self._task = asyncio.create_task(self._read(claim), name=f"kafka {topic}/{number} replies")
        self._task.add_done_callback(self._ended)
        self._watch.tell(self._sink.degrade)
        return f"{topic}/{number}"

    async def _partitions(self, topic: str) -> list[int]:
        for look in range(_LOOKS):
            if look:  # a new topic takes a moment to be known everywhere
                await asyncio.sleep(_LOOK_PAUSE)
            if (facts := (await self._admin.topics()).get(topic)) is not None:
                return list(facts.leaders)
        raise TransportError(f'topic "{topic}" does not exist; replies need it, and topology: create makes it')

    async def _read(self, claim: PartitionClaim) -> None:
        while True:
            try:
                found = await self._consumer.getmany(timeout_ms=_WAIT_MILLIS, max_records=_MOST)
            except errors.TopicAuthorizationFailedError as error:
                raise transport_error("replies may not be read", error) from error
            except errors.KafkaError as error:
                # The client reconnects by itself; what it raises meanwhile is passing.
                self._sink.degrade(describe(error))
                await self._clock.sleep(1.0)
                continue
            for records in found.values():
                self._sink.feed([ReceivedRecord(record, claim) for record in records])

    def _ended(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._sink.fail(error)

    async def close(self) -> None:
        """Feed no more and disconnect."""
        self._watch.forget(self._sink.degrade)
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        if self._consumer is not None:
            await stop_consumer(self._consumer)
