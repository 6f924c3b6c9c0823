"""The contract of a Redis client; second ring of the public API."""

from collections.abc import Sequence
from typing import Protocol, TypeAlias, TypeGuard, cast

from faststream_oo.address import Address
from faststream_oo.clients import Client, embedded, installed, refusals
from faststream_oo.errors import Problem, SetupError
from faststream_oo.redis.message import RedisReceipt
from faststream_oo.redis.options import RedisSettings, url_problem
from faststream_oo.transport import Frame, Transport

Piped: TypeAlias = tuple[Address, Frame] | Sequence[str | bytes | int | float]
"""A message to a whole address, or any other command."""


def is_message(piped: Piped, /) -> TypeGuard[tuple[Address, Frame]]:
    """Whether it is a message, and no other command."""
    return len(piped) == 2 and isinstance(cast("Sequence[object]", piped)[1], Frame)


class RedisTransport(Transport[RedisReceipt], Protocol):
    """A Redis client: `RedisPyTransport`, the one in memory, or yours."""

    async def execute(self, commands: Sequence[Piped], /, *, transaction: bool) -> None:
        """Send messages and commands together. Raises PublishError."""

    async def delete(self, keys: Sequence[str], /) -> None:
        """Delete keys that a test made; one that is not there is no error. Raises TransportError."""


def make_transport(settings: RedisSettings, /) -> RedisTransport:
    """Return the transport that `settings.driver` names, or the embedded one inside a Harness or `--memory`.

    Raises:
        SetupError: The URL names no server, or the client library is not installed or refuses the settings.
    """
    if wrong := _url_problems(settings):
        raise SetupError(wrong)
    if embedded(settings):
        from faststream_oo.redis.transports.memory.transport import MemoryTransport

        return MemoryTransport(settings)
    return installed(_client, "redis").make(settings)


def client_problems(settings: RedisSettings, /) -> Sequence[Problem]:
    """Return what is wrong with the URL, and what the client would refuse of the settings, that it is not installed too."""
    refused = () if embedded(settings) else refusals(settings, _client, "redis")
    return [*_url_problems(settings), *refused]


def _url_problems(settings: RedisSettings) -> Sequence[Problem]:
    wrong = url_problem(settings.url)
    return () if wrong is None else (Problem("redis.url", *wrong),)


def _client() -> Client[RedisSettings, RedisTransport]:
    from faststream_oo.redis.transports import redis_py

    return redis_py
