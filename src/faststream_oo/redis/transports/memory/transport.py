"""The transport to an embedded Redis."""

from faststream_oo.redis.client.transport import ClientTransport
from faststream_oo.redis.options import RedisSettings
from faststream_oo.redis.transports.memory.connections import MemoryLink
from faststream_oo.redis.transports.memory.instance import MemoryServer


class MemoryTransport(ClientTransport):
    """Redis inside the process: the same sources and senders over connections without sockets; every stream is made.

    Args:
        settings: Connection and defaults; the server in `url` tells those of one embedding apart.
    """

    def __init__(self, settings: RedisSettings) -> None:
        link = MemoryLink(settings)
        super().__init__(settings, link, lambda _: True)
        self.server: MemoryServer = link.server
        """For a test to look into."""
