"""The contract of a NATS client; second ring of the public API."""

from collections.abc import Callable, Sequence
from typing import Protocol

from faststream_oo.current import EMBEDDING
from faststream_oo.errors import Problem, SetupError
from faststream_oo.nats.options import NatsSettings
from faststream_oo.transport import Source, Transport


class NatsSource(Source, Protocol):
    """A running subscription to one or several subjects."""

    @property
    def lost(self) -> int:
        """Messages received that were never handled."""
        ...


class NatsTransport(Transport[None], Protocol):
    """A NATS client: `NatsPyTransport`, the one in memory, or yours."""


def make_transport(settings: NatsSettings, /) -> NatsTransport:
    """Return the transport that `settings.driver` names, or the embedded one inside a Harness or `--memory`.

    Raises:
        SetupError: Its client library is not installed.
    """
    if _embedded(settings):
        from faststream_oo.nats.transports.memory.transport import MemoryTransport

        return MemoryTransport(settings)
    return _client()(settings)


def client_problems(settings: NatsSettings, /) -> Sequence[Problem]:
    """Return that the client library is not installed, if it is needed and not there."""
    if not _embedded(settings):
        try:
            _client()
        except SetupError as error:
            return error.problems
    return ()


def _embedded(settings: NatsSettings) -> bool:
    embedding = EMBEDDING.get()
    return settings.driver == "memory" or (embedding is not None and embedding.memory)


def _client() -> Callable[[NatsSettings], NatsTransport]:
    try:
        from faststream_oo.nats.transports.nats_py.transport import NatsPyTransport
    except ModuleNotFoundError as error:
        problem = Problem("nats.driver", f"{error.name} is not installed", 'pip install "faststream-oo[nats]"')
        raise SetupError([problem]) from error
    return NatsPyTransport
