"""Offsets to the broker: what was settled without a gap, a moment later, never two commits at once."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from typing import Final, TypeAlias

from faststream_oo.clock import Clock, Timer
from faststream_oo.errors import TransportError
from faststream_oo.kafka.claim import PartitionClaim
from faststream_oo.waiting import bounded

_log: Final = logging.getLogger("faststream_oo")

COMMIT_SECONDS: Final = 5.0
"""Longest time in seconds that a commit may take which somebody waits for."""

Mark: TypeAlias = tuple[PartitionClaim, int]
"""A claim and the offset that its group continues at."""


class LostPartitionError(TransportError):
    """The partition went to another member, who handles its messages again."""


class Commits:
    """Commits the marks of the live claims.

    Args:
        send: Commits some marks and returns whether the broker is known to have them. Raises LostPartitionError, or
            TransportError when the broker refuses them.
        claims: Returns the claims that are held now.
        interval: Seconds from the first settle to its commit.
        clock: Where time comes from.
        fail: Called with what makes commits impossible.
    """

    def __init__(
        self,
        send: Callable[[Collection[Mark]], Awaitable[bool]],
        claims: Callable[[], Collection[PartitionClaim]],
        interval: float,
        clock: Clock,
        fail: Callable[[BaseException], None],
    ) -> None:
        self._send = send
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
            claims = self._claims()
            for claim in claims:
                claim.taken()
            marks = [(claim, offset) for claim in claims if (offset := claim.next_offset) is not None]
            moved = [(claim, offset) for claim, offset in marks if claim.live and (again or offset != claim.committed)]
            if not moved:
                return
            try:
                known = await self._send(moved)
            except LostPartitionError as error:
                if not self._refused:
                    _log.warning("offsets were not committed, their partitions went to another member: %s", error)
                self._refused = True
                return
            self._refused = False
            if not known:
                self.moved()
                return
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
