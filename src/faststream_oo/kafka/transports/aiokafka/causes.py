"""What really went wrong: aiokafka logs the reason of a failed connection and raises another."""

import asyncio
import errno
import os
import re
import socket
from collections.abc import Iterable, Sequence
from typing import Final

from aiokafka import errors
from aiokafka.conn import collect_hosts, create_conn

from faststream_oo.errors import ConnectError, TransportError
from faststream_oo.kafka.options import KafkaSettings

CONNECT_SECONDS: Final = 10.0
"""Longest time in seconds that one attempt to connect may take."""

_PROBE_SECONDS: Final = 3.0
_HINTS: Final[Sequence[tuple[type[BaseException], str]]] = (
    (ConnectionRefusedError, "is Kafka running there? kafka.servers may name another host or port"),
    (socket.gaierror, "the host name is not known here; look at kafka.servers"),
    (TimeoutError, "nothing answers there: a firewall, or another host or port in kafka.servers"),
    (errors.KafkaConnectionError, "something listens there but closes the connection: the port may expect TLS or SASL"),
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
    for host, port, _ in collect_hosts(list(settings.servers), randomize=False):
        cause = await _probe(settings, host, port)
        if cause is not None:
            return ConnectError("kafka", servers, describe(cause), _hint(cause))
    for broker in brokers:
        host, _, port = broker.rpartition(":")
        cause = await _probe(settings, host, int(port))
        if cause is not None:
            what = f"the cluster names its broker {broker}, which cannot be reached: {describe(cause)}"
            return ConnectError("kafka", servers, what, "look at advertised.listeners of the brokers")
    return ConnectError("kafka", servers, describe(error), _hint(error))


def transport_error(what: str, error: BaseException, /) -> TransportError:
    """Return an error of ours that says what could not be done, and why; raise it `from` the cause."""
    return TransportError(f"{what}: {describe(error)}")


def describe(error: BaseException, /) -> str:
    """Return one line about an error of the client or the system."""
    if isinstance(error, TransportError):
        return str(error)
    if isinstance(error, TimeoutError) and error.errno is None:
        return "no answer in time"
    if isinstance(error, OSError):
        return _of_system(error)
    name = type(error).__name__
    text = str(error)
    while text.startswith(("[Error ", name)):  # aiokafka says its own name, up to twice
        text = text.partition("] ")[2] if text.startswith("[Error ") else text.removeprefix(name).lstrip(": ")
    return f"{name}: {text}" if text else name


async def _probe(settings: KafkaSettings, host: str, port: int) -> BaseException | None:
    try:
        async with asyncio.timeout(_PROBE_SECONDS):
            connection = await create_conn(host, port, client_id=settings.client_id, request_timeout_ms=3_000)
    except (OSError, errors.KafkaError, TimeoutError) as error:
        return error
    await connection.close()
    return None


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
