"""Why a server cannot be reached, in the system's words and with a remedy."""

import asyncio
import errno
import os
import re
import socket
import ssl
from typing import Final

PROBE_SECONDS: Final = 3.0
"""Longest time in seconds that one address is asked why it does not take us."""

_SILENT_SECONDS: Final = 0.5
"""How long a server that encrypts with us may take to end that by itself; one that has nothing against us waits."""

_OTHER_NAME: Final = frozenset({62, 64})
"""OpenSSL's numbers for a certificate of another host or another address."""

_CLIENT_CERTIFICATE: Final = re.compile(r"ALERT_.*CERTIFICATE|ALERT_UNKNOWN_CA|ALERT_HANDSHAKE_FAILURE")


class HandshakeError(ConnectionError):
    """The server hung up on a TLS handshake, or said nothing: one that does not encrypt, or a proxy before one that is away."""

    def __init__(self) -> None:
        super().__init__("the server does not answer a TLS handshake")


class PlainPortError(ConnectionError):
    """The server does not encrypt."""

    def __init__(self, what: str = "the server answers without TLS there") -> None:
        super().__init__(what)


class TlsPortError(ConnectionError):
    """The server does nothing but encrypt."""

    def __init__(self) -> None:
        super().__init__("the server expects TLS there")


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
    if is_lasting(error) or isinstance(error, HandshakeError | ssl.SSLError):
        return _tls_hint(error, setting, f"{setting.partition('.')[0]}.tls")
    if isinstance(error, socket.gaierror):
        return f"the host name is not known here; look at {setting}"
    if isinstance(error, TimeoutError):
        return f"nothing answers there: a firewall, or another host or port in {setting}"
    if isinstance(error, OSError) and _numbers(error) == {errno.ECONNREFUSED}:
        return f"is {product} running there? {setting} may name another host or port"
    return ""


def _tls_hint(error: BaseException, setting: str, tls: str) -> str:
    match error:
        case ssl.SSLCertVerificationError(verify_code=code) if code in _OTHER_NAME:
            return f"the certificate is for another name than the host in {setting}; {tls}.server_name may say which"
        case ssl.SSLCertVerificationError():
            return f"{tls}.ca names the authority to trust"
        case ssl.SSLError(reason=str(reason)) if _CLIENT_CERTIFICATE.search(reason):
            return f"the server wants a certificate of ours that it trusts: {tls}.certificate"
        case TlsPortError():
            return f"set {tls}, or another port in {setting}"
        case _:
            return f"the port may not speak TLS: connect without it, or to another port ({tls}, {setting})"


def is_lasting(error: BaseException, /) -> bool:
    """Whether the same attempt would end the same way: certificates, and TLS at one end alone."""
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):  # hung up, as a connection that is lost
        return False
    return isinstance(error, ssl.SSLError | PlainPortError | TlsPortError)


async def true_cause(
    error: BaseException,
    host: str,
    port: int,
    tls: ssl.SSLContext | None,
    /,
    *,
    greets: bool = False,
    hello: bytes = b"",
) -> BaseException:
    """Ask a server that hung up on a client, or said nothing, what it has against it.

    A refusal of our certificate is lost when the server closes the connection before the client has read it, and a
    server that encrypts says nothing at all to a client that does not.

    Args:
        error: What the client raised; returned when the server says no more than that.
        host: Of the server.
        port: Of the server.
        tls: What the client encrypts with.
        greets: Whether the server says a line before it encrypts.
        hello: What a server that does not encrypt would answer to.
    """
    if isinstance(error, ConnectionRefusedError | socket.gaierror):  # nobody is there to be asked
        return error
    if tls is not None:
        refusal = await _refusal(host, port, tls, greets=greets)
        if isinstance(refusal, HandshakeError) and hello and await _answers(host, port, hello):
            return PlainPortError()
        return refusal or error
    anybody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anybody.check_hostname = False
    anybody.verify_mode = ssl.CERT_NONE
    refusal = await _refusal(host, port, anybody)
    if refusal is None or (isinstance(refusal, ssl.SSLError) and "ALERT" in (refusal.reason or "")):
        return TlsPortError()
    return error if isinstance(refusal, ssl.SSLError | HandshakeError) else refusal


async def _refusal(host: str, port: int, tls: ssl.SSLContext, *, greets: bool = False) -> OSError | None:
    """Return what the server ends a connection with on which nothing was said, None when it does not."""
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            reader, writer = await asyncio.open_connection(host, port)
    except OSError as error:  # a TimeoutError is one
        return error
    encrypted = False
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            if greets:
                await reader.readline()
            await writer.start_tls(tls, server_hostname=host)
        encrypted = True
        async with asyncio.timeout(_SILENT_SECONDS):
            await reader.read(1)
    except (ConnectionError, TimeoutError, ssl.SSLEOFError):
        return None if encrypted else HandshakeError()
    except OSError as error:
        return error
    finally:
        writer.transport.abort()
    return None


async def _answers(host: str, port: int, hello: bytes) -> bool:
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(hello)
                return bool(await reader.read(1))
            finally:
                writer.transport.abort()
    except OSError:  # a TimeoutError is one
        return False


def _numbers(error: OSError) -> set[int]:
    """Every errno; a name with several addresses fails with a text that holds one for each."""
    if error.errno is not None:
        return {error.errno}
    return {int(number) for number in re.findall(r"\[Errno (\d+)\]", str(error))}
