"""The nested container of one Kafka broker."""

from dependency_injector import providers

from faststream_oo.codec import Codec
from faststream_oo.container.nested import BrokerContainer
from faststream_oo.kafka.broker import KafkaBroker
from faststream_oo.kafka.options import KafkaSettings
from faststream_oo.kafka.transport import KafkaTransport


class KafkaContainer(BrokerContainer[KafkaSettings, KafkaTransport]):
    """A nested container for one Kafka broker, with typed providers.

    `kafka = KafkaContainer(config=config.kafka)` in a declarative container; then `kafka.broker` is injected, and
    any of the providers below is overridden by its name. Each keyword replaces the provider of that name.

    Args:
        config: The broker's part of the configuration; it is structured into `KafkaSettings`.
        settings: Provider of ready `KafkaSettings`, instead of `config`.
        transport: Provider of another transport.
        codec: Provider of the default codec.
        middlewares: Providers of the broker's middlewares, outermost first.

    Raises:
        SetupError: Both `config` and `settings` are given.
    """

    settings: providers.Singleton[KafkaSettings]
    transport: providers.Singleton[KafkaTransport]
    codec: providers.Singleton[Codec]
    broker: providers.Singleton[KafkaBroker]

    settings_type = KafkaSettings
    broker_type = KafkaBroker
