"""The contract of a RabbitMQ client; second ring of the public API."""

from collections.abc import Callable, Sequence
from typing import Protocol

from faststream_oo.current import EMBEDDING
from faststream_oo.errors import Problem, SetupError
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
        SetupError: Its client library is not installed.
    """
    if _embedded(settings):
        from faststream_oo.rabbit.transports.memory.transport import MemoryTransport

        return MemoryTransport(settings)
    return _client()(settings)


def client_problems(settings: RabbitSettings, /) -> Sequence[Problem]:
    """Return that the client library is not installed, if it is needed and not there."""
    if not _embedded(settings):
        try:
            _client()
        except SetupError as error:
            return error.problems
    return ()


def _embedded(settings: RabbitSettings) -> bool:
    embedding = EMBEDDING.get()
    return settings.driver == "memory" or (embedding is not None and embedding.memory)


def _client() -> Callable[[RabbitSettings], RabbitTransport]:
    try:
        from faststream_oo.rabbit.transports.aio_pika.transport import AioPikaTransport
    except ModuleNotFoundError as error:
        problem = Problem("rabbit.driver", f"{error.name} is not installed", 'pip install "faststream-oo[rabbit]"')
        raise SetupError([problem]) from error
    return AioPikaTransport
