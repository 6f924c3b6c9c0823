"""Sending: librdkafka gathers the batches; a thread collects its reports, one crossing to the loop for all of a poll."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, TypeAlias

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from faststream_oo.errors import PublishError
from faststream_oo.kafka.client.admin import ClusterAdmin
from faststream_oo.kafka.client.sender import TIMESTAMP, Confirm, Entry, TopicSender, fail
from faststream_oo.kafka.message import KafkaReceipt
from faststream_oo.kafka.options import KafkaSettings
from faststream_oo.kafka.transports.confluent.causes import describe, error_of
from faststream_oo.kafka.transports.confluent.config import producer_options
from faststream_oo.kafka.transports.confluent.refreshing import token_options

_POLL_SECONDS: Final = 0.1
_MARGIN_SECONDS: Final = 2.0
_PURGED: Final = frozenset({KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT})  # noqa: SLF001 - constants

_ABOUT_ONE: Final = frozenset({
    KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_RECORD, KafkaError.INVALID_TIMESTAMP,
    KafkaError.RECORD_LIST_TOO_LARGE, KafkaError._INVALID_DIFFERENT_RECORD,  # noqa: SLF001 - a constant
})  # fmt: skip
"""Refusals of a batch that are about one record of it."""

Record: TypeAlias = tuple[str, int | None, Entry]
"""Topic, partition if it was given, and what is sent there."""

Report: TypeAlias = tuple[Record, KafkaError | None, Message]


class Deliveries:
    """One producer, for all topics.

    Args:
        settings: What it is made with.
        told: Called on the loop with what the client tells about its connections.
    """

    def __init__(self, settings: KafkaSettings, told: Callable[[KafkaError], None]) -> None:
        self._settings = settings
        self._told = told
        self._producer: Producer | None = None
        self._reports: list[Report] = []
        self._overflow: deque[Record] = deque()
        self._suspects: deque[Record] = deque()
        self._trial: asyncio.Task[None] | None = None
        self._ending = False
        self._seconds = 0.0
        self._fatal: KafkaException | None = None
        self._ended = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop

    async def open(self) -> None:
        """Make the producer; it connects by itself.

        Raises:
            KafkaException: For what it cannot be made with.
            TokenError: The user's function gives no token.
        """
        tokens = await token_options(self._settings)
        self._loop = asyncio.get_running_loop()
        self._ending = False
        self._fatal = None
        self._ended.clear()
        options = {**producer_options(self._settings), **tokens, "error_cb": self._error}
        # It reads certificates, and waits a second for a first token.
        producer = self._producer = await asyncio.to_thread(Producer, options)
        threading.Thread(target=self._poll, args=(producer,), name="kafka deliveries", daemon=True).start()

    async def close(self, seconds: float, /) -> None:
        """Send what was accepted, if the broker takes it in so many seconds, and disconnect."""
        if self._producer is None:
            return
        if self._trial is not None:
            await asyncio.wait([self._trial], timeout=seconds)
            self._trial.cancel()
        producer, self._producer = self._producer, None
        for record in (*self._suspects, *self._overflow):
            self._give(producer, record, last=True)
        self._suspects.clear()
        self._overflow.clear()
        del producer
        self._seconds = seconds
        self._ending = True
        try:
            async with asyncio.timeout(seconds + _MARGIN_SECONDS):
                await self._ended.wait()
        except TimeoutError:
            return  # the thread is a daemon: it ends with its calls, or with the process

    def require_open(self) -> None:
        """Raise PublishError while there is no producer."""
        if self._producer is None:
            raise PublishError("the Kafka transport is not open")

    def produce(self, topic: str, partition: int | None, entry: Entry, /) -> None:
        """Give a record to the client, behind those that wait here. Raises PublishError."""
        if self._producer is None:
            raise PublishError("the Kafka transport is not open")
        record = topic, partition, entry
        if self._trial is not None or self._overflow or not self._given(self._producer, record):
            self._overflow.append(record)

    def _given(self, producer: Producer, record: Record) -> bool:
        """Whether the client had room for a record. Raises PublishError when it refuses it."""
        topic, partition, (_, _, timestamp, key, value, headers) = record
        try:
            producer.produce(
                topic,
                value,
                key,
                -1 if partition is None else partition,
                partial(self._report, record),
                timestamp=timestamp or 0,
                headers=headers,  # type: ignore[arg-type]  # any list of pairs
            )
        except BufferError:
            return False
        except (KafkaException, TypeError, ValueError, OverflowError) as error:
            # Of a producer that is of no use any more the client says no more than that.
            cause = self._fatal or error
            raise PublishError(f'publishing to "{topic}" failed: {describe(cause)}') from cause
        return True

    def _give(self, producer: Producer, record: Record, *, last: bool = False) -> bool:
        """Give a record that waited; what is refused, or has no room at the end, fails."""
        try:
            if self._given(producer, record):
                return True
        except PublishError as error:
            fail(record[2][0], error)
            return True
        if last:
            fail(record[2][0], _too_late(record[0]))
        return False

    # On the thread ------------------------------------------------------------------------------------------------

    def _poll(self, producer: Producer) -> None:
        poll = producer.poll
        while not self._ending:
            try:
                poll(_POLL_SECONDS)
            except KafkaException as error:  # it may not write, say: what is sent fails, and what is read goes on
                self._fatal = error
                self._error(error_of(error))
            self._hand_over()
        if producer.flush(self._seconds):
            producer.purge()
            producer.flush(1.0)
        self._hand_over()
        self._cross(self._ended.set)

    def _report(self, record: Record, error: KafkaError | None, message: Message) -> None:
        self._reports.append((record, error, message))

    def _error(self, error: KafkaError) -> None:
        self._cross(partial(self._told, error))

    def _hand_over(self) -> None:
        if self._reports:
            reports, self._reports = self._reports, []
            self._cross(partial(self._settle, reports))

    def _cross(self, call: Callable[[], object]) -> None:
        try:
            self._loop.call_soon_threadsafe(call)
        except RuntimeError:
            self._ending = True  # the loop is closed: nobody waits for anything any more

    # On the loop --------------------------------------------------------------------------------------------------

    def _settle(self, reports: list[Report]) -> None:
        millis, timestamp = 0, datetime.fromtimestamp(0, UTC)
        for record, error, message in reports:
            confirm, read, _, _, _, _ = record[2]
            if error is not None:
                self._refused(record, error)
            elif confirm.done():  # given up by who waited
                continue
            elif not read:
                confirm.set_result(None)
            else:
                own = message.timestamp()[1]
                if own != millis:
                    millis, timestamp = own, datetime.fromtimestamp(own / 1000, UTC)
                offset = message.offset()
                confirm.set_result(
                    KafkaReceipt(
                        topic=record[0],
                        partition=message.partition() or 0,
                        offset=-1 if offset is None or offset < 0 else offset,
                        timestamp=timestamp,
                    )
                )
        if self._trial is None:
            self._drain()

    def _drain(self) -> None:
        producer = self._producer
        while producer is not None and self._overflow and self._give(producer, self._overflow[0]):
            self._overflow.popleft()

    def _refused(self, record: Record, error: KafkaError) -> None:
        if error.code() in _ABOUT_ONE and self._producer is not None and not isinstance(record[2][0], _Alone):
            self._suspects.append(record)
            if self._trial is None:
                self._trial = asyncio.ensure_future(self._try(self._producer))
        else:
            fail(record[2][0], _publish_error(record[0], error))

    async def _try(self, producer: Producer) -> None:
        """Send the records of refused batches once more, each alone: one bad record must not fail its neighbours."""
        try:
            while self._suspects:
                topic, partition, entry = self._suspects.popleft()
                alone = _Alone(loop=self._loop)
                alone.add_done_callback(partial(_pass_on, entry[0]))
                if self._give(producer, (topic, partition, (alone, *entry[1:]))):
                    await asyncio.wait([alone])
                else:  # no room yet
                    self._suspects.appendleft((topic, partition, entry))
                    await asyncio.sleep(_POLL_SECONDS)
        finally:
            self._trial = None
            self._drain()


class _Alone(asyncio.Future[Any]):
    """The confirm of a record that is sent without others."""


def _pass_on(confirm: Confirm, known: Confirm) -> None:
    error = known.exception()
    if isinstance(error, PublishError):
        fail(confirm, error)
    elif not confirm.done():
        confirm.set_result(known.result())


def _too_late(topic: str) -> PublishError:
    return PublishError(f'not confirmed before the transport was closed: a record to "{topic}"')


def _publish_error(topic: str, error: KafkaError) -> PublishError:
    if error.code() in _PURGED:
        return _too_late(topic)
    made = PublishError(f'publishing to "{topic}" failed: {describe(error)}')
    made.__cause__ = KafkaException(error)
    return made


class ConfluentSender(TopicSender):
    """Sends to one topic.

    Args:
        topic: Its name.
        deliveries: What sends.
        admin: Where it is looked up.
        largest: Bytes that a record may have.
    """

    def __init__(self, topic: str, deliveries: Deliveries, admin: ClusterAdmin, largest: int) -> None:
        super().__init__(topic, admin, largest, "message.max.bytes")
        self._deliveries = deliveries

    def _require_open(self) -> None:
        self._deliveries.require_open()

    async def _prepare(self) -> None:
        return  # the client asks for the partitions itself

    def _place(self, partition: int | None, entry: Entry) -> None:
        if partition is not None and partition < 0:
            raise PublishError(f'topic "{self._topic}" has no partition {partition}')
        if entry[TIMESTAMP] == 0:
            raise PublishError("a timestamp of 1970-01-01 00:00 UTC means the time of sending to confluent-kafka")
        self._deliveries.produce(self._topic, partition, entry)

    def _error(self, error: BaseException) -> PublishError:
        if isinstance(error, PublishError):
            return error
        made = PublishError(f'publishing to "{self._topic}" failed: {describe(error)}')
        made.__cause__ = error
        return made
