"""What an error of nats-py or the system means, in one line, and what helps."""

import ssl
from typing import Final

from nats import errors

from faststream_oo.errors import ConnectError
from faststream_oo.nats.options import NatsSettings
from faststream_oo.network import system_cause, system_hint

_CERTIFICATE: Final = "the server asks for TLS, with a certificate that this machine trusts"
_AUTHORIZATION: Final = "user, password or token in nats.servers"


def connect_error(settings: NatsSettings, error: BaseException, /) -> ConnectError:
    """Return the error to raise for a connection that was not made."""
    if isinstance(error, ssl.SSLError):
        hint = _CERTIFICATE
    else:
        hint = _AUTHORIZATION if is_authorization(error) else system_hint(error, "NATS", "nats.servers")
    refused = hint in {_CERTIFICATE, _AUTHORIZATION}
    return ConnectError("nats", settings.shown_servers, describe(error), hint, refused=refused)


def is_authorization(error: BaseException, /) -> bool:
    """Whether the server did not like who we are."""
    return isinstance(error, errors.AuthorizationError) or "authorization" in str(error).lower()


def describe(error: BaseException, /) -> str:
    """Return one line about an error of the client or the system."""
    if isinstance(error, OSError):
        return system_cause(error)
    return str(error).removeprefix("nats: ").strip("'").lower() or type(error).__name__
