"""Redis by redis-py."""

from collections.abc import Sequence
from urllib.parse import parse_qs, urlsplit

from faststream_oo.errors import Problem, SetupError
from faststream_oo.redis.options import RedisSettings
from faststream_oo.redis.transports.redis_py.transport import RedisPyTransport


def check_config(settings: RedisSettings, /) -> Sequence[Problem]:
    """Return options of the URL that have no effect; no I/O."""
    if settings.tls is None:
        return ()
    given = [name for name in parse_qs(urlsplit(settings.url).query) if name.startswith("ssl_")]
    return [
        Problem("redis.url", f"{name} has no effect beside redis.tls", "say it in redis.tls alone") for name in given
    ]


def make(settings: RedisSettings, /) -> RedisPyTransport:
    """Return the transport; no I/O. Raises SetupError for settings that are wrong."""
    if problems := check_config(settings):
        raise SetupError(problems)
    return RedisPyTransport(settings)


__all__ = ["RedisPyTransport", "check_config", "make"]
