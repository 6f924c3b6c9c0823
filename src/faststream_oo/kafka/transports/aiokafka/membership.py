"""What a consumer holds: partitions given to a member of a group, or all partitions without a group."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Final

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition

from faststream_oo.kafka import address as native
from faststream_oo.kafka.claim import PartitionClaim
from faststream_oo.kafka.options import KafkaSourceOptions
from faststream_oo.kafka.transports.aiokafka.commits import Commits
from faststream_oo.kafka.transports.aiokafka.shutdown import bounded
from faststream_oo.transport import Sink

_log: Final = logging.getLogger("faststream_oo")

_POSITION_SECONDS: Final = 10.0
_MARGIN: Final = 30.0
"""Seconds of the rebalance timeout that are left for the last commit and for joining again."""

PRIVATE: Final = ("commit_offsets", "generation")
"""What is used of the client's coordinator."""


class Membership:
    """The claims of a source, through its rebalances.

    Args:
        consumer: The client.
        sink: Who is told.
        options: Of the source.
        path: Returns the named groups of a topic.
    """

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        sink: Sink,
        options: KafkaSourceOptions,
        path: Callable[[str], Mapping[str, str]],
    ) -> None:
        self.claims: dict[TopicPartition, PartitionClaim] = {}
        """What is held now."""
        self.joined = asyncio.Event()
        """Set with the first claims, or the news that there are none."""
        self.handing_over = asyncio.Lock()
        """Held from a commit to the feed of what it covers, for a delivery at most once."""
        self.commits: Commits | None = None
        """What sends settles; None where there are none."""
        self._consumer = consumer
        self._sink = sink
        self._options = options
        self._path = path
        self._paused: set[TopicPartition] = set()
        self._full: set[TopicPartition] = set()
        self._all_paused = False

    async def assigned(self, partitions: Collection[TopicPartition], /, *, from_start: bool = False) -> None:
        """Take new partitions over.

        Args:
            partitions: They have no claim yet.
            from_start: They appeared while we were looking: whatever the options say, nothing in them is old.
        """
        # Nothing is read before the sink has them; positions are looked up all the same.
        self._pause(partitions)
        if from_start:
            await self._consumer.seek_to_beginning(*partitions)
        elif self._options.start == "latest" and partitions:
            await self._fix_positions(partitions)
        moved = self.commits.moved if self.commits is not None else _nothing
        claims = {
            one: PartitionClaim(native.TopicPartition(one.topic, one.partition), self._path(one.topic), moved)
            for one in partitions
        }
        self.claims.update(claims)
        if claims:
            await self._sink.assign(list(claims.values()))
        if not self._all_paused:
            self._resume(self._readable(partitions))
        self.joined.set()

    async def revoked(self) -> None:
        """Give everything back: what is held ends first, and is committed."""
        if not self.claims:
            return
        async with self.handing_over:
            claims = list(self.claims.values())
            # Private: the client does not say that it was thrown out, or left as it was not polled.
            lost = self._consumer._coordinator.generation < 0  # noqa: SLF001
            if lost:
                self.forget()
                await self._sink.revoke(claims, deadline=0.0, lost=True)
                return
            deadline = max(self._options.rebalance_timeout - _MARGIN, 0.0)
            await self._sink.revoke(claims, deadline=deadline)
            if self.commits is not None:
                await self.last_commit()
            self.forget()

    async def last_commit(self) -> None:
        """Commit what is settled, whether or not a commit is under way."""
        assert self.commits is not None
        error = await self.commits.within_bounds(again=True)
        if error is not None and not self.commits.leaving:  # else it was said as the subscription ended
            _log.warning("the last offsets were not committed, their messages come again: %s", error)

    def forget(self, partitions: Collection[TopicPartition] | None = None, /) -> list[PartitionClaim]:
        """End the claims of some partitions, or all."""
        ended = [self.claims.pop(one) for one in list(self.claims if partitions is None else partitions)]
        for claim in ended:
            claim.live = False
        self._paused.intersection_update(self.claims)
        self._full.intersection_update(self.claims)
        return ended

    def hold(self, partition: TopicPartition) -> None:
        """Stop reading a partition that has too much unsettled behind a slow message."""
        self._full.add(partition)
        self._pause([partition])

    def release(self, most: int) -> None:
        """Read such partitions again once no more than so many positions are open."""
        for partition in [one for one in self._full if self.claims[one].open <= most]:
            self._full.discard(partition)
            if not self._all_paused and partition not in self._paused:
                self._resume([partition])

    @property
    def holding(self) -> bool:
        """Whether any partition is not read as it has too much unsettled."""
        return bool(self._full)

    def pause_reading(self) -> None:
        """Read nothing for a moment, whoever paused what."""
        self._pause(self.claims)

    def resume_reading(self) -> None:
        """Undo a pause of the reader's own: what nobody paused is read again."""
        if not self._all_paused:
            self._resume(self._readable(self.claims))

    def _pause(self, partitions: Collection[TopicPartition]) -> None:
        # A change of the topics that match a pattern takes the assignment away before it is revoked here.
        self._consumer.pause(*self._consumer.assignment().intersection(partitions))

    def _resume(self, partitions: Collection[TopicPartition]) -> None:
        self._consumer.resume(*self._consumer.assignment().intersection(partitions))

    def _readable(self, partitions: Collection[TopicPartition]) -> list[TopicPartition]:
        return [one for one in partitions if one not in self._paused and one not in self._full]

    def pause(self, claim: object | None) -> None:
        """Stop reading one claim, or all that are there and that come."""
        if claim is None:
            self._all_paused = True
            self._pause(self.claims)
            return
        partitions = self._of(claim)
        self._paused.update(partitions)
        self._pause(partitions)

    def resume(self, claim: object | None) -> None:
        """Undo a pause of one claim, or of all."""
        if claim is None:
            self._all_paused = False
            self._resume(self._readable(self.claims))
            return
        partitions = self._of(claim)
        self._paused.difference_update(partitions)
        if not self._all_paused:
            self._resume(self._readable(partitions))

    def repause(self) -> None:
        """Pause again what is paused: the client forgets it with each new assignment."""
        self._pause(self.claims if self._all_paused else self._paused | self._full)

    def _of(self, claim: object) -> list[TopicPartition]:
        return [partition for partition, held in self.claims.items() if held is claim]

    async def _fix_positions(self, partitions: Collection[TopicPartition]) -> None:
        """Look up the ends before anybody relies on them, and let the group keep what has no offset yet."""
        error = await bounded(self._look_up(partitions), _POSITION_SECONDS)
        if error is not None:
            _log.warning("where the topics end is not known yet, records of this moment may be skipped: %r", error)

    async def _look_up(self, partitions: Collection[TopicPartition]) -> None:
        starts = {one: await self._consumer.position(one) for one in partitions}
        if self.commits is None:
            return
        new = {one: at for one, at in starts.items() if await self._consumer.committed(one) is None}
        if new:
            # Else each rebalance and each restart would look for the end again, and skip what came in between.
            await self._consumer.commit(new)


class Rebalances(ConsumerRebalanceListener):  # type: ignore[misc]  # the client has no annotations
    """Hands the client's rebalances on; what goes wrong there would only be logged by it.

    Args:
        membership: Who is told.
        fail: Called with what went wrong.
    """

    def __init__(self, membership: Membership, fail: Callable[[BaseException], None]) -> None:
        self._membership = membership
        self._fail = fail

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """Give back what is held; the client revokes everything at once."""
        await self._guarded(self._membership.revoked())

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """Take over what was given."""
        await self._guarded(self._membership.assigned(assigned))

    async def _guarded(self, told: Awaitable[None]) -> None:
        try:
            await told
        except Exception as error:  # noqa: BLE001 - whatever it is, the source cannot go on
            self._fail(error)


def _nothing() -> None:
    """Commit nothing: there is no group."""
