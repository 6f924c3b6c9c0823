"""Redis inside the process: streams with groups, lists and channels, without a server."""

from faststream_oo.redis.transports.memory.instance import MemoryServer
from faststream_oo.redis.transports.memory.transport import MemoryTransport

__all__ = ("MemoryServer", "MemoryTransport")
