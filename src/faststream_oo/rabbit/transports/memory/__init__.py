"""RabbitMQ inside the process: exchanges, bindings, queues and their consumers, without a server."""

from faststream_oo.rabbit.transports.memory.transport import MemoryTransport
from faststream_oo.rabbit.transports.memory.vhost import MemoryServer

__all__ = ("MemoryServer", "MemoryTransport")
