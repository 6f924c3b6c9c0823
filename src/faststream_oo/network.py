"""Why a server cannot be reached, in the system's words and with a remedy."""

import errno
import os
import re
import socket
import ssl


def system_cause(error: OSError, /) -> str:
    """Return the system's words about an error, for every address that was tried."""
    if isinstance(error, TimeoutError) and error.errno is None:
        return "no answer in time"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the server's certificate is refused: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {(error.reason or str(error)).lower().replace('_', ' ')}"
    if isinstance(error, socket.gaierror):
        return (error.strerror or str(error)).lower()
    numbers = _numbers(error)
    return ", ".join(os.strerror(number).lower() for number in sorted(numbers)) or str(error) or type(error).__name__


def system_hint(error: BaseException, product: str, setting: str, /) -> str:
    """Return the likely remedy, or an empty string.

    Args:
        error: What was raised.
        product: What should listen there.
        setting: Where its address is set.
    """
    if isinstance(error, socket.gaierror):
        return f"the host name is not known here; look at {setting}"
    if isinstance(error, TimeoutError):
        return f"nothing answers there: a firewall, or another host or port in {setting}"
    if isinstance(error, OSError) and _numbers(error) == {errno.ECONNREFUSED}:
        return f"is {product} running there? {setting} may name another host or port"
    return ""


def _numbers(error: OSError) -> set[int]:
    """Every errno; a name with several addresses fails with a text that holds one for each."""
    if error.errno is not None:
        return {error.errno}
    return {int(number) for number in re.findall(r"\[Errno (\d+)\]", str(error))}
