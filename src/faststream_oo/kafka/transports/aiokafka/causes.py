"""What really went wrong: aiokafka logs the reason of a failed connection and raises another."""

import asyncio
import ssl
from collections.abc import Iterable

from aiokafka import errors
from aiokafka.conn import collect_hosts, create_conn

from faststream_oo.errors import ConnectError, TransportError
from faststream_oo.kafka.client.causes import (
    AUTH_HINT,
    CLOSED_HINT,
    PROBE_SECONDS,
    TLS_HINT,
    named_broker_error,
)
from faststream_oo.kafka.options import KafkaSettings
from faststream_oo.kafka.transports.aiokafka.config import security_options
from faststream_oo.network import system_cause, system_hint


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
    for host, port, _ in collect_hosts(list(settings.servers), randomize=False):
        cause = await _probe(settings, host, port)
        if cause is not None:
            return ConnectError("kafka", servers, describe(cause), _hint(cause))
    for broker in brokers:
        host, _, port = broker.rpartition(":")
        cause = await _probe(settings, host, int(port))
        if cause is not None:
            return named_broker_error(servers, broker, describe(cause))
    return ConnectError("kafka", servers, describe(error), _hint(error))


def transport_error(what: str, error: BaseException, /) -> TransportError:
    """Return an error of ours that says what could not be done, and why; raise it `from` the cause."""
    return TransportError(f"{what}: {describe(error)}")


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
    return f"{name}: {text}" if text else name


async def _probe(settings: KafkaSettings, host: str, port: int) -> BaseException | None:
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            connection = await create_conn(
                host, port, client_id=settings.client_id, request_timeout_ms=3_000, **security_options(settings)
            )
    except (OSError, errors.KafkaError, TimeoutError) as error:
        return error
    await connection.close()
    return None


def _hint(error: BaseException) -> str:
    if isinstance(error, errors.SaslAuthenticationFailed):
        return AUTH_HINT
    if isinstance(error, ssl.SSLError):
        return TLS_HINT
    return (
        CLOSED_HINT if isinstance(error, errors.KafkaConnectionError) else system_hint(error, "Kafka", "kafka.servers")
    )
