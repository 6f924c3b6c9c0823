"""Core NATS by nats-py."""

from faststream_oo.nats.transports.nats_py.transport import NatsPyTransport

__all__ = ["NatsPyTransport"]
