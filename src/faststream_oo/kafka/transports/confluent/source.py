"""The intake of one subscription by confluent-kafka: what its thread reads, on the loop."""

import asyncio
import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

import confluent_kafka
from attrs import evolve
from confluent_kafka import Consumer, KafkaError, KafkaException
from confluent_kafka import Message as Native

from faststream_oo.address import Address
from faststream_oo.errors import TransportError
from faststream_oo.kafka.address import TopicPattern
from faststream_oo.kafka.client.commits import LostPartitionError, Mark
from faststream_oo.kafka.client.config import instance_id
from faststream_oo.kafka.client.membership import Membership, Place
from faststream_oo.kafka.client.source import LARGEST_READ, OPEN_READS, ClientSource
from faststream_oo.kafka.client.tokens import TokenError
from faststream_oo.kafka.client.watch import BrokerWatch
from faststream_oo.kafka.message import ReceivedRecord
from faststream_oo.kafka.options import KafkaSettings, KafkaSourceOptions
from faststream_oo.kafka.transports.confluent.admin import ConfluentAdmin
from faststream_oo.kafka.transports.confluent.causes import ErrorLog, describe, error_of, transport_error
from faststream_oo.kafka.transports.confluent.config import consumer_options, incremental
from faststream_oo.kafka.transports.confluent.owner import UNSURE, OwnerThread
from faststream_oo.kafka.transports.confluent.received import ConfluentRecord
from faststream_oo.kafka.transports.confluent.refreshing import token_options
from faststream_oo.message import Message
from faststream_oo.transport import Sink
from faststream_oo.waiting import bounded

_log: Final = logging.getLogger("faststream_oo")

_CLOSE_SECONDS: Final = 15.0
_RETRY_SECONDS: Final = 0.5
_PLACED_PAUSE: Final = 0.5
_SEEKS: Final = 20
_SEEK_PAUSE: Final = 0.1
_MARGIN: Final = 30.0  # What a membership keeps of the rebalance timeout.

_LOST: Final = frozenset({
    KafkaError.UNKNOWN_MEMBER_ID, KafkaError.ILLEGAL_GENERATION, KafkaError.FENCED_INSTANCE_ID,
    KafkaError.STALE_MEMBER_EPOCH, KafkaError.FENCED_MEMBER_EPOCH, KafkaError._ASSIGNMENT_LOST,  # noqa: SLF001
})  # fmt: skip
"""The partition went to another member, or the member itself was thrown out."""

_PASSING: Final = frozenset({
    KafkaError.REBALANCE_IN_PROGRESS, KafkaError.COORDINATOR_LOAD_IN_PROGRESS, KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.NOT_COORDINATOR, KafkaError.REQUEST_TIMED_OUT, KafkaError.NETWORK_EXCEPTION,
    KafkaError._WAIT_COORD, KafkaError._TRANSPORT, KafkaError._TIMED_OUT, KafkaError._ALL_BROKERS_DOWN,  # noqa: SLF001
    KafkaError._TIMED_OUT_QUEUE, KafkaError._DESTROY_BROKER,  # noqa: SLF001
})  # fmt: skip
"""A commit is tried again."""

_NEW_PROTOCOL_HINT: Final = "group.protocol=consumer needs brokers with KIP-848, as Kafka 4 has it"
_UNSUPPORTED: Final = KafkaError(KafkaError.UNSUPPORTED_VERSION).str()
"""Stands in the text of a fatal error, whose own code tells nothing."""

_NO_PLACE: Final = KafkaError._AUTO_OFFSET_RESET  # noqa: SLF001
_FATAL: Final = frozenset({
    KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.INCONSISTENT_GROUP_PROTOCOL, KafkaError.UNSUPPORTED_VERSION, KafkaError.UNSUPPORTED_ASSIGNOR,
    KafkaError._FATAL, _NO_PLACE,  # noqa: SLF001
})  # fmt: skip


class ConfluentSource(ClientSource):
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
        admin: ConfluentAdmin,
        watch: BrokerWatch,
    ) -> None:
        # The client has no rebalance timeout of its own: it is the longest time between two polls.
        most = options.max_poll_interval / 2 + _MARGIN
        super().__init__(address, evolve(options, rebalance_timeout=min(options.rebalance_timeout, most)), admin, watch)
        self._settings = settings
        self._questions = admin
        self._owner: OwnerThread | None = None
        self._new_protocol = False
        self._known = False
        self._subscribed: Sequence[str] = ()
        self._refresh = 30.0
        self._fed = 0
        self._waiting: asyncio.Task[None] | None = None
        self._stopped = False

    # Life ---------------------------------------------------------------------------------------------------------

    async def _placed(self, membership: Membership) -> None:
        if not self._new_protocol:
            return await super()._placed(membership)
        # The client tells nothing to a member for whom there is no partition.
        while await bounded(membership.joined.wait(), _PLACED_PAUSE) is not None:
            if await self._surplus():
                return None
        return None

    async def _surplus(self) -> bool:
        """Ask whether the group has more members than partitions, and nothing for this one."""
        member = await self._thread.call(Consumer.memberid)
        try:
            group = await self._questions.group(str(self._options.group))
        except TransportError as error:
            _log.debug("%s: %s", self._address.name, error)
            return False
        self._known = member in group.meant
        return group.stable and group.meant.get(member) == 0

    @property
    def _join_hint(self) -> str:
        return _NEW_PROTOCOL_HINT if self._new_protocol and not self._known else ""

    async def _connect(self, membership: Membership) -> None:
        options = consumer_options(self._settings, self._options)
        self._new_protocol = options.get("group.protocol") == "consumer"
        self._refresh = options["topic.metadata.refresh.interval.ms"] / 1000
        name = f"kafka {self._address.name}"
        if (static := instance_id(self._options, self._address.name)) is not None:
            options["group.instance.id"] = static
        options["error_cb"] = ErrorLog(name).note
        try:
            options |= await token_options(self._settings)
            owner = OwnerThread(options, self, incremental=incremental(options))
            await owner.open()
        except (KafkaException, TokenError) as error:
            raise transport_error(f"{self._address.name} cannot be consumed", error) from error
        self._owner = owner
        owner.start(name)
        if not self._by_hand:
            await self._subscribe(membership)

    async def _subscribe(self, membership: Membership) -> None:
        """Subscribe to what the address names or matches now.

        A pattern is matched here: the client and the brokers have expressions of other kinds.
        """
        names = self._names or sorted(name for name in await self._admin.topics() if self._takes(name))
        if names == self._subscribed:
            return
        try:
            if names:
                await self._thread.subscribe(names)
            elif self._subscribed:
                await self._thread.call(Consumer.unsubscribe)
        except KafkaException as error:
            raise transport_error(f"{self._address.name} cannot be consumed", error) from error
        self._subscribed = names
        if not names:
            membership.joined.set()

    def _begin(self, membership: Membership, sink: Sink) -> None:
        if isinstance(self._address, TopicPattern) and not self._by_hand:
            self._spawn(self._match(membership), "topics")

    async def _match(self, membership: Membership) -> None:
        while True:
            await self._clock.sleep(self._refresh)
            try:
                await self._subscribe(membership)
            except TransportError as error:
                _log.debug("%s: %s", self._address.name, error)  # the broker is away, which is told elsewhere

    async def _end(self) -> None:
        self._stopped = True
        if self._waiting is not None:
            self._waiting.cancel()

    async def _disconnect(self) -> None:
        await self._end()
        if self._owner is None:
            return
        self._owner.end()
        try:
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self._owner.ended.wait()
        except TimeoutError:
            _log.warning("%s: the client did not close in %g s", self._address.name, _CLOSE_SECONDS)

    @property
    def _thread(self) -> OwnerThread:
        if self._owner is None:
            raise TransportError(f"{self._address.name} is not consumed yet")
        return self._owner

    # What the thread tells ----------------------------------------------------------------------------------------

    def room(self) -> int:
        """Return how many records may be handed over now, below 0 for none any more; called on the thread."""
        if self._stopped or self._sink is None:
            return -1
        return max(0, min(self._sink.room - (self._thread.handed - self._fed), LARGEST_READ))

    def approve(self, consumer: Consumer, messages: Sequence[Native], /) -> bool:
        """Commit what was read before it is handled, at most once; called on the thread."""
        if self._settles or self._options.group is None:
            return True
        first: dict[Place, int] = {}
        after: dict[Place, int] = {}
        for message in messages:
            if message.error() is None:
                place, offset = (str(message.topic()), message.partition() or 0), message.offset() or 0
                first.setdefault(place, offset)
                after[place] = offset + 1
        try:
            if after:
                consumer.commit(offsets=_native(after), asynchronous=False)
        except KafkaException as error:
            _log.warning("%s: read again, as it could not be committed: %s", self._address.name, describe(error))
            held = {(one.topic, one.partition) for one in consumer.assignment()}
            for one in _native({place: at for place, at in first.items() if place in held}):
                consumer.seek(one)
            return False
        return True

    def ask_room(self) -> None:
        """Tell the thread once there is room again."""
        if not self._stopped and self._sink is not None:
            self._waiting = asyncio.ensure_future(self._wait_for_room(self._sink))

    async def _wait_for_room(self, sink: Sink) -> None:
        await sink.ready()
        self._held.release(OPEN_READS * self._options.prefetch // 2)
        self._thread.has_room()

    def resume_reading(self) -> None:
        """Read again what nobody paused."""
        self._held.resume_reading()

    def read(self, messages: Sequence[Native], /) -> None:
        """Hand records over; those of a partition that is not held come again to whoever has it."""
        sink, membership = self._sink, self._held
        assert sink is not None
        batch: list[Message] = []
        for place, run in groupby(_facts(self._records(messages)), itemgetter(0, 1)):
            claim = membership.claims.get(place)
            if claim is None:
                continue
            records = [ConfluentRecord(*facts[2:]) for facts in run]
            if self._settles:
                claim.see([record.offset for record in records])
            batch.extend(ReceivedRecord.of(records, claim))
        if batch and not self._stopped:
            sink.feed(batch)
        self._fed += len(messages)
        if self._settles:
            self._bound(membership)

    def _records(self, messages: Sequence[Native]) -> Sequence[Native]:
        """Return the records among what was read; the others are errors."""
        if not any(map(Native.error, messages)):
            return messages
        for message in messages:
            if (error := message.error()) is not None:
                self._hear(error)
        return [message for message in messages if message.error() is None]

    def _bound(self, membership: Membership) -> None:
        """Read no more of a partition with too much unsettled behind a slow message, until it is less."""
        most = OPEN_READS * self._options.prefetch
        if membership.holding:
            membership.release(most // 2)
        for place, claim in membership.claims.items():
            if claim.open > most:
                membership.hold(place)

    def _hear(self, error: KafkaError) -> None:
        code = error.code()
        if code == _NO_PLACE:
            group = self._options.group
            what = f'{self._address.name} has no offset to start at in group "{group}", and start is "fail"'
            self._fail(TransportError(f"{what}: {describe(error)}"))
        elif code in _FATAL or error.fatal():
            hint = _NEW_PROTOCOL_HINT if self._new_protocol and _UNSUPPORTED in error.str() else ""
            self._fail(transport_error(f"{self._address.name} cannot be consumed", error, hint))
        else:
            # The client goes on by itself.
            fields = {"address": self._address.name, "error": describe(error)}
            _log.warning("%s: %s", self._address.name, describe(error), extra={"fields": fields})

    async def take_over(self, places: Collection[Place], /) -> tuple[Mapping[Place, int], Collection[Place]]:
        """Take partitions over; return where those begin that have no committed offset, and which are to be read."""
        starts = await self._begin_at_end(places)
        await self._held.take(places, starts)
        return starts, self._held.readable(places)

    async def give_up(self, places: Collection[Place], /, *, lost: bool) -> None:
        """Give partitions back, or end those that are gone."""
        await (self._held.lose(places) if lost else self._held.give_back(places))

    def failed(self, error: BaseException, /) -> None:
        """Report that the thread cannot go on."""
        self._fail(transport_error(f"{self._address.name} cannot be consumed", error))

    # What the thread is asked for ---------------------------------------------------------------------------------

    async def _assign(self, starts: Mapping[Place, int], gone: Collection[Place]) -> None:
        def change(consumer: Consumer) -> None:
            if gone:
                consumer.incremental_unassign(_native(dict.fromkeys(gone, confluent_kafka.OFFSET_INVALID)))
            if starts:
                consumer.incremental_assign(_native(starts))

        try:
            await self._thread.call(change)
        except KafkaException as error:
            raise transport_error(f"{self._address.name} cannot be consumed", error) from error
        self._held.repause()

    async def _positions(self, places: Collection[Place]) -> Mapping[Place, int]:
        asked = _native(dict.fromkeys(places, confluent_kafka.OFFSET_INVALID))
        found = await self._thread.call(lambda consumer: consumer.position(asked))
        return {(one.topic, one.partition): one.offset for one in found if one.offset >= 0}

    def _pause(self, places: Collection[Place]) -> None:
        wanted = set(places)
        self._thread.tell(lambda consumer: consumer.pause(_held_of(consumer, wanted)))

    def _resume(self, places: Collection[Place]) -> None:
        wanted = set(places)
        self._thread.tell(lambda consumer: consumer.resume(_held_of(consumer, wanted)))

    async def _seek(self, place: Place, offset: int) -> None:
        target = confluent_kafka.TopicPartition(*place, offset)
        for _ in range(_SEEKS):
            try:
                # What was read before crosses before the claim is renewed, and what is read after it comes later.
                return await self._thread.call(lambda consumer: consumer.seek(target), lambda: self._held.renew(place))
            except KafkaException as error:
                if error_of(error).code() != KafkaError._STATE:  # noqa: SLF001 - not fetched yet: just assigned
                    raise transport_error(f"cannot go to {offset} of {place[0]}/{place[1]}", error) from error
            await self._clock.sleep(_SEEK_PAUSE)
        raise TransportError(f"{place[0]}/{place[1]} is not assigned to this member")

    async def _settled(self) -> None:
        if not self._thread.rebalancing:  # nothing is read meanwhile, and it may wait for whoever asks here
            await self._thread.call(lambda _: None)

    async def _send(self, marks: Collection[Mark]) -> bool:
        while True:
            error = await self._thread.commit(marks)
            if error is None:
                return True
            code = error.code()
            if code == UNSURE:
                return False
            if code in _LOST:
                raise LostPartitionError(describe(error))
            if code not in _PASSING:
                raise transport_error("offsets cannot be committed", error)
            await self._clock.sleep(_RETRY_SECONDS)


def _facts(records: Sequence[Native]) -> Iterator[tuple[Any, ...]]:
    """Ask every record for what a message needs, a fact at a time: no line of ours runs for each."""
    asked = (Native.topic, Native.partition, Native.offset, Native.value, Native.headers)
    return zip(*(map(ask, records) for ask in asked), records, strict=True)


def _native(offsets: Mapping[Place, int]) -> list[confluent_kafka.TopicPartition]:
    return [confluent_kafka.TopicPartition(*place, offset) for place, offset in offsets.items()]


def _held_of(consumer: Consumer, places: Collection[Place]) -> list[confluent_kafka.TopicPartition]:
    """The partitions that the client still has of some."""
    return [one for one in consumer.assignment() if (one.topic, one.partition) in places]
