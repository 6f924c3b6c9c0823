"""Redis by redis-py."""

from collections.abc import Sequence

from faststream_oo.errors import Problem
from faststream_oo.redis.options import RedisSettings
from faststream_oo.redis.transports.redis_py.transport import RedisPyTransport

make = RedisPyTransport


def check_config(settings: RedisSettings, /) -> Sequence[Problem]:
    """Return nothing: the client takes every setting."""
    return ()


__all__ = ["RedisPyTransport", "check_config", "make"]
