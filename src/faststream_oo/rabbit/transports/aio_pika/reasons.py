"""What really went wrong: what aiormq raises, in words, with the likely remedy."""

import asyncio
import ssl
from typing import Final

from aiormq import exceptions
from yarl import URL

from faststream_oo.errors import ConnectError, TransportError
from faststream_oo.network import system_cause, system_hint
from faststream_oo.rabbit.options import RabbitSettings

_HINTS: Final = (
    (ssl.SSLCertVerificationError, "the authority of the server's certificate is not trusted: ?cafile=… in rabbit.url"),
    (ssl.SSLError, "the port may not speak TLS: amqp:// instead of amqps:// in rabbit.url, or another port"),
    (exceptions.ProbableAuthenticationError, "look at user and password in rabbit.url"),
    (exceptions.AuthenticationError, "the server does not offer this way of logging in"),
    (TimeoutError, "nothing answers there as RabbitMQ does: another host or port in rabbit.url, or the port expects TLS"),
    (exceptions.IncompatibleProtocolError, "something else than RabbitMQ may listen there"),
)  # fmt: skip
_CLOSED_HINT: Final = "something listens there but closes the connection: the port may expect TLS"
_LASTING: Final = (exceptions.ProbableAuthenticationError, exceptions.AuthenticationError, ssl.SSLError)
"""What the same attempt would end with again."""


def connect_error(settings: RabbitSettings, url: str, error: BaseException, /) -> ConnectError:
    """Return the error to raise for a URL that cannot be used, from what the client raised."""
    if isinstance(error, exceptions.InvalidFrameError) and "Connection.OpenOk" in str(error):
        # The server's own words are in a frame that the client does not hand out.
        vhost = URL(url).path.removeprefix("/") or "/"
        what = f'virtual host "{vhost}" does not exist, or the user may not use it'
        return ConnectError(
            "rabbit", settings.servers, what, "the path of rabbit.url is the virtual host", refused=True
        )
    cause = error
    if isinstance(error, exceptions.AMQPConnectionError) and isinstance(error.__cause__, OSError):
        cause = error.__cause__
    hint = next((hint for kind, hint in _HINTS if isinstance(cause, kind)), "")
    hint = hint or system_hint(cause, "RabbitMQ", "rabbit.url")
    if not hint and isinstance(cause, exceptions.AMQPConnectionError):
        hint = _CLOSED_HINT
    return ConnectError("rabbit", settings.servers, describe(cause), hint, refused=isinstance(cause, _LASTING))


def transport_error(what: str, error: BaseException, /) -> TransportError:
    """Return an error of ours that says what could not be done, and why; raise it `from` the cause."""
    return TransportError(f"{what}: {describe(error)}")


def describe(error: BaseException | None, /) -> str:
    """Return one line about an error of the client or the system."""
    match error:
        case None | asyncio.CancelledError():
            return "the connection was closed"
        case TransportError():
            return str(error)
        case OSError() if not isinstance(error, exceptions.AMQPError):
            return system_cause(error)
        case exceptions.ChannelInvalidStateError():
            return "the channel was closed"
        case _:
            return " ".join(str(one) for one in error.args if one is not None) or type(error).__name__
