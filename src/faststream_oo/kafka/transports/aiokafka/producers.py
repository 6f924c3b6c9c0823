"""The producer in use, and its replacement when the broker does not take its sequence any more."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Final

from aiokafka import AIOKafkaProducer, errors
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.structs import RecordMetadata

from faststream_oo.errors import PublishError
from faststream_oo.kafka.client.sender import CLOSE_SECONDS
from faststream_oo.kafka.options import KafkaSettings
from faststream_oo.kafka.transports.aiokafka.config import producer_options
from faststream_oo.kafka.transports.aiokafka.shutdown import stop_producer

_PAUSE: Final = 0.25
_OUT_OF_USE: Final = (errors.OutOfOrderSequenceNumber, errors.ProducerFenced)


class Producers:
    """One producer at a time, the first when there is something to publish: who only reads needs no right to write.

    An idempotent producer of aiokafka counts a batch that the broker refuses (too large, say), so that the broker
    refuses every later batch to that partition as out of order. The way out is a new producer, with a sequence of its
    own; the old one ends when nobody waits for it any more.

    Args:
        settings: What it is made with.
    """

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._open = False
        self._current: AIOKafkaProducer | None = None
        self._waiting: Counter[AIOKafkaProducer] = Counter()
        self._renewing = asyncio.Lock()
        self._ending: set[asyncio.Task[None]] = set()

    def open(self) -> None:
        """Allow to publish."""
        self._open = True

    def require_open(self) -> None:
        """Raise PublishError unless it may be published."""
        if not self._open:
            raise PublishError("the Kafka transport is not open")

    async def connect(self) -> AIOKafkaProducer:
        """Return the producer to send by, made by the first call. Raises PublishError, and what the client raises."""
        async with self._renewing:
            self.require_open()
            if self._current is None:
                self._current = await self._started()
            return self._current

    async def close(self, seconds: float = CLOSE_SECONDS, /) -> None:
        """Disconnect; what is not confirmed by then never will be."""
        self._open = False
        current, self._current = self._current, None
        if current is not None:
            await stop_producer(current, seconds)
        if self._ending:
            await asyncio.wait(self._ending)

    @property
    def current(self) -> AIOKafkaProducer:
        """The producer to send by, once it is made. Raises PublishError."""
        if self._current is None:
            raise PublishError("the Kafka transport is not open")
        return self._current

    async def deliver(
        self, build: Callable[[AIOKafkaProducer], BatchBuilder], topic: str, partition: int, /
    ) -> RecordMetadata:
        """Send a batch and wait for its confirmation.

        Args:
            build: Makes the batch; called again for another producer.
            topic: An existing topic.
            partition: An existing partition of it.

        Returns:
            Where its first record is; None when the broker was not asked for a confirmation.

        Raises:
            KafkaError: The broker refused it.
            PublishError: The transport is closed.
        """
        while True:
            producer = self.current
            self._waiting[producer] += 1
            try:
                confirmed = await producer.send_batch(build(producer), topic, partition=partition)
                return await confirmed
            except errors.ProducerClosed:
                if producer is self._current:
                    raise
            except _OUT_OF_USE:
                await self._renew(producer)
            finally:
                self._waiting[producer] -= 1
                self._end_unused(producer)

    async def _renew(self, spent: AIOKafkaProducer) -> None:
        async with self._renewing:
            while self._current is spent:
                try:
                    fresh = await self._started()
                except errors.KafkaError:
                    await asyncio.sleep(_PAUSE)  # the broker is away; whoever waits gives up by a time-out of its own
                else:
                    self._current = fresh

    def _end_unused(self, producer: AIOKafkaProducer) -> None:
        if self._waiting[producer] == 0:
            del self._waiting[producer]
            if producer is not self._current and self._current is not None:
                task = asyncio.ensure_future(stop_producer(producer))
                self._ending.add(task)
                task.add_done_callback(self._ending.discard)

    async def _started(self) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(**producer_options(self._settings))
        try:
            await producer.start()
        except BaseException:
            await stop_producer(producer, 1.0)
            raise
        return producer
