"""The intake of one subscription: a consumer, the loop that reads it, and its claims."""

import asyncio
import logging
import re
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, Final, TypeAlias

import aiokafka
from aiokafka import AIOKafkaConsumer, errors

from faststream_oo import current
from faststream_oo.address import Address
from faststream_oo.errors import LifecycleError, TransportError
from faststream_oo.kafka.address import Topic, TopicPartition, TopicPattern, Topics
from faststream_oo.kafka.message import ReceivedRecord
from faststream_oo.kafka.options import KafkaSettings, KafkaSourceOptions
from faststream_oo.kafka.transports.aiokafka.admin import ClusterAdmin
from faststream_oo.kafka.transports.aiokafka.causes import describe, transport_error
from faststream_oo.kafka.transports.aiokafka.commits import COMMIT_SECONDS, Commits
from faststream_oo.kafka.transports.aiokafka.config import consumer_options
from faststream_oo.kafka.transports.aiokafka.membership import Membership, Rebalances
from faststream_oo.kafka.transports.aiokafka.shutdown import bounded, stop_consumer
from faststream_oo.kafka.transports.aiokafka.ungrouped import EveryPartition
from faststream_oo.kafka.transports.aiokafka.watch import BrokerWatch
from faststream_oo.message import Message
from faststream_oo.transport import Capabilities, Claim, Sink

_log: Final = logging.getLogger("faststream_oo")

Found: TypeAlias = Mapping[aiokafka.TopicPartition, Sequence[Any]]

_LARGEST_READ: Final = 500
_WAIT_MILLIS: Final = 1000
_HOLDING_MILLIS: Final = 50
"""Longest wait for records while a partition is not read, so that it is read again soon after it may."""

_JOIN_SECONDS: Final = 60.0
_LOOKS: Final = 5
_LOOK_PAUSE: Final = 0.2
_OPEN_READS: Final = 20
"""A partition whose unsettled positions exceed so many prefetches is not read until they are fewer."""

_NO_PLACE: Final = (errors.OffsetOutOfRangeError, errors.NoOffsetForPartitionError)
_FATAL: Final = (
    *_NO_PLACE,
    errors.TopicAuthorizationFailedError,
    errors.GroupAuthorizationFailedError,
    errors.InconsistentGroupProtocolError,
)


class AiokafkaSource:
    """A consumer of a group, or of everything without one.

    Args:
        settings: Connection.
        address: Topic, Topics or TopicPattern, whole.
        options: Of the subscription.
        admin: Where topics and ends are looked up.
        watch: Tells when the cluster is away.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        address: Address,
        options: KafkaSourceOptions,
        admin: ClusterAdmin,
        watch: BrokerWatch,
    ) -> None:
        self._settings = settings
        self._address = address
        self._options = options
        self._admin = admin
        self._watch = watch
        self._clock = current.clock()
        self._consumer: AIOKafkaConsumer = None
        self._sink: Sink | None = None
        self._membership: Membership | None = None
        self._commits: Commits | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._failed = False

    @property
    def capabilities(self) -> Capabilities:
        """Settles land as one offset a partition."""
        return Capabilities(settles=self._settles, cumulative=True, ordering=frozenset({"partition"}))

    @property
    def _settles(self) -> bool:
        return self._options.settles and self._options.group is not None

    @property
    def _held(self) -> Membership:
        if self._membership is None:
            raise LifecycleError("this Kafka source was not started")
        return self._membership

    # Life ---------------------------------------------------------------------------------------------------------

    async def start(self, sink: Sink, /) -> None:
        """Join, take over the partitions that are given, and begin to read. Raises TransportError."""
        self._sink = sink
        await self._require_topics()
        consumer = self._consumer = AIOKafkaConsumer(**consumer_options(self._settings, self._options))
        membership = self._membership = Membership(consumer, sink, self._options, self._path)
        if self._options.group is not None:
            live = membership.claims
            self._commits = membership.commits = Commits(
                consumer, live.values, self._options.commit_interval, self._clock, self._fail
            )
            self._subscribe(membership)
        try:
            await consumer.start()
            await self._begin(membership, sink)
        except BaseException as error:
            await stop_consumer(consumer)
            if isinstance(error, errors.KafkaError | OSError):
                raise transport_error(f"{self._address.name} cannot be consumed", error) from error
            raise
        self._watch.tell(sink.degrade)

    async def _begin(self, membership: Membership, sink: Sink) -> None:
        if self._options.group is None:
            every = EveryPartition(self._consumer, membership, sink, self._admin, self._takes, self._clock)
            await every.start()
            self._spawn(every.follow(), "partitions")
        else:
            async with asyncio.timeout(_JOIN_SECONDS):
                await membership.joined.wait()
        if self._failed:
            raise TransportError(f"{self._address.name} cannot be consumed: its first assignment failed")
        self._spawn(self._read(membership, sink), "reader")

    async def _require_topics(self) -> None:
        """Refuse topics that are not there: aiokafka would create them."""
        if isinstance(self._address, TopicPattern):
            return
        missing = _names(self._address)
        for look in range(_LOOKS):
            there = await self._admin.topics()
            missing = [name for name in missing if name not in there]
            if not missing:
                return
            if look:  # a new topic takes a moment to be known everywhere
                await asyncio.sleep(_LOOK_PAUSE)
        raise TransportError(f"topics do not exist: {', '.join(missing)}; topology: create makes declared topics")

    def _subscribe(self, membership: Membership) -> None:
        listener = Rebalances(membership, self._fail)
        if isinstance(self._address, TopicPattern):
            # The client matches a prefix; dead letters must not come back as messages.
            pattern = rf"(?!__)(?!.*\.dlq\Z)(?:{self._address.name})\Z"
            self._consumer.subscribe(pattern=re.compile(pattern).pattern, listener=listener)
        else:
            self._consumer.subscribe(topics=_names(self._address), listener=listener)

    def _path(self, topic: str) -> Mapping[str, str]:
        if not isinstance(self._address, TopicPattern):
            return {}
        found = self._address.regex().fullmatch(topic)
        return {} if found is None else {name: part for name, part in found.groupdict().items() if part is not None}

    def _takes(self, topic: str) -> bool:
        if isinstance(self._address, TopicPattern):
            return self._address.matches(topic)
        return topic in _names(self._address)

    def _spawn(self, call: Coroutine[Any, Any, None], what: str) -> None:
        task = asyncio.create_task(call, name=f"kafka {self._address.name} {what}")
        self._tasks.append(task)

        def done(ended: asyncio.Task[None]) -> None:
            if not ended.cancelled() and (error := ended.exception()) is not None:
                self._fail(error)

        task.add_done_callback(done)

    def _fail(self, error: BaseException) -> None:
        self._failed = True
        if self._membership is not None:
            self._membership.joined.set()
        if self._sink is not None:
            self._sink.fail(error)

    async def stop(self) -> None:
        """Feed no more but stay a member: claims still take settles."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        if self._commits is not None:
            self._commits.leaving = True
        if self._consumer is not None:
            # Nobody polls any more; what is in the client's buffer is not ours.
            self._held.pause(None)

    async def flush(self) -> None:
        """Return when every settle so far is committed, or the broker does not take it in time."""
        if self._commits is not None and self._settles:
            error = await self._commits.within_bounds()
            if error is not None:
                raise TransportError(f"offsets of {self._address.name} are not committed: {describe(error)}") from error

    async def close(self) -> None:
        """Commit what is settled, leave the group and disconnect; bounded, whatever the broker does."""
        await self.stop()
        if self._sink is not None:
            self._watch.forget(self._sink.degrade)
        if self._consumer is None:
            return
        # The client tells nobody about its partitions when it is stopped.
        error = await bounded(self._held.revoked(), COMMIT_SECONDS + self._options.rebalance_timeout)
        if error is not None:
            _log.warning("%s left without giving its partitions back: %r", self._address.name, error)
        if self._commits is not None:
            self._commits.close()
        self._held.forget()
        await stop_consumer(self._consumer)

    # Reading ------------------------------------------------------------------------------------------------------

    async def _read(self, membership: Membership, sink: Sink) -> None:
        getmany = self._consumer.getmany
        trouble = False
        while True:
            try:
                room = await self._room(membership, sink)
                membership.release(_OPEN_READS * self._options.prefetch // 2)
                wait = _HOLDING_MILLIS if membership.holding else _WAIT_MILLIS
                # Not within the lock: the client waits here for an assignment, which waits for the revoke.
                found = await getmany(timeout_ms=wait, max_records=min(room, _LARGEST_READ))
                await self._hand_over(found, membership, sink)
                if trouble:
                    trouble = False
                    sink.degrade(None)
            except _FATAL as error:
                raise self._fatal(error) from error
            except errors.KafkaError as error:
                # The client reconnects by itself; what it raises meanwhile is passing.
                trouble = True
                sink.degrade(describe(error))
                await self._clock.sleep(1.0)

    async def _room(self, membership: Membership, sink: Sink) -> int:
        """Return the room of the sink; while there is none the client is polled, so that it stays a member."""
        if (room := sink.room) > 0:
            return room
        keep_alive = self._options.max_poll_interval / 3
        waiting = asyncio.ensure_future(sink.ready())
        try:
            while True:
                done, _ = await asyncio.wait([waiting], timeout=keep_alive)
                if done:
                    return waiting.result()
                membership.pause_reading()
                found = await self._consumer.getmany(timeout_ms=0, max_records=1)
                # A rebalance in this moment resumes what it assigns, and what was read does not come again.
                await self._hand_over(found, membership, sink)
                membership.resume_reading()
        finally:
            waiting.cancel()

    async def _hand_over(self, found: Found, membership: Membership, sink: Sink) -> None:
        """Feed what was read; those of a partition that is not held come again to whoever has it."""
        if found:
            # Waits only while a rebalance is on: its partitions are gone then.
            async with membership.handing_over:
                await self._feed(found, membership, sink)

    async def _feed(self, found: Found, membership: Membership, sink: Sink) -> None:
        if not self._settles and self._options.group is not None:
            await self._consumer.commit(
                {
                    partition: records[-1].offset + 1
                    for partition, records in found.items()
                    if partition in membership.claims
                }
            )
        for partition, records in found.items():
            claim = membership.claims.get(partition)
            if claim is None:
                continue
            if self._settles:
                claim.see([record.offset for record in records])
                if claim.open > _OPEN_READS * self._options.prefetch:
                    membership.hold(partition)
            batch: list[Message] = [ReceivedRecord(record, claim) for record in records]
            sink.feed(batch)

    def _fatal(self, error: BaseException) -> TransportError:
        if isinstance(error, _NO_PLACE):
            group = self._options.group
            what = f'{self._address.name} has no offset to start at in group "{group}", and start is "fail"'
            return TransportError(f"{what}: {describe(error)}")
        return transport_error(f"{self._address.name} cannot be consumed", error)

    # Control ------------------------------------------------------------------------------------------------------

    async def pause(self, claim: Claim | None = None, /) -> None:
        """Stop reading one claim, or all; the member stays."""
        self._held.pause(claim)

    async def resume(self, claim: Claim | None = None, /) -> None:
        """Undo a pause of one claim or all."""
        self._held.resume(claim)

    async def lag(self) -> int | None:
        """Records between what was read and the end of the log, over the partitions held. Raises TransportError."""
        partitions = list(self._held.claims)
        if not partitions:
            return 0
        asked = {one: TopicPartition(one.topic, one.partition) for one in partitions}
        _, ends = await self._admin.offsets(list(asked.values()))
        try:
            positions = {one: await self._consumer.position(one) for one in partitions}
        except errors.IllegalStateError:  # lost while we asked
            return None
        return sum(max(0, int(ends[asked[one]] - at)) for one, at in positions.items())

    @property
    def assigned(self) -> Sequence[TopicPartition]:
        """Partitions that this member has now."""
        return [claim.partition for claim in self._held.claims.values()]

    async def commit(self) -> None:
        """Commit now what is settled without a gap. Raises TransportError."""
        if self._commits is None:
            raise TransportError(f"{self._address.name} is consumed without a group: there is nothing to commit")
        await self._commits.commit()

    async def committed(self, partition: TopicPartition, /) -> int | None:
        """Return the offset that the group continues at, None when it committed nothing. Raises TransportError."""
        if self._options.group is None:
            raise TransportError(f"{self._address.name} is consumed without a group: nothing is committed")
        try:
            offset = await self._consumer.committed(aiokafka.TopicPartition(partition.topic, partition.partition))
        except errors.KafkaError as error:
            raise transport_error("cannot ask for the committed offset", error) from error
        return None if offset is None else int(offset)


def _names(address: Address) -> list[str]:
    topics: Sequence[Topic] = address.topics if isinstance(address, Topics) else [Topic(address.name)]
    return [topic.name for topic in topics]
