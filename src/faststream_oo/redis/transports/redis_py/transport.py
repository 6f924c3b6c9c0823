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
        self._server = RedisPyLink(settings)
        super().__init__(settings, self._server, lambda stream: creates and not stream.external)

    async def open(self) -> None:
        """Connect, once.

        Raises:
            ConnectError: The server cannot be reached, or refuses us.
            SetupError: A file of `tls` cannot be used.
        """
        self._server.prepare()
        await super().open()
