"""The nested container of one NATS broker."""

from dependency_injector import providers

from faststream_oo.codec import Codec
from faststream_oo.container.nested import BrokerContainer
from faststream_oo.nats.broker import NatsBroker
from faststream_oo.nats.options import NatsSettings
from faststream_oo.nats.transport import NatsTransport


class NatsContainer(BrokerContainer[NatsSettings, NatsTransport]):
    """A nested container for one NATS broker, with typed providers.

    `nats = NatsContainer(config=config.nats)` in a declarative container; then `nats.broker` is injected, and
    any of the providers below is overridden by its name. Each keyword replaces the provider of that name.

    Args:
        config: The broker's part of the configuration; it is structured into `NatsSettings`.
        settings: Provider of ready `NatsSettings`, instead of `config`.
        transport: Provider of another transport.
        codec: Provider of the default codec.
        middlewares: Providers of the broker's middlewares, outermost first.

    Raises:
        SetupError: Both `config` and `settings` are given.
    """

    settings: providers.Singleton[NatsSettings]
    transport: providers.Singleton[NatsTransport]
    codec: providers.Singleton[Codec]
    broker: providers.Singleton[NatsBroker]

    settings_type = NatsSettings
    broker_type = NatsBroker
