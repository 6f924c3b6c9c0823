"""The transport over redis-py."""

from faststream_oo.redis.client.transport import ClientTransport
from faststream_oo.redis.options import RedisSettings
from faststream_oo.redis.transports.redis_py.connecting import RedisPyLink


class RedisPyTransport(ClientTransport):
    """Redis by redis-py's connections.

    Args:
        settings: Connection and defaults.
    """

    def __init__(self, settings: RedisSettings) -> None:
        creates = settings.topology == "create"
        super().__init__(settings, RedisPyLink(settings), lambda stream: creates and not stream.external)
