"""The intake of one subscription by aiokafka: a consumer, and the loop that reads it."""

import asyncio
import re
from collections.abc import Awaitable, Collection, Mapping, Sequence
from typing import Any, Final, TypeAlias

import aiokafka
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, errors
from aiokafka.structs import OffsetAndMetadata

from faststream_oo.address import Address
from faststream_oo.errors import TransportError
from faststream_oo.kafka.address import TopicPattern
from faststream_oo.kafka.client.admin import ClusterAdmin
from faststream_oo.kafka.client.commits import LostPartitionError, Mark
from faststream_oo.kafka.client.config import instance_id
from faststream_oo.kafka.client.membership import Membership, Place
from faststream_oo.kafka.client.source import LARGEST_READ, OPEN_READS, ClientSource
from faststream_oo.kafka.client.watch import BrokerWatch
from faststream_oo.kafka.message import ReceivedRecord
from faststream_oo.kafka.options import KafkaSettings, KafkaSourceOptions
from faststream_oo.kafka.transports.aiokafka.causes import describe, transport_error
from faststream_oo.kafka.transports.aiokafka.config import consumer_options
from faststream_oo.kafka.transports.aiokafka.rival import Rival
from faststream_oo.kafka.transports.aiokafka.shutdown import stop_consumer
from faststream_oo.transport import Sink

Found: TypeAlias = Mapping[aiokafka.TopicPartition, Sequence[Any]]

PRIVATE: Final = ("commit_offsets", "generation")
"""What is used of the client's coordinator."""

_WAIT_MILLIS: Final = 1000
_HOLDING_MILLIS: Final = 50
"""Longest wait for records while a partition is not read, so that it is read again soon after it may."""

_NO_PLACE: Final = (errors.OffsetOutOfRangeError, errors.NoOffsetForPartitionError)
_FATAL: Final = (
    *_NO_PLACE,
    errors.TopicAuthorizationFailedError,
    errors.GroupAuthorizationFailedError,
    errors.InconsistentGroupProtocolError,
)
_LOST: Final = (errors.CommitFailedError, errors.IllegalStateError)


class AiokafkaSource(ClientSource):
    """A consumer of a group, or of everything without one.

    Args:
        settings: Connection.
        address: Topic, Topics or TopicPattern, whole.
        options: Of the subscription.
        admin: Where topics and offsets are looked up.
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
        super().__init__(address, options, admin, watch)
        self._settings = settings
        self._consumer: AIOKafkaConsumer = None
        # Held from a commit to the feed of what it covers, for a delivery at most once.
        self._handing_over = asyncio.Lock()
        self._rival = Rival(address.name, options, self._clock)
        # Held from a read to the feed of what it brought: no seek comes in between.
        self._reading = asyncio.Lock()

    # Life ---------------------------------------------------------------------------------------------------------

    async def _connect(self, membership: Membership) -> None:
        consumer = self._consumer = AIOKafkaConsumer(
            **consumer_options(self._settings, self._options),
            group_instance_id=instance_id(self._options, self._address.name),
        )
        if not self._by_hand:
            listener = Rebalances(self)
            if isinstance(self._address, TopicPattern):
                # The client matches a prefix.
                consumer.subscribe(pattern=re.compile(self._expression).pattern, listener=listener)
            else:
                consumer.subscribe(topics=self._names, listener=listener)
        try:
            await consumer.start()
        except (errors.KafkaError, OSError) as error:
            self._rival.refused(error, most=1)
            raise transport_error(f"{self._address.name} cannot be consumed", error) from error

    def _begin(self, membership: Membership, sink: Sink) -> None:
        self._spawn(self._read(membership, sink), "reader")

    async def _end(self) -> None:
        # The reader is a task of the source, and what is in the client's buffer is not ours.
        return

    async def _disconnect(self) -> None:
        if self._consumer is not None:
            await stop_consumer(self._consumer)

    async def _leave(self, membership: Membership) -> None:
        # The client tells nobody about its partitions when it is stopped.
        await self._give_back()

    # Partitions ---------------------------------------------------------------------------------------------------

    async def on_assigned(self, partitions: Collection[aiokafka.TopicPartition], /) -> None:
        """Take new partitions of the group over."""
        self._rival.joined()
        # Nothing is read before the sink has them.
        self._pause(partitions)
        starts = await self._begin_at_end(partitions)
        for place, at in starts.items():
            self._consumer.seek(aiokafka.TopicPartition(*place), at)
        await self._held.take(partitions, starts)
        self._resume(self._held.readable(partitions))

    async def on_revoked(self) -> None:
        """Give everything back, and fail when another process took our place too often."""
        try:
            self._rival.left(thrown_out=self._thrown_out)
        finally:
            await self._give_back()

    async def _give_back(self) -> None:
        """End what is held, and commit it if that can be."""
        if not self._held.claims:
            return
        async with self._handing_over:
            if self._thrown_out:
                await self._held.lose()
            else:
                await self._held.give_back()

    @property
    def _thrown_out(self) -> bool:
        """Whether nothing can be committed any more, as the membership is gone."""
        # Private: the client does not say that it was thrown out, or left as it was not polled.
        return not self._by_hand and self._consumer._coordinator.generation < 0  # noqa: SLF001

    def fail(self, error: BaseException, /) -> None:
        """Report that the source cannot go on."""
        self._fail(error)

    async def _assign(self, starts: Mapping[Place, int], gone: Collection[Place]) -> None:
        # The client forgets positions and pauses with each assignment. Asking for one does not wait while it is known,
        # so nothing is read between the question and the new assignment.
        kept = [one for one in self._consumer.assignment() if one not in gone]
        positions = {one: await self._consumer.position(one) for one in kept}
        everything = {aiokafka.TopicPartition(*place): at for place, at in {**positions, **starts}.items()}
        self._consumer.assign(list(everything))
        for one, at in everything.items():
            self._consumer.seek(one, at)
        self._held.repause()

    async def _positions(self, places: Collection[Place]) -> Mapping[Place, int]:
        try:
            return {place: await self._consumer.position(aiokafka.TopicPartition(*place)) for place in places}
        except errors.IllegalStateError:  # lost while we asked
            return {}

    def _pause(self, places: Collection[Place]) -> None:
        # A change of the topics that match a pattern takes the assignment away before it is revoked here.
        self._consumer.pause(*self._still(places))

    def _resume(self, places: Collection[Place]) -> None:
        self._consumer.resume(*self._still(places))

    def _still(self, places: Collection[Place]) -> list[aiokafka.TopicPartition]:
        wanted = set(places)
        return [one for one in self._consumer.assignment() if one in wanted]

    async def _seek(self, place: Place, offset: int) -> None:
        async with self._reading:
            try:
                self._consumer.seek(aiokafka.TopicPartition(*place), offset)
            except errors.IllegalStateError as error:  # lost while we asked
                raise transport_error(f"{place[0]}/{place[1]} is not assigned to this member", error) from error
            self._held.renew(place)

    async def _settled(self) -> None:
        return  # a pause holds from the call on

    async def _send(self, marks: Collection[Mark]) -> bool:
        # Private: the public `commit` refuses from the moment that a pattern matches other topics, although what is
        # held then is ours until it is revoked; and it commits, and may rewind others, after it has left the group.
        coordinator = self._consumer._coordinator  # noqa: SLF001
        if not self._by_hand and coordinator.generation < 0:
            raise LostPartitionError("this member has left the group")
        offsets = {
            aiokafka.TopicPartition(claim.partition.topic, claim.partition.partition): OffsetAndMetadata(offset, "")
            for claim, offset in marks
        }
        try:
            await coordinator.commit_offsets(None, offsets)
        except _LOST as error:
            raise LostPartitionError(describe(error)) from error
        except errors.KafkaError as error:
            raise transport_error("offsets cannot be committed", error) from error
        return True

    # Reading ------------------------------------------------------------------------------------------------------

    async def _read(self, membership: Membership, sink: Sink) -> None:
        getmany = self._consumer.getmany
        trouble = False
        while True:
            try:
                room = await self._room(membership, sink)
                membership.release(OPEN_READS * self._options.prefetch // 2)
                wait = _HOLDING_MILLIS if membership.holding else _WAIT_MILLIS
                async with self._reading:
                    # Not handing over yet: the client waits here for an assignment, which waits for the revoke.
                    found = await getmany(timeout_ms=wait, max_records=min(room, LARGEST_READ))
                    await self._hand_over(found, membership, sink)
                if trouble:
                    trouble = False
                    sink.degrade(None)
            except _FATAL as error:
                raise self._fatal(error) from error
            except errors.KafkaError as error:
                self._rival.refused(error)
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
                async with self._reading:
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
            async with self._handing_over:
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
                if claim.open > OPEN_READS * self._options.prefetch:
                    membership.hold(partition)
            sink.feed(ReceivedRecord.of(records, claim))

    def _fatal(self, error: BaseException) -> TransportError:
        if isinstance(error, _NO_PLACE):
            group = self._options.group
            what = f'{self._address.name} has no offset to start at in group "{group}", and start is "fail"'
            return TransportError(f"{what}: {describe(error)}")
        return transport_error(f"{self._address.name} cannot be consumed", error)


class Rebalances(ConsumerRebalanceListener):  # type: ignore[misc]  # the client has no annotations
    """Hands the client's rebalances on; what goes wrong there would only be logged by it.

    Args:
        source: Who is told.
    """

    def __init__(self, source: AiokafkaSource) -> None:
        self._source = source

    async def on_partitions_revoked(self, revoked: Collection[aiokafka.TopicPartition]) -> None:
        """Give back what is held; the client revokes everything at once."""
        await self._guarded(self._source.on_revoked())

    async def on_partitions_assigned(self, assigned: Collection[aiokafka.TopicPartition]) -> None:
        """Take over what was given."""
        await self._guarded(self._source.on_assigned(assigned))

    async def _guarded(self, told: Awaitable[None]) -> None:
        try:
            await told
        except Exception as error:  # noqa: BLE001 - whatever it is, the source cannot go on
            self._source.fail(error)
