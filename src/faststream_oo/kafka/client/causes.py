"""Why a cluster cannot be reached: what both clients ask and say."""

import asyncio
from typing import Final

from faststream_oo.errors import ConnectError

CONNECT_SECONDS: Final = 10.0
"""Longest time in seconds that one attempt to connect may take."""

PROBE_SECONDS: Final = 3.0
"""Longest time in seconds that one address is asked why it does not answer."""

CLOSED_HINT: Final = "something listens there but closes the connection: the port may expect TLS or SASL"

AUTH_HINT: Final = "look at kafka.auth"
TLS_HINT: Final = "look at kafka.tls"


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
