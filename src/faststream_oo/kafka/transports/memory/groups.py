"""Who reads what: consumer groups with their rebalances, and readers without a group."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from contextvars import Context
from itertools import cycle
from typing import Protocol

from faststream_oo.clock import Clock, Timer
from faststream_oo.kafka.address import TopicPartition
from faststream_oo.kafka.transports.memory.topics import MemoryTopic


class Member(Protocol):
    """A reader, as those see it who give it its partitions."""

    @property
    def id(self) -> str:
        """Name and a random part, so that who gets what is random among members of one name."""
        ...

    @property
    def instance(self) -> str | None:
        """The id of a static member, whose place in the group is kept for it; None of a dynamic one."""
        ...

    @property
    def session_timeout(self) -> float:
        """Seconds in which nothing is heard from it until it is no member any more."""
        ...

    @property
    def context(self) -> Context:
        """The context it was started in; whoever else causes a rebalance lends it nothing of his own."""
        ...

    @property
    def assigned(self) -> Sequence[TopicPartition]:
        """The partitions it has."""
        ...

    def reads(self, topic: str, /) -> bool:
        """Whether it subscribes to a topic."""
        ...

    def wants(self, partition: TopicPartition, /) -> bool:
        """Whether it takes a partition of a topic that it subscribes to, when it is alone."""
        ...

    def deleted(self) -> Collection[TopicPartition]:
        """Return those of its partitions whose topic was deleted."""
        ...

    async def give_back(self, partitions: Collection[TopicPartition] | None = None, /) -> None:
        """End what is held of these partitions, or of all, commit, and have them no more."""

    async def take(self, partitions: Sequence[TopicPartition], /) -> None:
        """Have these partitions too, from their committed offsets on."""

    def fail(self, error: BaseException, /) -> None:
        """It cannot go on."""

    def fence(self) -> None:
        """End without a commit: another has its static id."""


class Rounds:
    """Does something again whenever it is asked to, never twice at once.

    Args:
        action: What is done; it finds out itself what there is to do.
        failed: Told about an error of the action, which ends the rounds.
    """

    def __init__(self, action: Callable[[], Awaitable[None]], failed: Callable[[BaseException], None]) -> None:
        self._action = action
        self._failed = failed
        self._asked = False
        self._task: asyncio.Task[None] | None = None

    @property
    def running(self) -> bool:
        """Whether partitions are being dealt out."""
        return self._task is not None and not self._task.done()

    def ask(self) -> None:
        """Begin a round, at the end of the one that is running."""
        self._asked = True
        if not self.running:
            self._task = asyncio.create_task(self._run())
            self._task.add_done_callback(self._ended)

    def answered(self) -> None:
        """What was asked for up to now is part of the round that is running."""
        self._asked = False

    def cancel(self) -> None:
        """Give up the round that is running, and what was asked for."""
        self._asked = False
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def finished(self) -> None:
        """Return when nothing is left to do."""
        if self._task is not None:
            await asyncio.shield(self._task)

    async def _run(self) -> None:
        while self._asked:
            self._asked = False
            await self._action()

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failed(error)


async def _each(members: Iterable[Member], step: Callable[[Member], Coroutine[object, object, None]], /) -> None:
    """Take a step of every member at once; one that fails does not stop the others."""
    steps = {member: asyncio.create_task(step(member), context=member.context.copy()) for member in members}
    await asyncio.gather(*steps.values(), return_exceptions=True)
    for member, task in steps.items():
        if not task.cancelled() and (error := task.exception()) is not None:
            member.fail(error)


def _partitions(topics: Mapping[str, MemoryTopic], members: Collection[Member], /) -> list[TopicPartition]:
    """Return every partition that one of the members reads, by topic and number."""
    read = sorted(topic for topic in topics if any(member.reads(topic) for member in members))
    return [TopicPartition(topic, number) for topic in read for number in range(len(topics[topic]))]


def round_robin(
    topics: Mapping[str, MemoryTopic], members: Collection[Member], /
) -> Mapping[Member, Sequence[TopicPartition]]:
    """Deal the partitions out in turn to the members by id, leaving out those who do not read the topic."""
    shares: dict[Member, list[TopicPartition]] = {member: [] for member in members}
    turn = cycle(sorted(members, key=lambda member: member.id))
    for partition in _partitions(topics, members):
        taker = next(member for member in turn if member.reads(partition.topic))
        shares[taker].append(partition)
    return shares


class Dealer(ABC):
    """Gives those who join their partitions, in rounds.

    Args:
        topics: Of the cluster.
        online: Set while the cluster answers.
    """

    def __init__(self, topics: Mapping[str, MemoryTopic], online: asyncio.Event) -> None:
        self._topics = topics
        self._online = online
        self._members: list[Member] = []
        self._rounds = Rounds(self._deal, self._failed)

    @property
    def rebalancing(self) -> bool:
        """Whether partitions are being dealt out."""
        return self._rounds.running

    async def join(self, member: Member, /) -> None:
        """Return when the member has its share."""
        self._members.append(member)
        self._rounds.ask()
        await self._rounds.finished()

    @abstractmethod
    async def _deal(self) -> None:
        """Give everybody what he shall have now."""

    def _failed(self, error: BaseException) -> None:
        for member in self._members:
            member.fail(error)


class Group(Dealer):
    """One consumer group: its members, its committed offsets, and its eager rebalances.

    At a rebalance everybody gives back everything, and begins again at the committed offsets with what he is given.

    Args:
        topics: Of the cluster.
        clock: Where the time of sessions comes from.
        online: Set while the cluster answers.
    """

    def __init__(self, topics: Mapping[str, MemoryTopic], clock: Clock, online: asyncio.Event) -> None:
        super().__init__(topics, online)
        self.offsets: dict[TopicPartition, int] = {}
        """Where each partition is continued: the next offset."""
        self.generation = 0
        """How many rebalances there were."""
        self._clock = clock
        self._silent: dict[Member, Timer] = {}
        self._shares: dict[Member, Sequence[TopicPartition]] = {}
        self._expired = asyncio.Event()

    @property
    def members(self) -> Sequence[Member]:
        """Those who are in the group, crashed ones included until their session is over."""
        return (*self._members, *self._silent)

    async def join(self, member: Member, /) -> None:
        """Return when the member has its share: without a rebalance that of the one who had its static id."""
        old = next((one for one in self.members if one.instance == member.instance is not None), None)
        share = None if old is None else self._replace(old)
        if share is None or self.rebalancing or self._changed_with(member):
            await super().join(member)
            return
        self._members.append(member)
        self._shares = {one: had for one, had in self._shares.items() if one is not old} | {member: share}
        await member.take(share)

    def leave(self, member: Member, /) -> None:
        """Let the others have what the member had; of a static one when its session is over, as it may come back."""
        if member.instance is not None:
            self.crash(member)
        elif member in self._members:
            self._members.remove(member)
            self.changed()

    def crash(self, member: Member, /) -> None:
        """Hear nothing more from a member; the others get what it had when its session is over."""
        if member in self._members:
            self._members.remove(member)
            self._silent[member] = self._clock.call_later(member.session_timeout, lambda: self._expire(member))

    def changed(self) -> None:
        """Rebalance, as the members or their topics are others now."""
        if self._members:
            self._rounds.ask()
        else:
            self._rounds.cancel()

    def commit(self, partition: TopicPartition, offset: int, /) -> None:
        """Record where a partition is continued; of a deleted topic nothing is kept."""
        if partition.topic in self._topics:
            self.offsets[partition] = offset

    def forget(self, topic: str, /) -> None:
        """Drop the offsets of a topic."""
        for partition in [partition for partition in self.offsets if partition.topic == topic]:
            del self.offsets[partition]

    def _changed_with(self, member: Member) -> bool:
        """Whether the group reads something else than was dealt out, once it has this member."""
        dealt = {partition for share in self._shares.values() for partition in share}
        return dealt != set(_partitions(self._topics, [*self.members, member]))

    def _replace(self, old: Member) -> Sequence[TopicPartition] | None:
        """Hear nothing more from a member, whose place another takes; return what it had."""
        if (timer := self._silent.pop(old, None)) is None:
            self._members.remove(old)
            old.fence()
        else:
            timer.cancel()
            self._expired.set()
        return self._shares.get(old)

    def _expire(self, member: Member) -> None:
        del self._silent[member]
        self._expired.set()
        if self._members:
            self._rounds.ask()

    async def _deal(self) -> None:
        await self._online.wait()
        await _each(tuple(self._members), lambda member: member.give_back())
        # Kafka hands nothing out while it may still hear from somebody who had a share.
        while self._silent:
            self._expired.clear()
            await self._expired.wait()
        self._rounds.answered()
        self.generation += 1
        shares = self._shares = dict(round_robin(self._topics, self._members))
        await _each(tuple(shares), lambda member: member.take(shares[member]))


class Alone(Dealer):
    """Readers outside a group: each has what it wants of its topics, and keeps its place when some is added.

    Args:
        topics: Of the cluster.
        online: Set while the cluster answers.
    """

    def leave(self, member: Member, /) -> None:
        """Forget the member."""
        self._members.remove(member)
        self._rounds.cancel()

    def crash(self, member: Member, /) -> None:
        """Forget the member: nobody waits for what it had."""
        self.leave(member)

    def changed(self) -> None:
        """Look for partitions that are new or gone."""
        self._rounds.ask()

    async def _deal(self) -> None:
        await self._online.wait()
        await _each(tuple(self._members), lambda member: member.give_back(member.deleted()))
        await _each(tuple(self._members), lambda member: member.take(self._missing(member)))

    def _missing(self, member: Member) -> Sequence[TopicPartition]:
        had = set(member.assigned)
        found = _partitions(self._topics, [member])
        return [partition for partition in found if partition not in had and member.wants(partition)]
