"""What an error of nats-py or the system means, in one line, and what helps."""

import errno
import os
import re
import socket
import ssl
from collections.abc import Sequence
from typing import Final

from nats import errors

from faststream_oo.errors import ConnectError
from faststream_oo.nats.options import NatsSettings

_HINTS: Final[Sequence[tuple[type[BaseException], str]]] = (
    (ConnectionRefusedError, "is NATS running there? nats.servers may name another host or port"),
    (socket.gaierror, "the host name is not known here; look at nats.servers"),
    (ssl.SSLError, "the server asks for TLS, with a certificate that this machine trusts"),
    (TimeoutError, "nothing answers there: a firewall, or another host or port in nats.servers"),
)
_AUTHORIZATION: Final = "user, password or token in nats.servers"


def connect_error(settings: NatsSettings, error: BaseException, /) -> ConnectError:
    """Return the error to raise for a connection that was not made."""
    cause = describe(error)
    refused = isinstance(error, ssl.SSLError) or is_authorization(error)
    hint = _AUTHORIZATION if is_authorization(error) else _hint(error)
    return ConnectError("nats", settings.shown_servers, cause, hint, refused=refused)


def is_authorization(error: BaseException, /) -> bool:
    """Whether the server did not like who we are."""
    return isinstance(error, errors.AuthorizationError) or "authorization" in str(error).lower()


def describe(error: BaseException, /) -> str:
    """Return one line about an error of the client or the system."""
    if isinstance(error, ssl.SSLError):
        return getattr(error, "verify_message", "") or error.reason or str(error)
    if isinstance(error, TimeoutError) and getattr(error, "errno", None) is None:
        return "no answer in time"
    if isinstance(error, OSError):
        return _of_system(error)
    return str(error).removeprefix("nats: ").strip("'").lower() or type(error).__name__


def _hint(error: BaseException) -> str:
    if isinstance(error, OSError) and _numbers(error) == {errno.ECONNREFUSED}:
        error = ConnectionRefusedError()
    return next((hint for kind, hint in _HINTS if isinstance(error, kind)), "")


def _of_system(error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return error.strerror or str(error)
    numbers = _numbers(error)
    return ", ".join(os.strerror(number).lower() for number in sorted(numbers)) or str(error) or type(error).__name__


def _numbers(error: OSError) -> set[int]:
    """Every errno; a name with several addresses fails with a text that holds one for each."""
    if error.errno is not None:
        return {error.errno}
    return {int(number) for number in re.findall(r"\[Errno (\d+)\]", str(error))}
