"""The contract of a Kafka client; second ring of the public API."""

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from faststream_oo.address import Address
from faststream_oo.current import EMBEDDING
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


_LIBRARIES: Final = {"confluent_kafka": "confluent-kafka"}
"""Names to install by, of modules that are called otherwise."""


class KafkaClient(Protocol):
    """What the package of a client library gives, below `transports`."""

    def make(self, settings: KafkaSettings, /) -> KafkaTransport:
        """Return the transport; no I/O. Raises SetupError for settings that are wrong."""
        ...

    def check_config(self, settings: KafkaSettings, /) -> Sequence[Problem]:
        """Return what is wrong with the settings for this client; no I/O."""
        ...

    def check_source_config(self, options: Mapping[str, object], /) -> Sequence[Problem]:
        """Return what is wrong with the `config` of a subscription's options, its path relative to these; no I/O."""
        ...


def make_transport(settings: KafkaSettings, /) -> KafkaTransport:
    """Return the transport that `settings.driver` names, or the embedded one inside a Harness or `--memory`.

    Raises:
        SetupError: Its client library is not installed, or refuses the settings.
    """
    if _embedded(settings):
        from faststream_oo.kafka.transports.memory.transport import MemoryTransport

        return MemoryTransport(settings)
    return _client(settings).make(settings)


def client_problems(settings: KafkaSettings, options: Mapping[str, object] | None = None, /) -> Sequence[Problem]:
    """Return what the client would refuse, that it is not installed too: in the settings, or in a subscription's options."""
    if _embedded(settings):
        return ()
    try:
        client = _client(settings)
    except SetupError as error:
        return error.problems if options is None else ()
    return client.check_config(settings) if options is None else client.check_source_config(options)


def _embedded(settings: KafkaSettings) -> bool:
    embedding = EMBEDDING.get()
    return settings.driver == "memory" or (embedding is not None and embedding.memory)


def _client(settings: KafkaSettings) -> KafkaClient:
    extra = "confluent" if settings.driver == "confluent" else "kafka"
    try:
        if settings.driver == "confluent":
            from faststream_oo.kafka.transports import confluent

            return confluent
        from faststream_oo.kafka.transports import aiokafka
    except ModuleNotFoundError as error:
        what = f"{_LIBRARIES.get(error.name or '', error.name)} is not installed"
        raise SetupError([Problem("kafka.driver", what, f'pip install "faststream-oo[{extra}]"')]) from error
    return aiokafka
