"""What a consumer holds: partitions given to a member of a group, or assigned by hand."""

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from typing import Final, TypeAlias

from faststream_oo.kafka.address import TopicPartition
from faststream_oo.kafka.claim import PartitionClaim
from faststream_oo.kafka.client.commits import Commits
from faststream_oo.kafka.options import KafkaSourceOptions
from faststream_oo.transport import Sink

_log: Final = logging.getLogger("faststream_oo")

_MARGIN: Final = 30.0
"""Seconds of the rebalance timeout that are left for the last commit and for joining again."""

Place: TypeAlias = tuple[str, int]
"""Topic and partition."""


class Membership:
    """The claims of a source, through its rebalances.

    Args:
        sink: Who is told.
        options: Of the source.
        path: Returns the named groups of a topic.
        pause: Stops the client's reading of some partitions; those that it does not have are ignored.
        resume: Undoes that.
    """

    def __init__(
        self,
        sink: Sink,
        options: KafkaSourceOptions,
        path: Callable[[str], Mapping[str, str]],
        pause: Callable[[Collection[Place]], None],
        resume: Callable[[Collection[Place]], None],
    ) -> None:
        self.claims: dict[Place, PartitionClaim] = {}
        """What is held now."""
        self.joined = asyncio.Event()
        """Set with the first claims, or the news that there are none."""
        self.commits: Commits | None = None
        """What sends settles; None where there are none."""
        self._sink = sink
        self._options = options
        self._path = path
        self._pause = pause
        self._resume = resume
        self._paused: set[Place] = set()
        self._full: set[Place] = set()
        self._all_paused = False

    async def take(self, places: Collection[Place], starts: Mapping[Place, int] = {}, /) -> None:
        """Make claims of new partitions, and return when the sink has them; nothing of them may be fed before.

        Args:
            places: They have no claim yet.
            starts: Offsets that are committed first, so that the group continues there.
        """
        claims = {place: self._claim(place) for place in places}
        self.claims.update(claims)
        for place, at in starts.items():
            claims[place].mark = at - 1
        if starts:
            await self._commit()
        if claims:
            await self._sink.assign(list(claims.values()))
        self.joined.set()

    async def give_back(self, places: Collection[Place] | None = None, /) -> None:
        """End what is held of some partitions, or of all, and commit it."""
        claims = [claim for place, claim in self.claims.items() if places is None or place in places]
        if not claims:
            return
        await self._sink.revoke(claims, deadline=max(self._options.rebalance_timeout - _MARGIN, 0.0))
        await self._commit()
        self.forget(places)

    async def lose(self, places: Collection[Place] | None = None, /) -> None:
        """End what is held of partitions that are gone already: nothing of it can be committed."""
        if claims := self.forget(places):
            await self._sink.revoke(claims, deadline=0.0, lost=True)

    def renew(self, place: Place, /) -> None:
        """Begin a partition anew, as it is read from elsewhere: what waits under its old claim is dropped."""
        if place not in self.claims:  # lost meanwhile
            return
        (ended,) = self.forget([place])
        self.claims[place] = self._claim(place)
        self._sink.drop([ended])
        self._resume(self.readable([place]))

    def forget(self, places: Collection[Place] | None = None, /) -> list[PartitionClaim]:
        """End the claims of some partitions, or all."""
        ended = [self.claims.pop(place) for place in list(self.claims) if places is None or place in places]
        for claim in ended:
            claim.live = False
        self._paused.intersection_update(self.claims)
        self._full.intersection_update(self.claims)
        return ended

    async def _commit(self) -> None:
        """Commit all marks, whether or not a commit is under way."""
        if self.commits is not None:
            error = await self.commits.within_bounds(again=True)
            if error is not None and not self.commits.leaving:  # else it was said as the subscription ended
                _log.warning("offsets were not committed, their messages come again: %s", error)

    # What is read ---------------------------------------------------------------------------------------------------

    def hold(self, place: Place, /) -> None:
        """Stop reading a partition that has too much unsettled behind a slow message."""
        self._full.add(place)
        self._pause([place])

    def release(self, most: int, /) -> None:
        """Read such partitions again once no more than so many positions are open."""
        for place in [one for one in self._full if self.claims[one].open <= most]:
            self._full.discard(place)
            self._resume(self.readable([place]))

    @property
    def holding(self) -> bool:
        """Whether any partition is not read as it has too much unsettled."""
        return bool(self._full)

    def readable(self, places: Collection[Place], /) -> list[Place]:
        """Return those partitions that nobody paused."""
        return [] if self._all_paused else [one for one in places if one not in self._paused and one not in self._full]

    def pause_reading(self) -> None:
        """Read nothing for a moment, whoever paused what."""
        self._pause(self.claims)

    def resume_reading(self) -> None:
        """Undo a pause of the reader's own: what nobody paused is read again."""
        self._resume(self.readable(self.claims))

    def pause(self, claim: object | None, /) -> None:
        """Stop reading one claim, or all that are there and that come."""
        if claim is None:
            self._all_paused = True
            self._pause(self.claims)
            return
        places = self._of(claim)
        self._paused.update(places)
        self._pause(places)

    def resume(self, claim: object | None, /) -> None:
        """Undo a pause of one claim, or of all."""
        if claim is None:
            self._all_paused = False
            self.resume_reading()
            return
        places = self._of(claim)
        self._paused.difference_update(places)
        self._resume(self.readable(places))

    def repause(self) -> None:
        """Pause again what is paused: a client may forget it with a new assignment."""
        self._pause(self.claims.keys() - set(self.readable(self.claims)))

    def _of(self, claim: object) -> list[Place]:
        return [place for place, held in self.claims.items() if held is claim]

    def _claim(self, place: Place) -> PartitionClaim:
        moved = _nothing if self.commits is None else self.commits.moved
        return PartitionClaim(TopicPartition(*place), self._path(place[0]), moved)


def _nothing() -> None:
    """Commit nothing: there is no group."""
