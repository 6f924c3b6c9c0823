"""The nested container of one Redis broker."""

from dependency_injector import providers

from faststream_oo.codec import Codec
from faststream_oo.container.nested import BrokerContainer
from faststream_oo.redis.broker import RedisBroker
from faststream_oo.redis.options import RedisSettings
from faststream_oo.redis.transport import RedisTransport


class RedisContainer(BrokerContainer[RedisSettings, RedisTransport]):
    """A nested container for one Redis broker, with typed providers.

    `redis = RedisContainer(config=config.redis)` in a declarative container; then `redis.broker` is injected, and
    any of the providers below is overridden by its name. Each keyword replaces the provider of that name.

    Args:
        config: The broker's part of the configuration; it is structured into `RedisSettings`.
        settings: Provider of ready `RedisSettings`, instead of `config`.
        transport: Provider of another transport.
        codec: Provider of the default codec.
        middlewares: Providers of the broker's middlewares, outermost first.

    Raises:
        SetupError: Both `config` and `settings` are given.
    """

    settings: providers.Singleton[RedisSettings]
    transport: providers.Singleton[RedisTransport]
    codec: providers.Singleton[Codec]
    broker: providers.Singleton[RedisBroker]

    settings_type = RedisSettings
    broker_type = RedisBroker
