"""The intake of one subscription to an embedded cluster: a group's member, or a reader without a group."""

import asyncio
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from contextvars import copy_context
from typing import Final
from uuid import uuid4

from faststream_oo.address import Address
from faststream_oo.clock import Timer
from faststream_oo.errors import TransportError
from faststream_oo.kafka.address import Partitions, SeekTo, TopicPartition
from faststream_oo.kafka.claim import PartitionClaim
from faststream_oo.kafka.client.config import instance_id, rivalry
from faststream_oo.kafka.message import ReceivedRecord
from faststream_oo.kafka.options import KafkaSourceOptions
from faststream_oo.kafka.transports.memory.cluster import MemoryCluster
from faststream_oo.kafka.transports.memory.cursors import TURN, Cursor, captured, named
from faststream_oo.kafka.transports.memory.groups import Alone, Group
from faststream_oo.message import Message
from faststream_oo.transport import Capabilities, Claim, Sink

_FLUSH_SECONDS: Final = 5.0
_REBALANCE_MARGIN: Final = 30.0  # Seconds of the rebalance timeout that are left for committing and joining again.


class MemorySource:
    """Reads the partitions that it is given, and commits what was settled of them.

    Args:
        cluster: Where the topics are.
        address: Which of them.
        options: Of the subscription.
        client_id: First part of the member's id.
    """

    def __init__(self, cluster: MemoryCluster, address: Address, options: KafkaSourceOptions, client_id: str) -> None:
        self.id = f"{client_id}-{uuid4()}"
        self.instance = instance_id(options, address.name)
        self.session_timeout = options.session_timeout
        self.context = copy_context()
        self._cluster = cluster
        self._address = address
        self._named = named(address)
        self._options = options
        self._group = None if options.group is None else cluster.group(options.group)
        self._start: int | str = address.start if isinstance(address, Partitions) else options.start
        alone = Alone(cluster.topics, cluster.online)
        self._coordinator: Group | Alone = (
            alone if self._group is None or isinstance(address, Partitions) else self._group
        )
        self._settles = options.settles and self._group is not None
        self._sink: Sink | None = None
        self._there: Mapping[str, int] = {}
        self._claims: dict[TopicPartition, PartitionClaim] = {}
        self._cursors: deque[Cursor] = deque()
        self._held: set[Claim] = set()
        self._paused = False
        self._stopped = False
        self._closing = False
        self._over = False
        self._turn = asyncio.Lock()
        self._wake = asyncio.Event()
        self._feeding: asyncio.Task[None] | None = None
        self._timer: Timer | None = None

    # What a subscription sees ---------------------------------------------------------------------------------------

    @property
    def capabilities(self) -> Capabilities:
        """Cumulative settles, order by partition; without a group, or at most once, no settles."""
        return Capabilities(settles=self._settles, cumulative=True, ordering=frozenset({"partition"}))

    @property
    def assigned(self) -> Sequence[TopicPartition]:
        """Partitions that this member has now."""
        return tuple(self._claims)

    async def start(self, sink: Sink, /) -> None:
        """Join and begin to feed; returns when the first partitions are assigned."""
        self._cluster.check_online()
        if missing := [name for name in self._named if name not in self._cluster.topics]:
            raise TransportError(f"unknown topic {', '.join(missing)}")
        for one in self._address.partitions if isinstance(self._address, Partitions) else ():
            self._cluster.log(one.topic, one.partition)
        self._sink = sink
        self._there = {name: len(topic) for name, topic in self._cluster.topics.items()}
        self.context = copy_context()
        self._feeding = asyncio.create_task(self._feed(sink))
        self._feeding.add_done_callback(self._fed)
        self._cluster.clients.append(self)
        try:
            await self._coordinator.join(self)
        except BaseException:
            self._quit()
            raise

    async def pause(self, claim: Claim | None = None, /) -> None:
        """Read nothing more of one claim or of all; a pause of all outlasts rebalances."""
        if claim is None:
            self._paused = True
        else:
            self._held.add(claim)

    async def resume(self, claim: Claim | None = None, /) -> None:
        """Undo a pause of one claim or all."""
        if claim is None:
            self._paused = False
        else:
            self._held.discard(claim)
        self._wake.set()

    async def stop(self) -> None:
        """Feed no more but stay a member."""
        self._stopped = True
        if self._feeding is not None:
            self._feeding.cancel()
            await asyncio.wait([self._feeding])

    async def flush(self) -> None:
        """Return when every settle so far is committed.

        Raises:
            TransportError: The cluster is down, and not back in five seconds; a stopped source does not wait for it.
        """
        if self._group is None or self._closing:
            return
        if not self._stopped:
            await self._back(_FLUSH_SECONDS)
        self._cluster.check_online()
        self._commit()

    async def close(self) -> None:
        """Give everything back, commit, and leave the group; what a cluster that is down cannot hear comes again."""
        if self._over or self._sink is None:
            return
        self._closing = True
        try:
            await self.stop()
            await self.give_back()
        finally:
            self._quit()

    async def lag(self) -> int | None:
        """Offsets that wait to be read, None while the cluster is down or partitions are dealt out."""
        known = self._cluster.online.is_set() and not self._coordinator.rebalancing
        return sum(cursor.lag for cursor in self._cursors) if known else None

    async def commit(self) -> None:
        """Commit now what is settled without a gap. Raises TransportError without a group."""
        self._committing()
        await self.flush()

    async def committed(self, partition: TopicPartition, /) -> int | None:
        """Return where the group continues, None when it committed nothing. Raises TransportError without a group."""
        self._cluster.check_online()
        return self._committing().offsets.get(partition)

    async def seek(self, partition: TopicPartition, to: SeekTo, /) -> None:
        """Continue an assigned partition elsewhere. Raises TransportError when it is not assigned."""
        cursor = next((one for one in self._cursors if one.claim.partition == partition), None)
        if cursor is None or self._sink is None:
            raise TransportError(f"{partition.topic}/{partition.partition} is not assigned to this member")
        old = cursor.claim
        cursor.seek(to)
        cursor.claim = self._claims[partition] = PartitionClaim(partition, old.path, self._moved)
        old.live = False
        self._held.discard(old)
        self._sink.drop([old])
        self._wake.set()

    # What the cluster and the group see -----------------------------------------------------------------------------

    def reads(self, topic: str, /) -> bool:
        """Whether the address takes in a topic."""
        return captured(self._address, topic) is not None

    def wants(self, partition: TopicPartition, /) -> bool:
        """Whether the address takes in a partition of its topics."""
        return not isinstance(self._address, Partitions) or partition in self._address.partitions

    def deleted(self) -> Collection[TopicPartition]:
        """Return those partitions whose topic was deleted."""
        return {cursor.claim.partition for cursor in self._cursors if cursor.log.deleted}

    async def give_back(self, partitions: Collection[TopicPartition] | None = None, /) -> None:
        """End what is held of these partitions, or of all; settles are heard until then, and committed."""
        async with self._turn:
            chosen = [claim for key, claim in self._claims.items() if partitions is None or key in partitions]
            if not chosen or self._sink is None:
                return
            self._unhook(chosen)
            deadline = max(0.0, self._options.rebalance_timeout - _REBALANCE_MARGIN)
            try:
                await self._sink.revoke(chosen, deadline=deadline)
            finally:
                self._commit()
                self._end(chosen)

    async def take(self, partitions: Sequence[TopicPartition], /) -> None:
        """Have these partitions, from their committed offsets on; nothing is fed before the sink knows them."""
        async with self._turn:
            if self._over or not partitions or self._sink is None:
                return
            cursors = [self._cursor(partition) for partition in partitions]
            self._claims.update((cursor.claim.partition, cursor.claim) for cursor in cursors)
            await self._sink.assign([cursor.claim for cursor in cursors])
            for cursor in cursors:
                if cursor.claim.live:
                    cursor.log.readers.append(self._wake.set)
                    self._cursors.append(cursor)
            self._wake.set()

    def fail(self, error: BaseException, /) -> None:
        """Report that the source cannot go on."""
        if self._sink is not None:
            self._sink.fail(error)

    def fence(self) -> None:
        """End without a commit, and report that another has the static id."""
        if not self._over:
            self._detach()
            self.fail(TransportError(rivalry(self._options, self._address.name)))

    def lost(self) -> None:
        """Report that the cluster is down; what was read goes on being handled."""
        if self._sink is not None:
            self._sink.degrade("the embedded Kafka is down")

    def found(self) -> None:
        """Commit what was settled meanwhile, and read on."""
        self._commit()
        self._wake.set()
        if self._sink is not None:
            self._sink.degrade(None)

    def changed(self, topic: str, /) -> None:
        """Have the partitions dealt out again when the topic is one of ours."""
        if self.reads(topic):
            self._coordinator.changed()

    def crash(self) -> None:
        """End without a commit and without leaving; the group notices after the session timeout."""
        if not self._over and self._sink is not None:
            self._detach()
            self._coordinator.crash(self)

    # Reading --------------------------------------------------------------------------------------------------------

    async def _feed(self, sink: Sink) -> None:
        while True:
            room = await sink.ready()
            batch = self._read(min(room, TURN))
            if batch:
                sink.feed(batch)
                await asyncio.sleep(0)  # The sink may have room again at once: others get their turn.
            else:
                self._wake.clear()
                await self._wake.wait()

    def _read(self, room: int) -> list[Message]:
        """Return what comes next: all of one partition, then of the next, as long as there is room."""
        batch: list[Message] = []
        if self._paused or not self._cluster.online.is_set():
            return batch
        cursors = self._cursors
        for _ in range(len(cursors)):
            cursor = cursors[0]
            if cursor.claim not in self._held and cursor.due:
                self._receive(cursor, room - len(batch), batch)
                if len(batch) == room and cursor.turn and cursor.due:
                    break
            cursors.rotate(-1)
            cursor.turn = TURN
            if len(batch) == room:
                break
        return batch

    def _receive(self, cursor: Cursor, room: int, batch: list[Message]) -> None:
        if not cursor.placed:
            self._place(cursor)
        claim = cursor.claim
        records = cursor.read(room)
        if self._settles:
            claim.see([record.offset for record in records])
        elif self._group is not None:
            self._group.commit(claim.partition, cursor.position)
        batch.extend(ReceivedRecord.of(records, claim))

    def _cursor(self, partition: TopicPartition) -> Cursor:
        committed = None if self._group is None else self._group.offsets.get(partition)
        claim = PartitionClaim(partition, captured(self._address, partition.topic) or {}, self._moved)
        log = self._cluster.log(partition.topic, partition.partition)
        position = -1 if committed is None else committed
        cursor = Cursor(claim, log, position, committed=self._options.isolation == "read_committed")
        if self._options.start != "fail" and not cursor.placed:
            self._place(cursor)
            if committed is None and partition.partition >= self._there.get(partition.topic, 0):
                cursor.position = log.first  # it was added since the start: nothing in it is old
            if self._group is not None and committed is None and self._options.start == "latest":
                # Else each rebalance and each restart would look for the end again, and skip what came in between.
                self._group.commit(partition, cursor.position)
        return cursor

    def _place(self, cursor: Cursor) -> None:
        """Choose where to begin, as the log does not have the position."""
        log = cursor.log
        if self._options.start == "fail":
            what = "no committed offset" if cursor.position < 0 else f"no offset {cursor.position} any more"
            raise TransportError(
                f'{log.topic}/{log.partition}: there is {what} for group "{self._options.group}",'
                f' and start="fail"; the log has {log.first} to {log.end}'
            )
        if isinstance(self._start, int) and log.first <= self._start <= log.end:
            cursor.position = self._start
        else:
            cursor.position = log.end if self._start == "latest" else log.first

    def _fed(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.fail(error)

    # Committing and ending ------------------------------------------------------------------------------------------

    def _committing(self) -> Group:
        if self._group is None:
            raise TransportError(f"the subscription to {self._address.name} has no group: it commits nothing")
        return self._group

    async def _back(self, seconds: float) -> None:
        """Wait so long for a cluster that is down."""
        waiting = asyncio.ensure_future(self._cluster.online.wait())
        timer = self._cluster.clock.call_later(seconds, waiting.cancel)
        try:
            await asyncio.wait([waiting])
        finally:
            timer.cancel()
            waiting.cancel()

    def _moved(self) -> None:
        if self._timer is None:
            self._timer = self._cluster.clock.call_later(self._options.commit_interval, self._commit)

    def _commit(self) -> None:
        """Commit the marks that moved; nothing while the cluster is down, as it is done when it is back."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._group is None or not self._cluster.online.is_set():
            return
        for partition, claim in self._claims.items():
            claim.taken()
            offset = claim.next_offset
            if offset is not None and offset != claim.committed:
                self._group.commit(partition, offset)
                claim.committed = offset

    def _unhook(self, claims: Collection[PartitionClaim]) -> None:
        """Read nothing more of these claims."""
        for cursor in [cursor for cursor in self._cursors if cursor.claim in claims]:
            self._cursors.remove(cursor)
            cursor.log.readers.remove(self._wake.set)

    def _end(self, claims: Collection[PartitionClaim]) -> None:
        """Hear no more settles of these claims."""
        for claim in claims:
            claim.live = False
            self._held.discard(claim)
            self._claims.pop(claim.partition, None)

    def _detach(self) -> None:
        """Have nothing, and hear nothing from the cluster."""
        self._over = True
        claims = tuple(self._claims.values())
        self._unhook(claims)
        self._end(claims)
        self._cluster.clients.remove(self)
        if self._feeding is not None:
            self._feeding.cancel()
        if self._timer is not None:
            self._timer.cancel()

    def _quit(self) -> None:
        if not self._over:
            self._detach()
            self._coordinator.leave(self)
