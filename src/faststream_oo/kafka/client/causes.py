"""Why a cluster cannot be reached: what both clients ask and say."""

from typing import Final

from faststream_oo.errors import ConnectError
from faststream_oo.kafka.client.tokens import TokenError
from faststream_oo.kafka.options import KafkaSettings
from faststream_oo.network import is_lasting, system_cause, system_hint, true_cause

CONNECT_SECONDS: Final = 10.0
"""Longest time in seconds that one attempt to connect may take."""

_PORT: Final = "9092"
_HELLO: Final = bytes.fromhex("0000000a 0012 0000 00000000 ffff")
"""Ten bytes that ask for the versions of the API, the first of which every listener answers (KIP-35)."""

CLOSED: Final = "the broker closes the connection"
CLOSED_HINT: Final = "something listens there but closes the connection: the port may expect SASL, see kafka.auth"

AUTH_HINT: Final = "look at kafka.auth"

PERMISSION_HINT: Final = "an ACL of the cluster has to allow it to the user of kafka.auth or of kafka.tls.certificate"


def named_broker_error(servers: str, broker: str, cause: str, /) -> ConnectError:
    """Return the error for a broker's `host:port` that the cluster itself gave, and that cannot be reached."""
    what = f"the cluster names its broker {broker}, which cannot be reached: {cause}"
    return ConnectError("kafka", servers, what, "look at advertised.listeners of the brokers")


def token_refusal(servers: str, error: TokenError, /) -> ConnectError:
    """Return the error for a token that the user's function did not give; a network's trouble may pass."""
    passing = isinstance(error.__cause__, OSError)
    return ConnectError("kafka", servers, str(error), "look at kafka.auth.token", refused=not passing)


def place_of(server: str, /) -> tuple[str, int]:
    """Return host and port of an address of the settings."""
    host, colon, port = server.rpartition(":")
    if not colon or server.endswith("]"):
        host, port = server, _PORT
    return host.strip("[]"), int(port)


async def network_refusal(settings: KafkaSettings, error: BaseException, /) -> ConnectError | None:
    """Ask every server what is wrong with the way there, None when that is not it.

    Args:
        settings: Where they are, and what is encrypted with.
        error: What the client told.
    """
    servers = ", ".join(settings.servers)
    context = None if settings.tls is None else settings.tls.context()
    for server in settings.servers:
        host, port = place_of(server)
        cause = await true_cause(error, host, port, context, hello=_HELLO)
        if isinstance(cause, OSError) and cause is not error:
            hint = system_hint(cause, "Kafka", "kafka.servers")
            return ConnectError("kafka", servers, system_cause(cause), hint, refused=is_lasting(cause))
    return None
