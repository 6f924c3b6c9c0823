"""NATS inside the process: subjects, queue groups, inboxes, streams and buckets, without a server."""

from faststream_oo.nats.transports.memory.server import MemoryServer
from faststream_oo.nats.transports.memory.transport import MemoryTransport

__all__ = ("MemoryServer", "MemoryTransport")
