"""A subscription that only writes down what happens to it."""

import asyncio
from collections.abc import Callable, Collection, Coroutine, Sequence
from typing import TypeAlias, cast

from faststream_oo.kafka.claim import PartitionClaim
from faststream_oo.kafka.message import KafkaReceipt, ReceivedRecord
from faststream_oo.kafka.transports.memory.members import MemorySource
from faststream_oo.message import Message
from faststream_oo.outcome import Ack
from faststream_oo.transport import Claim


class RecordingSink:
    """Takes up to `budget` unsettled records.

    `settles` makes it acknowledge all it holds when it is revoked, as a subscription that drains does.
    """

    def __init__(self, budget: int = 1_000_000, *, settles: bool = False) -> None:
        self.settles = settles
        self.budget = budget
        self.records: list[ReceivedRecord] = []
        self.batches: list[int] = []
        self.held: list[ReceivedRecord] = []
        self.events: list[tuple[str, list[tuple[str, int]]]] = []
        self.claims: list[PartitionClaim] = []
        self.deadlines: list[float] = []
        self.errors: list[BaseException] = []
        self.degraded: list[str | None] = []
        self.gate = asyncio.Event()
        """Cleared: a revoke waits until it is set."""
        self.gate.set()
        self._changed = asyncio.Event()

    @property
    def room(self) -> int:
        return self.budget - len(self.held)

    @property
    def values(self) -> list[bytes]:
        return [record.body for record in self.records]

    @property
    def partitions(self) -> list[tuple[str, int]]:
        """What it has now."""
        return sorted((claim.partition.topic, claim.partition.partition) for claim in self.claims)

    async def ready(self) -> int:
        while self.room <= 0:
            await self._wait()
        return self.room

    def feed(self, messages: Sequence[Message], /) -> None:
        records = cast(Sequence[ReceivedRecord], messages)
        self.batches.append(len(records))
        self.records.extend(records)
        self.held.extend(records)
        self._changed.set()

    async def assign(self, claims: Sequence[Claim], /) -> None:
        self._note("assign", claims)
        self.claims.extend(cast(Sequence[PartitionClaim], claims))

    async def revoke(self, claims: Sequence[Claim], /, *, deadline: float, lost: bool = False) -> bool:
        self._note("lost" if lost else "revoke", claims)
        self.deadlines.append(deadline)
        await self.gate.wait()
        revoked = cast(Sequence[PartitionClaim], claims)
        ours = [record for record in self.held if record.claim in revoked]
        if self.settles:
            self.settle(*ours)
        self.held = [record for record in self.held if record not in ours]
        self.claims = [claim for claim in self.claims if claim not in claims]
        self._changed.set()
        return self.settles

    def drop(self, claims: Collection[Claim], /) -> None:
        self._note("drop", tuple(claims))
        dropped = cast(Collection[object], claims)
        self.held = [record for record in self.held if record.claim not in dropped]
        self.claims = [claim for claim in self.claims if claim not in claims]

    def fail(self, error: BaseException, /) -> None:
        self.errors.append(error)
        self._changed.set()

    def holding(self) -> Sequence[Message]:
        return ()

    def degrade(self, reason: str | None, /) -> None:
        self.degraded.append(reason)

    def settle(self, *records: ReceivedRecord) -> None:
        for record in records:
            cast(PartitionClaim, record.claim).settle(record, Ack())
            if record in self.held:
                self.held.remove(record)
        self._changed.set()

    async def received(self, count: int) -> list[bytes]:
        """Return the first records' values once there are so many."""
        async with asyncio.timeout(5):
            while len(self.records) < count:
                await self._wait()
        return self.values[:count]

    async def failed(self) -> BaseException:
        async with asyncio.timeout(5):
            while not self.errors:
                await self._wait()
        return self.errors[0]

    async def _wait(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def _note(self, what: str, claims: Sequence[Claim]) -> None:
        ours = cast(Sequence[PartitionClaim], claims)
        self.events.append((what, sorted((claim.partition.topic, claim.partition.partition) for claim in ours)))


Start: TypeAlias = Callable[..., Coroutine[object, object, tuple[MemorySource, RecordingSink]]]
"""Fixture: start a source."""

Send: TypeAlias = Callable[..., KafkaReceipt]
"""Fixture: send a record."""
