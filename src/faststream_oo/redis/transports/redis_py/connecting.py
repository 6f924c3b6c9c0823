"""The link over redis-py: its connections alone, which pack commands and parse answers; what to do when is ours.

redis-py's own clients and pools pay more than 100 µs a command, retry commands that must not be sent twice, and read a
subscription only through a wrapper that reconnects on its own.
"""

import asyncio
import ssl
from collections.abc import Sequence
from typing import Any, Final, cast

from redis import exceptions
from redis.asyncio.connection import AbstractConnection, Connection, SSLConnection, parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from faststream_oo.encryption import encryption
from faststream_oo.errors import ConnectError
from faststream_oo.network import is_lasting, system_cause, system_hint, true_cause
from faststream_oo.redis.client.commands import Answer, Command, CommandError, LostError, NotReadyError
from faststream_oo.redis.options import RedisSettings
from faststream_oo.waiting import bounded

_CONNECT_SECONDS: Final = 5.0
"""Longest time that the server may take to accept a connection and to log us in."""

_CLOSE_SECONDS: Final = 1.0

_CODES: Final = {
    exceptions.NoPermissionError: "NOPERM",
    exceptions.OutOfMemoryError: "OOM",
}
"""Errors whose code redis-py takes from the server's words."""

_ELSEWHERE: Final = (exceptions.BusyLoadingError, exceptions.ReadOnlyError, exceptions.MasterDownError)
"""Answers of a server that does not serve us now; another connection may find the one that does."""


_REFUSALS: Final = (exceptions.AuthenticationError, exceptions.ResponseError)
_LOGIN_HINT: Final = "look at redis.auth, or at user, password and database in redis.url"
_PERMISSION_HINT: Final = "the user's ACL on the server has to allow it"


class RedisPyConnection:
    """One connection of redis-py, which never reconnects by itself.

    Args:
        connection: Connected.
    """

    def __init__(self, connection: AbstractConnection) -> None:
        self._connection = connection
        self._pack: Any = connection.pack_command

    async def send(self, commands: Sequence[Command], /) -> None:
        """Write commands, at once and in order. Raises LostError."""
        connection, pack = self._connection, self._pack
        if not connection.is_connected:
            raise LostError("the connection is closed")
        packed = b"".join([piece for command in commands for piece in pack(*command)])
        try:
            await connection.send_packed_command(packed, check_health=False)
        except (exceptions.ConnectionError, exceptions.TimeoutError, OSError) as error:
            raise LostError(describe(error)) from error

    async def receive(self, count: int, into: list[Answer], /) -> None:
        """Append the next answers, so many. Raises LostError."""
        read: Any = self._connection.read_response
        for _ in range(count):
            try:
                answer: Any = await read()
            except _ELSEWHERE as error:
                raise NotReadyError(describe(error)) from error
            except (exceptions.ConnectionError, exceptions.TimeoutError, OSError) as error:
                raise LostError(describe(error)) from error
            except exceptions.RedisError as error:
                answer = _refusal(error)
            if answer.__class__ is list:  # EXEC gives errors in their places
                answer = [_refusal(one) if isinstance(one, Exception) else one for one in answer]
            into.append(answer)

    async def close(self) -> None:
        """Disconnect, now."""
        await _closed(self._connection)


class RedisPyLink:
    """A server, reached by redis-py.

    Args:
        settings: Where it is.
    """

    def __init__(self, settings: RedisSettings) -> None:
        self._settings = settings
        self._tls: ssl.SSLContext | None = None

    def prepare(self) -> None:
        """Read the files of `tls`, for all connections. Raises SetupError."""
        self._tls = encryption(self._settings.tls, "redis")

    async def connect(self) -> RedisPyConnection:
        """Return one more connection. Raises ConnectError."""
        connection = self._made(dict(parse_url(self._settings.url)))
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                await connection.connect()
        except (exceptions.RedisError, OSError) as error:
            await _closed(connection)
            raise await connect_error(self._settings, error, connection) from error
        except BaseException:
            await _closed(connection)
            raise
        return RedisPyConnection(connection)

    def _made(self, options: dict[str, Any]) -> Any:
        make = options.pop("connection_class", Connection)
        if (auth := self._settings.auth) is not None:
            options |= {"username": auth.username, "password": auth.password}
        made: Any = (make if self._tls is None else SSLConnection)(
            **options,
            protocol=2,
            socket_timeout=None,  # how long an answer may take is known to who waits for it
            socket_connect_timeout=_CONNECT_SECONDS,
            retry=Retry(NoBackoff(), 0),
            client_name="faststream-oo",
        )
        if self._tls is not None:
            made.ssl_context.context = self._tls
        return made


async def connect_error(settings: RedisSettings, error: BaseException, connection: Any, /) -> ConnectError:
    """Return the error to raise for a connection that was not made.

    Args:
        settings: Where the server is.
        error: What the client raised.
        connection: The client's, which was to be made.
    """
    if isinstance(error, _REFUSALS):
        return ConnectError("redis", settings.servers, describe(error), _LOGIN_HINT, refused=True)
    cause = _within(error)
    if not is_lasting(cause):
        encrypts = isinstance(connection, SSLConnection)
        tls: ssl.SSLContext | None = cast("Any", connection).ssl_context.get() if encrypts else None
        cause = await true_cause(cause, connection.host, connection.port, tls, hello=b"PING\r\n")
    hint = system_hint(cause, "Redis", "redis.url")
    return ConnectError("redis", settings.servers, describe(cause), hint, refused=is_lasting(cause))


async def _closed(connection: AbstractConnection) -> None:
    """Disconnect; where it is encrypted both ends say so, which the other one may not do."""
    await bounded(connection.disconnect(), _CLOSE_SECONDS)


def _within(error: BaseException) -> BaseException:
    """Return the system's error that redis-py's tells about."""
    while error.__cause__ is not None or error.__context__ is not None:
        inner = error.__cause__ or error.__context__
        if not isinstance(inner, OSError):
            break
        error = inner
    return error


def describe(error: BaseException, /) -> str:
    """Return one line about an error of the client or the system."""
    inner = _within(error)
    if isinstance(inner, OSError):
        return system_cause(inner)
    return str(error).strip().rstrip(".").lower() or type(error).__name__


def _refusal(error: BaseException) -> CommandError:
    code = _CODES.get(cast("Any", type(error)))
    hint = _PERMISSION_HINT if isinstance(error, exceptions.NoPermissionError) else ""
    return CommandError(f"{code} {error}" if code else str(error), hint=hint)
