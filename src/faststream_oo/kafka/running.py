"""A running subscription with Kafka's own controls."""

from collections.abc import Sequence
from typing import cast

from faststream_oo.errors import TransportError
from faststream_oo.intake import Intake
from faststream_oo.kafka.address import SeekTo, TopicPartition
from faststream_oo.kafka.transport import KafkaSource


class KafkaIntake(Intake):
    """One running subscription on Kafka; `KafkaSubscription` is what handlers see of it."""

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
