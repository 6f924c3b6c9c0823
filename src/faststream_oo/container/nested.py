"""The nested container of one broker, which every protocol has with its own types."""

from collections.abc import Sequence
from typing import Any, ClassVar, Generic, TypeVar, cast

from dependency_injector import containers, providers

from faststream_oo.broker import Broker
from faststream_oo.codec import Codec
from faststream_oo.codecs.json import JsonCodec
from faststream_oo.container.providers import Config, ProviderOf, Settings
from faststream_oo.errors import Problem, SetupError
from faststream_oo.middleware import Middleware

SettingsT = TypeVar("SettingsT")
TransportT = TypeVar("TransportT")


class BrokerContainer(providers.Container[containers.DynamicContainer], Generic[SettingsT, TransportT]):
    """A nested container for one broker, with typed providers; see the protocol's own subclass.

    Args:
        config: The broker's part of the configuration; it is structured into the protocol's settings.
        settings: Provider of ready settings, instead of `config`.
        transport: Provider of another transport.
        codec: Provider of the default codec.
        middlewares: Providers of the broker's middlewares, outermost first.

    Raises:
        SetupError: Both `config` and `settings` are given.
    """

    settings_type: ClassVar[type[Any]]
    broker_type: ClassVar[type[Broker]]

    def __init__(
        self,
        *,
        config: Config | None = None,
        settings: ProviderOf[SettingsT] | None = None,
        transport: ProviderOf[TransportT] | None = None,
        codec: ProviderOf[Codec] | None = None,
        middlewares: Sequence[ProviderOf[Middleware]] = (),
    ) -> None:
        name = type(self).__name__
        if config is not None and settings is not None:
            raise SetupError([Problem(name, "config= and settings= are both given", "one of them")])
        # A declarative class makes DynamicContainers, which its stubs do not say; nor do they type the overridings.
        made = cast(type[containers.DynamicContainer], _declared(self.settings_type, self.broker_type))
        super().__init__(made)  # pyright: ignore[reportUnknownMemberType]
        replaced: dict[str, Any] = {
            "settings": settings if config is None else Settings(self.settings_type, config),
            "transport": transport,
            "codec": codec,
            "middlewares": providers.List(*middlewares) if middlewares else None,
        }
        # Not by the keywords of `providers.Container`: it would apply them again to each container instance, over
        # what was overridden on the class.
        self.container.override_providers(**{name: one for name, one in replaced.items() if one is not None})


def _declared(settings_type: type[Any], broker_type: type[Broker]) -> type[containers.DeclarativeContainer]:
    """Return what a `BrokerContainer` holds before anything is replaced."""

    class Declared(containers.DeclarativeContainer):
        settings = Settings(settings_type, {})
        # None: the broker makes the transport that the settings name, when it is opened.
        transport: providers.Object[Any] = providers.Object(None)
        codec = providers.Singleton(JsonCodec)
        middlewares = providers.List()
        broker = providers.Singleton(broker_type, settings, transport=transport, codec=codec, middlewares=middlewares)

    return Declared
