"""Making ready what a connection is encrypted with, when a transport is opened."""

import logging
import ssl
from typing import Final

from faststream_oo.errors import Problem, SetupError
from faststream_oo.network import system_cause
from faststream_oo.security import Tls

_log: Final = logging.getLogger("faststream_oo")


def encryption(tls: Tls | None, protocol: str, /) -> ssl.SSLContext | None:
    """Return what a connection is encrypted with, None for plain text, and say in the log when any server will do.

    Args:
        tls: From the settings.
        protocol: Whose settings they are.

    Raises:
        SetupError: A file of it cannot be used.
    """
    if tls is None:
        return None
    try:
        context = tls.context()
    except OSError as error:
        problem = Problem(f"{protocol}.tls", system_cause(error), "PEM files that this user may read")
        raise SetupError([problem]) from error
    if not tls.verify:
        fields = {"broker": protocol}
        _log.warning("%s.tls.verify is false: any server is taken for it", protocol, extra={"fields": fields})
    return context
