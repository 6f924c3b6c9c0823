"""What really went wrong: what aiormq raises, in words, with the likely remedy."""

import asyncio
import ssl
from typing import Final

from aiormq import exceptions
from yarl import URL

from faststream_oo.errors import ConnectError, TransportError
from faststream_oo.network import is_lasting, system_cause, system_hint, true_cause
from faststream_oo.rabbit.options import RabbitSettings
from faststream_oo.rabbit.transports.aio_pika.login import login_url
from faststream_oo.security import External

_PORTS: Final = {"amqp": 5672, "amqps": 5671}
_HINTS: Final = (
    (exceptions.ProbableAuthenticationError, "look at rabbit.auth, or at user and password in rabbit.url"),
    (exceptions.AuthenticationError, "the server does not offer this way of logging in"),
    (TimeoutError, "nothing answers there as RabbitMQ does: another host or port in rabbit.url"),
    (exceptions.IncompatibleProtocolError, "something else than RabbitMQ may listen there"),
)
_NO_USER_HINT: Final = "the name in rabbit.tls.certificate has to be a user there"
_CLOSED_HINT: Final = "something listens there but closes the connection: is it RabbitMQ?"
_PERMISSION_HINT: Final = "the user's permissions in the virtual host (configure, write, read) have to allow it"
_REFUSALS: Final = (exceptions.ProbableAuthenticationError, exceptions.AuthenticationError)


async def connect_error(
    settings: RabbitSettings, url: str, error: BaseException, tls: ssl.SSLContext | None, /
) -> ConnectError:
    """Return the error to raise for a URL that cannot be used.

    Args:
        settings: Where the servers are.
        url: The one that was tried.
        error: What the client raised.
        tls: What it encrypts with, None when that is left to the URL.
    """
    if isinstance(error, exceptions.InvalidFrameError) and "Connection.OpenOk" in str(error):
        # The server's own words are in a frame that the client does not hand out.
        vhost = URL(url).path.removeprefix("/") or "/"
        what = f'virtual host "{vhost}" does not exist, or the user may not use it'
        hint = "the path of rabbit.url is the virtual host"
        return ConnectError("rabbit", settings.servers, what, hint, refused=True)
    cause = await _network_cause(settings, url, error, tls)
    if isinstance(cause, exceptions.ProbableAuthenticationError) and isinstance(settings.auth, External):
        hint = _NO_USER_HINT
    else:
        hint = next((hint for kind, hint in _HINTS if isinstance(cause, kind)), "")
    hint = hint or system_hint(cause, "RabbitMQ", "rabbit.url")
    if not hint and isinstance(cause, exceptions.AMQPConnectionError):
        hint = _CLOSED_HINT
    lasting = isinstance(cause, _REFUSALS) or is_lasting(cause)
    return ConnectError("rabbit", settings.servers, describe(cause), hint, refused=lasting)


async def _network_cause(
    settings: RabbitSettings, url: str, error: BaseException, tls: ssl.SSLContext | None
) -> BaseException:
    if isinstance(error, exceptions.AMQPConnectionError) and isinstance(error.__cause__, OSError):
        error = error.__cause__
    place = login_url(settings, url)
    if isinstance(error, _REFUSALS) or is_lasting(error) or (tls is None and place.scheme == "amqps"):
        return error
    return await true_cause(error, place.host or "localhost", place.port or _PORTS[place.scheme], tls)


def transport_error(what: str, error: BaseException, /) -> TransportError:
    """Return an error of ours that says what could not be done, and why; raise it `from` the cause."""
    forbidden = isinstance(error, exceptions.ChannelAccessRefused) and "refused for user" in str(error)
    return TransportError(f"{what}: {describe(error)}", hint=_PERMISSION_HINT if forbidden else "")


def describe(error: BaseException | None, /) -> str:
    """Return one line about an error of the client or the system."""
    match error:
        case None | asyncio.CancelledError():
            return "the connection was closed"
        case TransportError():
            return str(error)
        case OSError() if not isinstance(error, exceptions.AMQPError):
            return system_cause(error)
        case exceptions.AuthenticationError(args=[str(offered), *_]):
            return f"the server offers {offered}"
        case exceptions.ChannelInvalidStateError():
            return "the channel was closed"
        case _:
            return " ".join(str(one) for one in error.args if one is not None) or type(error).__name__
