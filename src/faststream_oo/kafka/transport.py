"""The contract of a Kafka client; second ring of the public API."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from faststream_oo.address import Address
from faststream_oo.clients import Client, embedded, installed, refusals
from faststream_oo.errors import Problem, SetupError
from faststream_oo.kafka.address import SeekTo, TopicPartition
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

    async def seek(self, partition: TopicPartition, to: SeekTo, /) -> None:
        """Continue an assigned partition elsewhere, under another claim; what waits under the old one is dropped."""


class KafkaTransport(Transport[KafkaReceipt], Protocol):
    """A Kafka client: `AiokafkaTransport`, `ConfluentTransport`, the one in memory, or yours."""

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


class KafkaClient(Client[KafkaSettings, KafkaTransport], Protocol):
    """What the package of a Kafka client gives, below `transports`."""

    def check_source_config(self, options: Mapping[str, object], /) -> Sequence[Problem]:
        """Return what is wrong with the `config` of a subscription's options, its path relative to these; no I/O."""
        ...


def make_transport(settings: KafkaSettings, /) -> KafkaTransport:
    """Return the transport that `settings.driver` names, or the embedded one inside a Harness or `--memory`.

    Raises:
        SetupError: Its client library is not installed, or refuses the settings.
    """
    if embedded(settings):
        from faststream_oo.kafka.transports.memory.transport import MemoryTransport

        return MemoryTransport(settings)
    return installed(*_client(settings)).make(settings)


def client_problems(settings: KafkaSettings, /) -> Sequence[Problem]:
    """Return what the client would refuse of the settings, that it is not installed too."""
    return () if embedded(settings) else refusals(settings, *_client(settings))


def source_problems(settings: KafkaSettings, options: Mapping[str, object], /) -> Sequence[Problem]:
    """Return what an installed client would refuse of a subscription's options, paths relative to these."""
    if embedded(settings):
        return ()
    try:
        return installed(*_client(settings)).check_source_config(options)
    except SetupError:  # `client_problems` tells it
        return ()


def _client(settings: KafkaSettings) -> tuple[Callable[[], KafkaClient], str, str]:
    return (_confluent, "kafka", "confluent") if settings.driver == "confluent" else (_aiokafka, "kafka", "kafka")


def _aiokafka() -> KafkaClient:
    from faststream_oo.kafka.transports import aiokafka

    return aiokafka


def _confluent() -> KafkaClient:
    from faststream_oo.kafka.transports import confluent

    return confluent
