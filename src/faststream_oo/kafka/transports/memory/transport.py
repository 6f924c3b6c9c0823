"""The transport to an embedded Kafka."""

from collections.abc import Mapping, Sequence
from secrets import randbelow
from typing import Any, NoReturn, cast

from faststream_oo.address import Address
from faststream_oo.current import EMBEDDING, clock
from faststream_oo.errors import ConnectError, PublishError, TransportError
from faststream_oo.kafka.address import Topic, TopicPartition
from faststream_oo.kafka.client.config import MAX_RECORD
from faststream_oo.kafka.message import PartitionInfo
from faststream_oo.kafka.options import KafkaSettings, KafkaSourceOptions
from faststream_oo.kafka.transports.memory.cluster import MemoryCluster
from faststream_oo.kafka.transports.memory.declaring import declare
from faststream_oo.kafka.transports.memory.inbox import MemoryInbox
from faststream_oo.kafka.transports.memory.members import MemorySource
from faststream_oo.kafka.transports.memory.producing import Limits, MemoryProducer, MemorySender
from faststream_oo.options import Topology
from faststream_oo.transport import Frame, Sink


class MemoryTransport:
    """A connection to an embedded Kafka: that of the embedding with these servers, else one of its own.

    Args:
        settings: Of the broker. `servers` tells clusters of one embedding apart; of `config` only `max_request_size`
            shows here.
    """

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._cluster: MemoryCluster | None = None
        self._foreign = False
        self._producer: MemoryProducer | None = None
        self._inboxes: list[MemoryInbox] = []

    @property
    def cluster(self) -> MemoryCluster:
        """The cluster, for a test to look into. Raises TransportError before `open`."""
        if self._cluster is None:
            raise TransportError("this MemoryTransport is not open")
        return self._cluster

    async def open(self) -> None:
        """Find or make the cluster. Raises ConnectError when it is down."""
        cluster = self._cluster = self._cluster or self._find()
        if not cluster.online.is_set():
            raise ConnectError("kafka", ", ".join(self._settings.servers), "the embedded Kafka is down")
        limit = int(self._settings.config.get("max_request_size", MAX_RECORD))
        limits = Limits(max_request_size=limit, confirms=self._settings.acks != 0)
        self._producer = MemoryProducer(cluster, limits)
        cluster.clients.append(self._producer)

    def _find(self) -> MemoryCluster:
        embedding = EMBEDDING.get()
        if embedding is None:
            return MemoryCluster(clock())
        self._foreign = True
        found: MemoryCluster = embedding.cluster(("kafka", self._settings.servers), MemoryCluster)
        return found

    async def close(self) -> None:
        """Give up what waits for a cluster that is down, and disconnect."""
        while self._inboxes:
            self._inboxes.pop().close()
        if self._producer is not None:
            self.cluster.clients.remove(self._producer)
            self._producer.close()
            self._producer = None

    async def ping(self) -> None:
        """Return when the cluster answers."""
        self.cluster.check_online()

    def source(self, address: Address, options: Mapping[str, object], /) -> MemorySource:
        """Return the intake of one subscription, not started; the options are those of `KafkaSourceOptions`."""
        chosen = KafkaSourceOptions(**cast("Mapping[str, Any]", options))
        return MemorySource(self.cluster, address, chosen, self._settings.client_id)

    def sender(self, address: Address, /) -> MemorySender:
        """Return a sender to one topic."""
        if not isinstance(address, Topic):
            raise TransportError(f"nothing can be sent to {address!r}: it is no Topic")
        if self._producer is None:
            raise TransportError("this MemoryTransport is not open")
        return MemorySender(self._producer, address.name)

    async def inbox(self, sink: Sink, /) -> str:
        """Begin to feed what is written to one partition of the reply topic; return `topic/partition`."""
        topic = self._settings.replies().name
        self.cluster.check_online()
        if topic not in self.cluster.topics:
            raise TransportError(f'unknown topic "{topic}": replies need it')
        partition = randbelow(len(self.cluster.topics[topic]))
        self._inboxes.append(MemoryInbox(self.cluster, self.cluster.log(topic, partition), sink))
        return f"{topic}/{partition}"

    async def declare(self, addresses: Sequence[Address], topology: Topology, /) -> Sequence[str]:
        """Apply the mode and return the differences found; in an embedding external topics simply exist."""
        self.cluster.check_online()
        return declare(self.cluster, addresses, topology, foreign=self._foreign)

    async def partitions(self, topic: str, /) -> Sequence[PartitionInfo]:
        """Return what is known of a topic's partitions; none when it does not exist."""
        self.cluster.check_online()
        leader = self._settings.servers[0]
        return [
            PartitionInfo(topic=topic, partition=log.partition, first=log.first, end=log.end, leader=leader)
            for log in self.cluster.topics.get(topic, ())
        ]

    async def transact(
        self,
        source: object,
        offsets: Mapping[TopicPartition, int],
        messages: Sequence[tuple[Address, Frame]],
        /,
    ) -> NoReturn:
        """Refuse: there are no transactions here."""
        raise PublishError("the embedded Kafka has no transactions")
