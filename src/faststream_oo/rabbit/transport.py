"""The contract of a RabbitMQ client; second ring of the public API."""

from collections.abc import Sequence
from typing import Protocol

from faststream_oo.clients import Client, embedded, installed, refusals
from faststream_oo.errors import Problem
from faststream_oo.rabbit.address import Binding, Exchange, Queue
from faststream_oo.rabbit.options import RabbitSettings
from faststream_oo.transport import Transport


class RabbitTransport(Transport[None], Protocol):
    """A RabbitMQ client: `AioPikaTransport`, the one in memory, or yours."""

    async def bind(self, to: Queue | Exchange, binding: Binding, /) -> None:
        """Make a binding. Raises TransportError."""

    async def unbind(self, to: Queue | Exchange, binding: Binding, /) -> None:
        """Remove a binding; one that is not there is no error. Raises TransportError."""

    async def delete(self, address: Queue | Exchange, /, *, if_unused: bool) -> None:
        """Delete a queue or an exchange; one that is not there is no error. Raises TransportError."""

    async def purge(self, queue: Queue, /) -> int:
        """Delete the waiting messages of a queue, and return how many. Raises TransportError."""
        ...


def make_transport(settings: RabbitSettings, /) -> RabbitTransport:
    """Return the transport that `settings.driver` names, or the embedded one inside a Harness or `--memory`.

    Raises:
        SetupError: Its client library is not installed, or refuses the settings.
    """
    if embedded(settings):
        from faststream_oo.rabbit.transports.memory.transport import MemoryTransport

        return MemoryTransport(settings)
    return installed(_client, "rabbit").make(settings)


def client_problems(settings: RabbitSettings, /) -> Sequence[Problem]:
    """Return what the client would refuse of the settings, that it is not installed too."""
    return () if embedded(settings) else refusals(settings, _client, "rabbit")


def _client() -> Client[RabbitSettings, RabbitTransport]:
    from faststream_oo.rabbit.transports import aio_pika

    return aio_pika
