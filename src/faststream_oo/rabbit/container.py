"""The nested container of one RabbitMQ broker."""

from dependency_injector import providers

from faststream_oo.codec import Codec
from faststream_oo.container.nested import BrokerContainer
from faststream_oo.rabbit.broker import RabbitBroker
from faststream_oo.rabbit.options import RabbitSettings
from faststream_oo.rabbit.transport import RabbitTransport


class RabbitContainer(BrokerContainer[RabbitSettings, RabbitTransport]):
    """A nested container for one RabbitMQ broker, with typed providers.

    `rabbit = RabbitContainer(config=config.rabbit)` in a declarative container; then `rabbit.broker` is injected, and
    any of the providers below is overridden by its name. Each keyword replaces the provider of that name.

    Args:
        config: The broker's part of the configuration; it is structured into `RabbitSettings`.
        settings: Provider of ready `RabbitSettings`, instead of `config`.
        transport: Provider of another transport.
        codec: Provider of the default codec.
        middlewares: Providers of the broker's middlewares, outermost first.

    Raises:
        SetupError: Both `config` and `settings` are given.
    """

    settings: providers.Singleton[RabbitSettings]
    transport: providers.Singleton[RabbitTransport]
    codec: providers.Singleton[Codec]
    broker: providers.Singleton[RabbitBroker]

    settings_type = RabbitSettings
    broker_type = RabbitBroker
