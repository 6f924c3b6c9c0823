"""Core NATS by nats-py."""

from collections.abc import Sequence

from faststream_oo.errors import Problem
from faststream_oo.nats.options import NatsSettings
from faststream_oo.nats.transports.nats_py.transport import NatsPyTransport


def make(settings: NatsSettings, /) -> NatsPyTransport:
    """Return the transport; no I/O."""
    return NatsPyTransport(settings)


def check_config(settings: NatsSettings, /) -> Sequence[Problem]:
    """Return nothing: the client takes every setting."""
    return ()


__all__ = ["NatsPyTransport", "check_config", "make"]
