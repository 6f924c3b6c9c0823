"""Reading every partition without a group: what appears is added, what is gone is dropped."""

from collections.abc import Callable, Collection
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from faststream_oo.clock import Clock
from faststream_oo.errors import TransportError
from faststream_oo.kafka.transports.aiokafka.admin import ClusterAdmin
from faststream_oo.kafka.transports.aiokafka.membership import Membership
from faststream_oo.transport import Sink

_LOOK_SECONDS: Final = 30.0


class EveryPartition:
    """Assigns all partitions of some topics to one consumer.

    Args:
        consumer: The client, started.
        membership: Its claims.
        sink: Who is told of what is gone.
        admin: Where topics are looked up.
        takes: Whether a topic belongs to the subscription.
        clock: Where time comes from.
    """

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        membership: Membership,
        sink: Sink,
        admin: ClusterAdmin,
        takes: Callable[[str], bool],
        clock: Clock,
    ) -> None:
        self._consumer = consumer
        self._membership = membership
        self._sink = sink
        self._admin = admin
        self._takes = takes
        self._clock = clock

    async def start(self) -> None:
        """Take what is there now. Raises TransportError."""
        found = await self._found()
        self._consumer.assign(found)
        await self._membership.assigned(found)

    async def follow(self) -> None:
        """Look for ever for what appears and what is gone."""
        while True:
            await self._clock.sleep(_LOOK_SECONDS)
            try:
                found = set(await self._found())
            except TransportError:
                continue  # the broker is away, which is told elsewhere
            held = set(self._membership.claims)
            if found != held:
                await self._change(held - found, found - held)

    async def _change(self, gone: Collection[TopicPartition], new: Collection[TopicPartition]) -> None:
        membership, consumer = self._membership, self._consumer
        ended = membership.forget(gone)
        if ended:
            await self._sink.revoke(ended, deadline=0.0, lost=True)
        # The client forgets positions and pauses with each assignment. Asking for one does not wait while it is known,
        # so nothing is read between the question and the new assignment.
        positions = {one: await consumer.position(one) for one in membership.claims}
        consumer.assign([*positions, *new])
        for one, position in positions.items():
            consumer.seek(one, position)
        membership.repause()
        await membership.assigned(new, from_start=True)

    async def _found(self) -> list[TopicPartition]:
        return [
            TopicPartition(name, number)
            for name, facts in (await self._admin.topics()).items()
            if self._takes(name)
            for number in sorted(facts.leaders)
        ]
