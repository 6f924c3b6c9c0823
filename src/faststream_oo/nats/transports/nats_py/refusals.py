"""What an error of nats-py or the system means, in one line, and what helps."""

import ssl
from typing import Final
from urllib.parse import urlsplit

from nats import errors

from faststream_oo.errors import ConnectError
from faststream_oo.nats.options import NatsSettings
from faststream_oo.network import is_lasting, system_cause, system_hint, true_cause

PERMISSION_HINT: Final = "the user's permissions on the server have to allow it"
_AUTHORIZATION_HINT: Final = "look at nats.auth, or at user, password or token in nats.servers"
_PORT: Final = 4222


async def connect_error(settings: NatsSettings, error: BaseException, tls: ssl.SSLContext | None, /) -> ConnectError:
    """Return the error to raise for a connection that was not made.

    Args:
        settings: Where the servers are.
        error: What the client raised.
        tls: What it encrypts with.
    """
    if is_authorization(error):
        return ConnectError("nats", settings.shown_servers, describe(error), _AUTHORIZATION_HINT, refused=True)
    cause = error if is_lasting(error) else await _network_cause(settings, error, tls)
    hint = system_hint(cause, "NATS", "nats.servers")
    return ConnectError("nats", settings.shown_servers, describe(cause), hint, refused=is_lasting(cause))


async def _network_cause(settings: NatsSettings, error: BaseException, tls: ssl.SSLContext | None) -> BaseException:
    """Return the first thing that a server has against us beside what the client says."""
    for server in settings.servers:
        place = urlsplit(server if "://" in server else f"nats://{server}")
        cause = await true_cause(error, place.hostname or "localhost", place.port or _PORT, tls, greets=True)
        if is_lasting(cause):
            return cause
    return error


def is_authorization(error: BaseException, /) -> bool:
    """Whether the server did not like who we are."""
    said = str(error).lower()
    return isinstance(error, errors.AuthorizationError) or "authorization" in said or "authentication" in said


def describe(error: BaseException, /) -> str:
    """Return one line about an error of the client or the system."""
    if isinstance(error, OSError):
        return system_cause(error)
    return str(error).removeprefix("nats: ").strip("'").lower() or type(error).__name__
