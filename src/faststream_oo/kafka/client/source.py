"""The intake of one subscription, whichever client reads it: topics, claims, commits, and the order of start and end."""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Collection, Coroutine, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from faststream_oo import current
from faststream_oo.address import Address
from faststream_oo.errors import LifecycleError, TransportError
from faststream_oo.kafka.address import Partitions, SeekTo, Topic, TopicPartition, TopicPattern, Topics
from faststream_oo.kafka.client.admin import ClusterAdmin, TopicFacts
from faststream_oo.kafka.client.commits import COMMIT_SECONDS, Commits, LostPartitionError, Mark
from faststream_oo.kafka.client.membership import Membership, Place
from faststream_oo.kafka.client.watch import BrokerWatch
from faststream_oo.kafka.options import KafkaSourceOptions
from faststream_oo.transport import Capabilities, Claim, Sink
from faststream_oo.waiting import bounded

_log: Final = logging.getLogger("faststream_oo")

LARGEST_READ: Final = 500
"""Records that are read at once, at most."""

OPEN_READS: Final = 20
"""A partition whose unsettled positions exceed so many prefetches is not read until they are fewer."""

JOIN_MARGIN: Final = 5.0
"""Seconds that the first assignment may take beyond the time that others have to give their partitions back."""

_LOOKS: Final = 5
_LOOK_PAUSE: Final = 0.2
_FOLLOW_SECONDS: Final = 30.0
_POSITION_SECONDS: Final = 10.0


class ClientSource(ABC):
    """A member of a group, or a reader of every partition without one.

    Args:
        address: Topic, Topics or TopicPattern, whole.
        options: Of the subscription.
        admin: Where topics and offsets are looked up.
        watch: Tells when the cluster is away.
    """

    def __init__(self, address: Address, options: KafkaSourceOptions, admin: ClusterAdmin, watch: BrokerWatch) -> None:
        self._address = address
        self._options = options
        self._admin = admin
        self._watch = watch
        self._clock = current.clock()
        self._sink: Sink | None = None
        self._membership: Membership | None = None
        self._there: Mapping[str, TopicFacts] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._failed: BaseException | None = None

    # What a client adds -------------------------------------------------------------------------------------------

    @abstractmethod
    async def _connect(self, membership: Membership) -> None:
        """Make the client, and subscribe it when there is a group. Raises TransportError."""

    @abstractmethod
    def _begin(self, membership: Membership, sink: Sink) -> None:
        """Begin to read."""

    @abstractmethod
    async def _end(self) -> None:
        """Read no more, and stay a member."""

    @abstractmethod
    async def _disconnect(self) -> None:
        """Leave the group and disconnect, in a bounded time; nothing is held any more."""

    @abstractmethod
    async def _assign(self, starts: Mapping[Place, int], gone: Collection[Place]) -> None:
        """Read these partitions too, from these offsets, and others no more; the rest goes on where it is."""

    @abstractmethod
    async def _positions(self, places: Collection[Place]) -> Mapping[Place, int]:
        """Return the next offset to be read of partitions that are held, as far as it is known."""

    @abstractmethod
    async def _seek(self, place: Place, offset: int) -> None:
        """Read a partition from an offset on, and renew its claim before anything of there is fed."""

    @abstractmethod
    async def _send(self, marks: Collection[Mark]) -> bool:
        """Commit marks, as `Commits` wants it."""

    @abstractmethod
    def _pause(self, places: Collection[Place]) -> None:
        """Read these partitions no more, as far as the client has them."""

    @abstractmethod
    def _resume(self, places: Collection[Place]) -> None:
        """Read these partitions again, as far as the client has them."""

    @abstractmethod
    async def _settled(self) -> None:
        """Return when the client does what it was told."""

    # Life ---------------------------------------------------------------------------------------------------------

    @property
    def capabilities(self) -> Capabilities:
        """Settles land as one offset a partition."""
        return Capabilities(settles=self._settles, cumulative=True, ordering=frozenset({"partition"}))

    @property
    def _settles(self) -> bool:
        return self._options.settles and self._options.group is not None

    @property
    def _by_hand(self) -> bool:
        """Whether partitions are assigned here, and not by the group."""
        return self._options.group is None or isinstance(self._address, Partitions)

    @property
    def _held(self) -> Membership:
        if self._membership is None:
            raise LifecycleError("this Kafka source was not started")
        return self._membership

    async def start(self, sink: Sink, /) -> None:
        """Join, take over the partitions that are given, and begin to read. Raises TransportError."""
        self._sink = sink
        await self._require_topics()
        membership = self._membership = Membership(sink, self._options, self._path, self._pause, self._resume)
        if self._options.group is not None:
            held = membership.claims.values
            membership.commits = Commits(self._send, held, self._options.commit_interval, self._clock, self._fail)
        try:
            if not self._by_hand:
                await self._join(membership)
            else:
                await self._connect(membership)
                await self._look(membership)
                if not isinstance(self._address, Partitions):
                    self._spawn(self._follow(membership), "partitions")
            self._begin(membership, sink)
        except BaseException:
            await self._disconnect()
            raise
        self._watch.tell(sink.degrade)

    async def _join(self, membership: Membership) -> None:
        seconds = self._options.rebalance_timeout + JOIN_MARGIN
        try:
            async with asyncio.timeout(seconds):
                await self._connect(membership)
                await self._placed(membership)
        except TimeoutError as error:
            what = f'{self._address.name} cannot be consumed: group "{self._options.group}" gave no partitions'
            raise TransportError(f"{what} in {seconds:g} s", hint=self._join_hint) from error
        if isinstance(self._failed, TransportError):
            raise self._failed
        if self._failed is not None:
            raise TransportError(f"{self._address.name} cannot be consumed: {self._failed}") from self._failed

    async def _placed(self, membership: Membership) -> None:
        """Return when this member has its partitions, or it is known that there are none for it."""
        await membership.joined.wait()

    @property
    def _join_hint(self) -> str:
        """What is said when it takes too long."""
        return ""

    async def stop(self) -> None:
        """Feed no more but stay a member: claims still take settles."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        if self._membership is not None:
            if self._membership.commits is not None:
                self._membership.commits.leaving = True
            self._membership.pause(None)
            await self._end()

    async def flush(self) -> None:
        """Return when every settle so far is committed, or the broker does not take it in time."""
        commits = None if self._membership is None else self._membership.commits
        if commits is not None and self._settles:
            error = await commits.within_bounds()
            if error is not None:
                raise TransportError(f"offsets of {self._address.name} are not committed: {error}") from error

    async def close(self) -> None:
        """Commit what is settled, leave the group and disconnect; bounded, whatever the broker does."""
        await self.stop()
        if self._sink is not None:
            self._watch.forget(self._sink.degrade)
        if self._membership is None:
            return
        error = await bounded(self._leave(self._membership), COMMIT_SECONDS + self._options.rebalance_timeout)
        if error is not None:
            _log.warning("%s left without giving its partitions back: %r", self._address.name, error)
        if self._membership.commits is not None:
            self._membership.commits.close()
        self._membership.forget()
        await self._disconnect()

    async def _leave(self, membership: Membership) -> None:
        await membership.give_back()

    def _spawn(self, call: Coroutine[Any, Any, None], what: str) -> None:
        task = asyncio.create_task(call, name=f"kafka {self._address.name} {what}")
        self._tasks.append(task)

        def done(ended: asyncio.Task[None]) -> None:
            if not ended.cancelled() and (error := ended.exception()) is not None:
                self._fail(error)

        task.add_done_callback(done)

    def _fail(self, error: BaseException) -> None:
        self._failed = error
        if self._membership is not None:
            self._membership.joined.set()
        if self._sink is not None:
            self._sink.fail(error)

    # Topics and places --------------------------------------------------------------------------------------------

    async def _require_topics(self) -> None:
        """Refuse topics that are not there: aiokafka would create them, confluent would wait for them."""
        missing: Collection[str] = self._names
        wanted = self._address.partitions if isinstance(self._address, Partitions) else ()
        for look in range(_LOOKS):
            if look > 1:  # a new topic takes a moment to be known everywhere
                await asyncio.sleep(_LOOK_PAUSE)
            there = self._there = await self._admin.topics()
            missing = [name for name in missing if name not in there]
            wanted = [one for one in wanted if one.topic not in there or one.partition not in there[one.topic].leaders]
            if not missing and not wanted:
                return
        if missing:
            raise TransportError(f"topics do not exist: {', '.join(missing)}; topology: create makes declared topics")
        if wanted:
            raise TransportError(
                f"partitions do not exist: {', '.join(f'{one.topic}/{one.partition}' for one in wanted)}"
            )

    @property
    def _names(self) -> list[str]:
        """The topics that the address names; none for a pattern."""
        if isinstance(self._address, TopicPattern | Partitions):
            return []
        topics: Sequence[Topic] = (
            self._address.topics if isinstance(self._address, Topics) else [Topic(self._address.name)]
        )
        return [topic.name for topic in topics]

    @property
    def _expression(self) -> str:
        r"""The pattern of the address, whole and anchored; dead letters must not come back as messages."""
        return rf"(?!__)(?!.*\.dlq\Z)(?:{self._address.name})\Z"

    def _path(self, topic: str) -> Mapping[str, str]:
        if not isinstance(self._address, TopicPattern):
            return {}
        found = self._address.regex().fullmatch(topic)
        return {} if found is None else {name: part for name, part in found.groupdict().items() if part is not None}

    def _takes(self, topic: str) -> bool:
        return self._address.matches(topic) if isinstance(self._address, TopicPattern) else topic in self._names

    async def _look(self, membership: Membership, *, start: int | str | None = None) -> None:
        """Assign what there is now; what is new begins at `start`, instead of where the options say."""
        if isinstance(self._address, Partitions):
            found = {(one.topic, one.partition) for one in self._address.partitions}
            start = self._address.start
        else:
            topics = {name: facts for name, facts in (await self._admin.topics()).items() if self._takes(name)}
            found = {(name, number) for name, facts in topics.items() for number in facts.leaders}
        gone, new = membership.claims.keys() - found, sorted(found - membership.claims.keys())
        await membership.lose(gone)
        starts = dict(await self._offsets(new, self._options.start if start is None else start))
        if self._options.group is not None:
            known = await self._admin.committed(self._options.group, [TopicPartition(*place) for place in new])
            starts.update(((one.topic, one.partition), at) for one, at in known.items())
        await membership.take(new)
        if gone or new:
            await self._assign(starts, gone)

    async def _follow(self, membership: Membership) -> None:
        """Look for ever for what appears and what is gone."""
        while True:
            await self._clock.sleep(_FOLLOW_SECONDS)
            try:
                # What appeared while we were looking is not old, whatever the options say.
                await self._look(membership, start="earliest")
            except TransportError as error:
                _log.debug("%s: %s", self._address.name, error)  # the broker is away, which is told elsewhere

    async def _offsets(self, places: Collection[Place], start: int | str) -> Mapping[Place, int]:
        """Return the first or the next offset of partitions, or a given one for all."""
        if isinstance(start, int) or not places:
            return dict.fromkeys(places, start) if isinstance(start, int) else {}
        first, end = await self._admin.offsets([TopicPartition(*place) for place in places])
        return {(one.topic, one.partition): at for one, at in (first if start == "earliest" else end).items()}

    async def _begin_at_end(self, places: Collection[Place]) -> Mapping[Place, int]:
        """Return where partitions begin for which the group committed nothing and `start` is "latest".

        The ends are looked up before anybody relies on them, and committed: else each rebalance and each restart
        would look for the end again, and skip what came in between. What was added since the start has nothing old.
        """
        group = self._options.group
        if self._options.start != "latest" or group is None or not places:
            return {}
        starts: dict[Place, int] = {}

        async def look() -> None:
            known = await self._admin.committed(group, [TopicPartition(*place) for place in places])
            new = [place for place in places if TopicPartition(*place) not in known]
            added = [place for place in new if not self._was_there(place)]
            starts.update(await self._offsets(added, "earliest"))
            starts.update(await self._offsets([place for place in new if self._was_there(place)], "latest"))

        if (error := await bounded(look(), _POSITION_SECONDS)) is not None:
            _log.warning("where the topics end is not known yet, records of this moment may be skipped: %r", error)
        return starts

    def _was_there(self, place: Place) -> bool:
        """Whether a partition was there as the source began."""
        topic, number = place
        return topic in self._there and number in self._there[topic].leaders

    async def _commit(self, marks: Collection[Mark]) -> bool:
        try:
            return await self._send(marks)
        except LostPartitionError as error:
            if not self._by_hand:
                raise
            what = f'group "{self._options.group}" has members: partitions assigned by hand need a group of their own'
            raise TransportError(f"{self._address.name}: {what}") from error

    # Control ------------------------------------------------------------------------------------------------------

    async def pause(self, claim: Claim | None = None, /) -> None:
        """Stop reading one claim, or all; the member stays."""
        self._held.pause(claim)
        await self._settled()

    async def resume(self, claim: Claim | None = None, /) -> None:
        """Undo a pause of one claim or all."""
        self._held.resume(claim)

    async def lag(self) -> int | None:
        """Records between what was read and the end of the log, over the partitions held. Raises TransportError."""
        held = {place: claim.partition for place, claim in self._held.claims.items()}
        if not held:
            return 0
        first, ends = await self._admin.offsets(list(held.values()))
        read = await self._positions(held)
        # A client does not know a position before its first fetch.
        unread = [held[place] for place in held.keys() - read.keys()]
        positions = {one: ends[one] if self._options.start == "latest" else first[one] for one in unread}
        if unread and self._options.group is not None:
            positions.update(await self._admin.committed(self._options.group, unread))
        positions.update((held[place], at) for place, at in read.items())
        return sum(
            max(0, ends[one] - at) for one, at in positions.items() if (one.topic, one.partition) in self._held.claims
        )

    @property
    def assigned(self) -> Sequence[TopicPartition]:
        """Partitions that this member has now."""
        return [claim.partition for claim in self._held.claims.values()]

    async def commit(self) -> None:
        """Commit now what is settled without a gap. Raises TransportError."""
        if (commits := self._held.commits) is None:
            raise TransportError(f"{self._address.name} is consumed without a group: there is nothing to commit")
        await commits.commit()

    async def committed(self, partition: TopicPartition, /) -> int | None:
        """Return the offset that the group continues at, None when it committed nothing. Raises TransportError."""
        if self._options.group is None:
            raise TransportError(f"{self._address.name} is consumed without a group: nothing is committed")
        return (await self._admin.committed(self._options.group, [partition])).get(partition)

    async def seek(self, partition: TopicPartition, to: SeekTo, /) -> None:
        """Continue an assigned partition elsewhere. Raises TransportError when it is not assigned."""
        place = (partition.topic, partition.partition)
        if place not in self._held.claims:
            raise TransportError(f"{partition.topic}/{partition.partition} is not assigned to this member")
        if isinstance(to, datetime):
            found = await self._admin.offset_at(partition, to)
            to = "latest" if found is None else found
        await self._seek(place, (await self._offsets([place], to))[place])
