"""The contract of a Kafka client; second ring of the public API."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from faststream_oo.address import Address
from faststream_oo.current import EMBEDDING
from faststream_oo.errors import Problem, SetupError
from faststream_oo.kafka.address import TopicPartition
from faststream_oo.kafka.message import KafkaReceipt, PartitionInfo
from faststream_oo.kafka.options import KafkaSettings
from faststream_oo.transport import Frame, Source, Transport


class KafkaSource(Source, Protocol):
    """A running Kafka consumer; each assignment of a partition is a claim."""

    @property
    def assigned(self) -> Sequence[TopicPartition]:
        """Partitions that this member has now."""
        ...

    async def commit(self) -> None:
        """Commit now what is settled without a gap."""

    async def committed(self, partition: TopicPartition, /) -> int | None:
        """Return the offset that the group continues at, None when it committed nothing."""
        ...


class KafkaTransport(Transport[KafkaReceipt], Protocol):
    """A Kafka client: `AiokafkaTransport`, the one in memory, or yours."""

    def source(self, address: Address, options: Mapping[str, object], /) -> KafkaSource:
        """Return the intake of one subscription, not started; the options are those of `KafkaSourceOptions`."""
        ...

    async def partitions(self, topic: str, /) -> Sequence[PartitionInfo]:
        """Ask the cluster about a topic; none when it does not exist."""
        ...

    async def transact(
        self,
        source: KafkaSource,
        offsets: Mapping[TopicPartition, int],
        messages: Sequence[tuple[Address, Frame]],
        /,
    ) -> None:
        """Make these messages and offsets visible together, or not at all.

        Raises:
            PublishError: After an abort, and where the client has no transactions.
        """


def make_transport(settings: KafkaSettings, /) -> KafkaTransport:
    """Return the transport that `settings.driver` names, or the embedded one inside a Harness or `--memory`.

    Raises:
        SetupError: Its client library is not installed.
    """
    embedding = EMBEDDING.get()
    if settings.driver == "memory" or (embedding is not None and embedding.memory):
        from faststream_oo.kafka.transports.memory.transport import MemoryTransport

        return MemoryTransport(settings)
    try:
        from faststream_oo.kafka.transports.aiokafka.transport import AiokafkaTransport
    except ModuleNotFoundError as error:
        raise SetupError(
            [Problem("kafka.driver", f"{error.name} is not installed", 'pip install "faststream-oo[kafka]"')]
        ) from error
    return AiokafkaTransport(settings)
