"""What really went wrong: librdkafka tells its reasons beside the calls that fail, through `error_cb`."""

import logging
import re
from time import monotonic
from typing import Final

from confluent_kafka import KafkaError, KafkaException

from faststream_oo.errors import ConnectError, TransportError
from faststream_oo.kafka.client.causes import (
    AUTH_HINT,
    CLOSED,
    CLOSED_HINT,
    PERMISSION_HINT,
    named_broker_error,
    network_refusal,
)
from faststream_oo.kafka.options import KafkaSettings
from faststream_oo.network import system_cause

_log: Final = logging.getLogger("faststream_oo")
_QUIET: Final = 10.0
"""Seconds in which the same error is logged once: a lost broker is told by hundreds of them."""

_NOISE: Final = re.compile(r"^(?:\S+://)?\S+/(?:bootstrap|\d+): |\s*\(after [^)]*\)")
"""Address and counters that librdkafka writes around a reason."""

_REFUSALS: Final = (KafkaError._AUTHENTICATION, KafkaError._SSL)  # noqa: SLF001 - constants; the client spells them so
_FORBIDDEN: Final = (
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
)


def error_of(error: KafkaException, /) -> KafkaError:
    """Return what an exception of the client carries."""
    found: KafkaError = error.args[0]
    return found


def describe(error: KafkaError | BaseException, /) -> str:
    """Return one line about an error of the client."""
    if isinstance(error, KafkaException):
        error = error_of(error)
    if not isinstance(error, KafkaError):
        return system_cause(error) if isinstance(error, OSError) else str(error) or type(error).__name__
    text = _NOISE.sub("", error.str())
    return f"{error.name()}: {text}"


def transport_error(what: str, error: KafkaError | BaseException, /, hint: str = "") -> TransportError:
    """Return an error of ours that says what could not be done, and why; raise it `from` the cause."""
    if isinstance(error, KafkaException):
        error = error_of(error)
    forbidden = isinstance(error, KafkaError) and error.code() in _FORBIDDEN
    return TransportError(f"{what}: {describe(error)}", hint=PERMISSION_HINT if forbidden else hint)


def refuses(error: KafkaError, /) -> bool:
    """Whether a broker answered and will not have us: trying on is no use before somebody changes the settings."""
    return error.code() in _REFUSALS


async def connect_error(settings: KafkaSettings, error: KafkaError | None, /) -> ConnectError:
    """Return the error to raise, with the first true cause found.

    Args:
        settings: Where the servers are.
        error: What the client told last, if it did.
    """
    servers = ", ".join(settings.servers)
    if error is not None and error.code() == KafkaError._AUTHENTICATION:  # noqa: SLF001 - a constant
        return ConnectError("kafka", servers, describe(error), AUTH_HINT, refused=True)
    if (found := await network_refusal(settings, ConnectionError("closed"))) is not None:
        return found
    if error is not None and refuses(error):  # in the client's own TLS alone
        return ConnectError("kafka", servers, describe(error), "look at kafka.tls", refused=True)
    named = re.search(r"(?:^|/)([\w.-]+:\d+)/\d+: ", error.str()) if error is not None else None
    if error is not None and named is not None:
        return named_broker_error(servers, named[1], describe(error))
    return ConnectError("kafka", servers, CLOSED if error is None else describe(error), CLOSED_HINT)


class ErrorLog:
    """Logs what a client tells by `error_cb`, an error once in a while.

    Args:
        who: Whose client it is.
    """

    def __init__(self, who: str) -> None:
        self._who = who
        self._said: dict[int, float] = {}

    def note(self, error: KafkaError, /) -> None:
        """Log an error unless it was just logged; any thread may call."""
        now, code = monotonic(), error.code()
        if now - self._said.get(code, -_QUIET) < _QUIET:
            return
        self._said[code] = now
        level = logging.ERROR if error.fatal() or refuses(error) else logging.INFO
        _log.log(level, "%s: %s", self._who, describe(error), extra={"fields": {"error": describe(error)}})
