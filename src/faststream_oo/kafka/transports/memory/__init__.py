"""Kafka inside the process: partitions, offsets, consumer groups and their rebalances, without a broker."""

from faststream_oo.kafka.transports.memory.cluster import MemoryCluster
from faststream_oo.kafka.transports.memory.transport import MemoryTransport

__all__ = ("MemoryCluster", "MemoryTransport")
