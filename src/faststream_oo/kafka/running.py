"""A running subscription with Kafka's own controls."""

from collections.abc import Sequence
from typing import cast

from faststream_oo.clock import Clock
from faststream_oo.errors import TransportError
from faststream_oo.intake import Intake
from faststream_oo.kafka.address import SeekTo, TopicPartition
from faststream_oo.kafka.share import Share
from faststream_oo.kafka.transport import KafkaSource
from faststream_oo.pipeline import AttemptCall
from faststream_oo.transport import Claim


class KafkaIntake(Intake):
    """One running subscription on Kafka; `KafkaSubscription` is what handlers see of it."""

    _share: Share

    async def start(self, attempt: AttemptCall, clock: Clock, /) -> None:
        """Begin to take messages; returns when the group has accepted this member."""
        self._share = Share(self.name, self.address, self.group, lambda: self.state == "running", clock)
        try:
            await super().start(attempt, clock)
        except BaseException:
            self._share.end()
            raise
        self._share.wait()

    async def assign(self, claims: Sequence[Claim], /) -> None:
        """New partitions, or old ones anew."""
        self._share.came(claims)
        await super().assign(claims)

    async def revoke(self, claims: Sequence[Claim], /, *, deadline: float, lost: bool = False) -> bool:
        """End or drop what is held of these partitions, in `deadline` seconds; True when all of it ended."""
        ended = await super().revoke(claims, deadline=deadline, lost=lost)
        self._share.went(claims, lost=lost)
        return ended

    async def _leave(self) -> None:
        try:
            await super()._leave()
        finally:
            self._share.end()

    @property
    def _kafka(self) -> KafkaSource:
        return cast(KafkaSource, self.source)

    @property
    def assigned(self) -> Sequence[TopicPartition]:
        """Partitions that this worker has now."""
        return self._kafka.assigned

    async def committed(self, partition: TopicPartition, /) -> int | None:
        """Return the offset that the group continues at, None when it committed nothing."""
        return await self._kafka.committed(partition)

    async def commit(self) -> None:
        """Commit now what is settled without a gap."""
        await self._kafka.commit()

    async def seek(self, partition: TopicPartition, to: SeekTo, /) -> None:
        """Continue an assigned partition elsewhere. Raises TransportError when it is not assigned, or `to` is below 0."""
        if isinstance(to, int) and to < 0:
            raise TransportError(f"there is no offset {to}: the first is 0")
        await self._kafka.seek(partition, to)
