"""The nested container of one Kafka broker."""

from collections.abc import Sequence
from typing import Any, cast

from dependency_injector import containers, providers

from faststream_oo.codec import Codec
from faststream_oo.codecs.json import JsonCodec
from faststream_oo.container.providers import Config, ProviderOf, Settings
from faststream_oo.errors import Problem, SetupError
from faststream_oo.kafka.broker import KafkaBroker
from faststream_oo.kafka.options import KafkaSettings
from faststream_oo.kafka.transport import KafkaTransport
from faststream_oo.middleware import Middleware


class _Kafka(containers.DeclarativeContainer):
    """What a `KafkaContainer` holds before anything is replaced."""

    settings = Settings(KafkaSettings, {})
    # None: the broker makes the transport that the settings name, when it is opened.
    transport: providers.Object[KafkaTransport | None] = providers.Object(None)
    codec = providers.Singleton(JsonCodec)
    middlewares = providers.List()
    broker = providers.Singleton(KafkaBroker, settings, transport=transport, codec=codec, middlewares=middlewares)


class KafkaContainer(providers.Container[containers.DynamicContainer]):
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

    def __init__(
        self,
        *,
        config: Config | None = None,
        settings: ProviderOf[KafkaSettings] | None = None,
        transport: ProviderOf[KafkaTransport] | None = None,
        codec: ProviderOf[Codec] | None = None,
        middlewares: Sequence[ProviderOf[Middleware]] = (),
    ) -> None:
        if config is not None and settings is not None:
            raise SetupError([Problem("KafkaContainer", "config= and settings= are both given", "one of them")])
        # A declarative class makes DynamicContainers, which its stubs do not say; nor do they type the overridings.
        super().__init__(cast(type[containers.DynamicContainer], _Kafka))  # pyright: ignore[reportUnknownMemberType]
        replaced: dict[str, Any] = {
            "settings": settings if config is None else Settings(KafkaSettings, config),
            "transport": transport,
            "codec": codec,
            "middlewares": providers.List(*middlewares) if middlewares else None,
        }
        # Not by the keywords of `providers.Container`: it would apply them again to each container instance, over
        # what was overridden on the class.
        self.container.override_providers(**{name: one for name, one in replaced.items() if one is not None})
