"""The contract of a NATS client; second ring of the public API."""

from collections.abc import Sequence
from typing import Protocol

from faststream_oo.clients import Client, embedded, installed, refusals
from faststream_oo.errors import Problem
from faststream_oo.nats.message import NatsReceipt
from faststream_oo.nats.options import NatsSettings
from faststream_oo.transport import Source, Transport


class NatsSource(Source, Protocol):
    """A running subscription to one or several subjects."""

    @property
    def lost(self) -> int:
        """Messages received that were never handled; 0 on a stream, which has them still."""
        ...


class NatsTransport(Transport[NatsReceipt | None], Protocol):
    """A NATS client: `NatsPyTransport`, the one in memory, or yours."""

    async def delete_stream(self, name: str, /) -> None:
        """Delete a stream with what it holds; one that is not there is no error. Raises TransportError."""


def make_transport(settings: NatsSettings, /) -> NatsTransport:
    """Return the transport that `settings.driver` names, or the embedded one inside a Harness or `--memory`.

    Raises:
        SetupError: Its client library is not installed, or refuses the settings.
    """
    if embedded(settings):
        from faststream_oo.nats.transports.memory.transport import MemoryTransport

        return MemoryTransport(settings)
    return installed(_client, "nats").make(settings)


def client_problems(settings: NatsSettings, /) -> Sequence[Problem]:
    """Return what the client would refuse of the settings, that it is not installed too."""
    return () if embedded(settings) else refusals(settings, _client, "nats")


def _client() -> Client[NatsSettings, NatsTransport]:
    from faststream_oo.nats.transports import nats_py

    return nats_py
