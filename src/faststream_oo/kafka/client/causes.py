"""Why a cluster cannot be reached, in the system's words and with a remedy."""

import asyncio
import errno
import os
import re
import socket
from collections.abc import Sequence
from typing import Final

from faststream_oo.errors import ConnectError

CONNECT_SECONDS: Final = 10.0
"""Longest time in seconds that one attempt to connect may take."""

PROBE_SECONDS: Final = 3.0
"""Longest time in seconds that one address is asked why it does not answer."""

CLOSED_HINT: Final = "something listens there but closes the connection: the port may expect TLS or SASL"

_HINTS: Final[Sequence[tuple[type[BaseException], str]]] = (
    (ConnectionRefusedError, "is Kafka running there? kafka.servers may name another host or port"),
    (socket.gaierror, "the host name is not known here; look at kafka.servers"),
    (TimeoutError, "nothing answers there: a firewall, or another host or port in kafka.servers"),
)


def system_cause(error: OSError, /) -> str:
    """Return the system's words about an error, for every address that was tried."""
    if isinstance(error, TimeoutError) and error.errno is None:
        return "no answer in time"
    if isinstance(error, socket.gaierror):
        return error.strerror or str(error)
    numbers = _numbers(error)
    return ", ".join(os.strerror(number).lower() for number in sorted(numbers)) or str(error) or type(error).__name__


def system_hint(error: BaseException, /) -> str:
    """Return the likely remedy, or an empty string."""
    if isinstance(error, OSError) and _numbers(error) == {errno.ECONNREFUSED}:
        error = ConnectionRefusedError()
    return next((hint for kind, hint in _HINTS if isinstance(error, kind)), "")


def named_broker_error(servers: str, broker: str, cause: str, /) -> ConnectError:
    """Return the error for a broker's `host:port` that the cluster itself gave, and that cannot be reached."""
    what = f"the cluster names its broker {broker}, which cannot be reached: {cause}"
    return ConnectError("kafka", servers, what, "look at advertised.listeners of the brokers")


async def why_closed(host: str, port: int, /) -> OSError | None:
    """Connect to an address and hang up again; return why that does not work."""
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            _, writer = await asyncio.open_connection(host, port)
    except OSError as error:  # a TimeoutError is one
        return error
    writer.close()
    return None


def _numbers(error: OSError) -> set[int]:
    """Every errno; a name with several addresses fails with a text that holds one for each."""
    if error.errno is not None:
        return {error.errno}
    return {int(number) for number in re.findall(r"\[Errno (\d+)\]", str(error))}
