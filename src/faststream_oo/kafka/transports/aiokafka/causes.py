"""What really went wrong: aiokafka logs the reason of a failed connection and raises another."""

import asyncio
from collections.abc import Iterable
from typing import Final

from aiokafka import errors
from aiokafka.conn import create_conn

from faststream_oo.errors import ConnectError, TransportError
from faststream_oo.kafka.client.causes import (
    AUTH_HINT,
    CLOSED,
    CLOSED_HINT,
    PERMISSION_HINT,
    named_broker_error,
    network_refusal,
    place_of,
    token_refusal,
)
from faststream_oo.kafka.client.tokens import TokenError
from faststream_oo.kafka.options import KafkaSettings
from faststream_oo.kafka.transports.aiokafka.config import security_options
from faststream_oo.network import PROBE_SECONDS, system_cause, system_hint
from faststream_oo.security import OAuth

_REFUSALS: Final = (
    errors.SaslAuthenticationFailed,
    errors.UnsupportedSaslMechanismError,
    errors.IllegalSaslStateError,
)
_FORBIDDEN: Final = (
    errors.TopicAuthorizationFailedError,
    errors.GroupAuthorizationFailedError,
    errors.ClusterAuthorizationFailedError,
    errors.TransactionalIdAuthorizationFailed,
)


async def connect_error(settings: KafkaSettings, error: BaseException, brokers: Iterable[str] = (), /) -> ConnectError:
    """Ask every address why it cannot be used.

    Args:
        settings: Where the servers are.
        error: What the client raised.
        brokers: Addresses, `host:port`, that the cluster itself gave, if it came that far.

    Returns:
        The error to raise; its `cause` is the first true one found.
    """
    servers = ", ".join(settings.servers)
    for server in settings.servers:
        cause = await _probe(settings, *place_of(server))
        if cause is None:
            continue
        if isinstance(token := cause.__cause__, TokenError):
            return token_refusal(servers, token)
        if isinstance(cause, _REFUSALS):
            return ConnectError("kafka", servers, describe(cause), AUTH_HINT, refused=True)
        return await network_refusal(settings, cause) or _unexplained(servers, cause)
    for broker in brokers:
        cause = await _probe(settings, *place_of(broker))
        if cause is not None:
            return named_broker_error(servers, broker, describe(cause))
    if isinstance(settings.auth, OAuth) and not brokers and not isinstance(error, TimeoutError):
        # The client does not read what is said about a token.
        return ConnectError("kafka", servers, "the broker hangs up after the token", AUTH_HINT, refused=True)
    return _unexplained(servers, error)


def _unexplained(servers: str, error: BaseException) -> ConnectError:
    if isinstance(error, errors.KafkaConnectionError):
        return ConnectError("kafka", servers, CLOSED, CLOSED_HINT)
    return ConnectError("kafka", servers, describe(error), system_hint(error, "Kafka", "kafka.servers"))


def transport_error(what: str, error: BaseException, /) -> TransportError:
    """Return an error of ours that says what could not be done, and why; raise it `from` the cause."""
    return TransportError(f"{what}: {describe(error)}", hint=PERMISSION_HINT if isinstance(error, _FORBIDDEN) else "")


def describe(error: BaseException, /) -> str:
    """Return one line about an error of the client or the system."""
    if isinstance(error, TransportError):
        return str(error)
    if isinstance(error, OSError):
        return system_cause(error)
    name = type(error).__name__
    text = str(error)
    while text.startswith(("[Error ", name)):  # aiokafka says its own name, up to twice
        text = text.partition("] ")[2] if text.startswith("[Error ") else text.removeprefix(name).lstrip(": ")
    return name if not text or text.startswith("<AIOKafka") else f"{name}: {text}"


async def _probe(settings: KafkaSettings, host: str, port: int) -> Exception | None:
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            connection = await create_conn(
                host, port, client_id=settings.client_id, request_timeout_ms=3_000, **security_options(settings)
            )
    except Exception as error:  # noqa: BLE001 - it is the answer; Kerberos raises errors of its own
        return error
    await connection.close()
    return None
