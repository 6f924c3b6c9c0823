"""Offsets to the broker: what was settled without a gap, a moment later, never two commits at once."""

import asyncio
import logging
from collections.abc import Callable, Collection
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition, errors
from aiokafka.structs import OffsetAndMetadata

from faststream_oo.clock import Clock, Timer
from faststream_oo.errors import TransportError
from faststream_oo.kafka.claim import PartitionClaim
from faststream_oo.kafka.transports.aiokafka.causes import transport_error
from faststream_oo.kafka.transports.aiokafka.shutdown import bounded

_log: Final = logging.getLogger("faststream_oo")
COMMIT_SECONDS: Final = 5.0
"""Longest time in seconds that a commit may take which somebody waits for."""

_NOT_OURS: Final = (errors.CommitFailedError, errors.IllegalStateError)
"""The partition went to somebody else; who has it now handles its messages again."""


class Commits:
    """Commits the marks of the live claims.

    Args:
        consumer: The member of the group.
        claims: Returns the claims that are held now.
        interval: Seconds from the first settle to its commit.
        clock: Where time comes from.
        fail: Called with what makes commits impossible.
    """

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        claims: Callable[[], Collection[PartitionClaim]],
        interval: float,
        clock: Clock,
        fail: Callable[[BaseException], None],
    ) -> None:
        self._consumer = consumer
        self._claims = claims
        self._interval = interval
        self._clock = clock
        self._fail = fail
        self._lock = asyncio.Lock()
        self._timer: Timer | None = None
        self._task: asyncio.Task[None] | None = None
        self._refused = False
        self._given_up: BaseException | None = None
        self.leaving = False
        """Set at the end: a broker that does not take a commit in time is not asked again."""

    def moved(self) -> None:
        """Note that there is something to commit."""
        if self._timer is None:
            self._timer = self._clock.call_later(self._interval, self._due)

    async def commit(self, *, again: bool = False) -> None:
        """Commit now, after the commit that may be under way; it is tried until the broker takes it.

        Args:
            again: Also what was committed already.

        Raises:
            TransportError: The broker refuses it.
        """
        async with self._lock:
            marks = [(claim, offset) for claim in self._claims() if (offset := claim.next_offset) is not None]
            moved = [(claim, offset) for claim, offset in marks if claim.live and (again or offset != claim.committed)]
            if not moved:
                return
            try:
                await self._send(moved)
            except _NOT_OURS as error:
                if not self._refused:
                    _log.warning("offsets were not committed, their partitions went to another member: %s", error)
                self._refused = True
                return
            except errors.KafkaError as error:
                raise transport_error("offsets cannot be committed", error) from error
            self._refused = False
            for claim, offset in moved:
                claim.committed = offset

    async def within_bounds(self, *, again: bool = False) -> BaseException | None:
        """Commit in a bounded time, and return what went wrong."""
        if self._given_up is None:
            error = await bounded(self.commit(again=again), COMMIT_SECONDS)
            if not self.leaving:
                return error
            self._given_up = error
        return self._given_up

    async def _send(self, moved: Collection[tuple[PartitionClaim, int]]) -> None:
        # Private: the public `commit` refuses from the moment that a pattern matches other topics, although what is
        # held then is ours until it is revoked; and it commits, and may rewind others, after it has left the group.
        coordinator = self._consumer._coordinator  # noqa: SLF001
        if coordinator.generation < 0:
            raise errors.CommitFailedError("this member has left the group")
        offsets = {
            TopicPartition(claim.partition.topic, claim.partition.partition): OffsetAndMetadata(offset, "")
            for claim, offset in moved
        }
        await coordinator.commit_offsets(None, offsets)

    def close(self) -> None:
        """Commit no more by itself."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._task is not None:
            self._task.cancel()

    def _due(self) -> None:
        if self._task is not None:  # the broker is slow or away
            self._timer = self._clock.call_later(self._interval, self._due)
            return
        self._timer = None
        self._task = asyncio.ensure_future(self._commit())

    async def _commit(self) -> None:
        try:
            await self.commit()
        except TransportError as error:
            self._fail(error)
        finally:
            self._task = None
