"""Core NATS by nats-py."""

from collections.abc import Sequence

from faststream_oo.errors import Problem, SetupError
from faststream_oo.nats.options import NatsSettings
from faststream_oo.nats.transports.nats_py.credentials import missing_library
from faststream_oo.nats.transports.nats_py.transport import NatsPyTransport


def make(settings: NatsSettings, /) -> NatsPyTransport:
    """Return the transport; no I/O. Raises SetupError when a library is missing for the credentials."""
    if problems := check_config(settings):
        raise SetupError(problems)
    return NatsPyTransport(settings)


def check_config(settings: NatsSettings, /) -> Sequence[Problem]:
    """Return what is wrong with the credentials; no I/O."""
    missing = missing_library(settings.auth)
    return () if missing is None else (missing,)


__all__ = ["NatsPyTransport", "check_config", "make"]
