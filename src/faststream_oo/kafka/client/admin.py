"""Questions to a cluster, on connections of their own: a consumer's are busy with a fetch that waits for records."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import TypeAlias

from attrs import frozen

from faststream_oo.errors import TransportError
from faststream_oo.kafka.address import Topic, TopicPartition
from faststream_oo.kafka.message import PartitionInfo

Offsets: TypeAlias = Mapping[TopicPartition, int]


@frozen
class TopicFacts:
    """One topic as the cluster tells.

    Attributes:
        leaders: Broker number by partition; -1 when there is none.
        replicas: Copies of a partition.
    """

    leaders: Mapping[int, int]
    replicas: int


class ClusterAdmin(ABC):
    """Asks and creates; never touches a topic that is not there, as a mere question may create it.

    Every call raises TransportError when the cluster does not answer.
    """

    def __init__(self) -> None:
        self._seen: set[str] = set()

    @abstractmethod
    async def close(self) -> None:
        """Disconnect."""

    @abstractmethod
    async def ping(self) -> None:
        """Return when any broker answers."""

    @abstractmethod
    async def brokers(self) -> Mapping[int, str]:
        """Return the brokers' `host:port` by number."""

    @abstractmethod
    async def list_topics(self) -> Mapping[str, TopicFacts]:
        """Ask for all topics."""

    @abstractmethod
    async def offsets(self, partitions: Collection[TopicPartition], /) -> tuple[Offsets, Offsets]:
        """Return the first and the next offset of partitions that exist."""

    @abstractmethod
    async def offset_at(self, partition: TopicPartition, time: datetime, /) -> int | None:
        """Return the offset of the first record that is not older than a time, None when there is none."""

    @abstractmethod
    async def committed(self, group: str, partitions: Collection[TopicPartition], /) -> Offsets:
        """Return where a group continues, without the partitions for which it committed nothing."""

    @abstractmethod
    async def topic_config(self, topic: str, name: str, /) -> str | None:
        """Return one setting of a topic, None when it does not exist or may not be read."""

    @abstractmethod
    async def create(self, topics: Sequence[Topic], /) -> Mapping[str, TransportError]:
        """Create topics; what is not said is left to the brokers' defaults.

        Returns:
            Why the others could not be created; one that is there already is not among them.
        """

    @abstractmethod
    async def drop(self, topics: Sequence[str], /) -> None:
        """Delete topics that are there."""

    async def topics(self) -> Mapping[str, TopicFacts]:
        """Return all topics."""
        found = await self.list_topics()
        self._seen = set(found)
        return found

    async def exists(self, topic: str, /) -> bool:
        """Whether a topic is there, or was when last seen."""
        return topic in self._seen or topic in await self.topics()

    async def delete(self, topics: Sequence[str], /) -> None:
        """Delete those of some topics that are there."""
        there = await self.topics()
        if gone := [name for name in topics if name in there]:
            await self.drop(gone)

    async def partitions(self, topic: str, /) -> Sequence[PartitionInfo]:
        """Return the partitions of a topic, none when it does not exist."""
        facts = (await self.topics()).get(topic)
        if facts is None:
            return ()
        brokers = await self.brokers()
        partitions = [TopicPartition(topic, number) for number in sorted(facts.leaders)]
        first, end = await self.offsets(partitions)
        return [
            PartitionInfo(
                topic=topic,
                partition=one.partition,
                first=first[one],
                end=end[one],
                leader=brokers.get(facts.leaders[one.partition], ""),
            )
            for one in partitions
        ]
