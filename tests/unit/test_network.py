"""What a server that hangs up, or says nothing, has against a client."""

import asyncio
import socket
import ssl
import subprocess
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from faststream_oo.network import HandshakeError, PlainPortError, TlsPortError, is_lasting, system_hint, true_cause
from faststream_oo.security import Tls

HUNG_UP = ConnectionResetError("hung up")


@asynccontextmanager
async def serving(answer: bytes | None, tls: ssl.SSLContext | None = None) -> AsyncGenerator[int]:
    """A server that answers what it is told, or hangs up at once; gives its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if answer is not None and (await reader.read(1)) != b"\x16":  # how TLS begins
            writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.fixture
def server_side(tmp_path: Path) -> ssl.SSLContext:
    key, pem = tmp_path / "key", tmp_path / "pem"
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -subj /CN=them -days 2 -nodes"
    subprocess.run([*make.split(), "-keyout", str(key), "-out", str(pem)], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, key)
    return context


async def cause(port: int, tls: Tls | None, hello: bytes = b"") -> BaseException:
    context = None if tls is None else tls.context()
    return await true_cause(HUNG_UP, "127.0.0.1", port, context, hello=hello)


async def test_who_answers_without_tls_does_not_encrypt_now_and_later() -> None:
    async with serving(b"+PONG\r\n") as port:
        found = await cause(port, Tls(), b"PING\r\n")
    assert isinstance(found, PlainPortError)
    assert is_lasting(found)


async def test_who_hangs_up_on_everybody_may_be_a_proxy_before_a_server_that_is_away() -> None:
    async with serving(None) as port:
        found = await cause(port, Tls(), b"PING\r\n")
        plain = await cause(port, None)
    assert isinstance(found, HandshakeError)
    assert not is_lasting(found)
    assert plain is HUNG_UP
    assert "the port may not speak TLS" in system_hint(found, "Redis", "redis.url")


async def test_who_answers_a_handshake_expects_one(server_side: ssl.SSLContext) -> None:
    async with serving(b"", server_side) as port:
        found = await cause(port, None)
    assert isinstance(found, TlsPortError)
    assert is_lasting(found)


async def test_a_certificate_that_is_not_trusted(server_side: ssl.SSLContext) -> None:
    async with serving(b"", server_side) as port:
        found = await cause(port, Tls())
    assert isinstance(found, ssl.SSLCertVerificationError)
    assert is_lasting(found)
    assert system_hint(found, "Redis", "redis.url") == "redis.tls.ca names the authority to trust"


async def test_where_nobody_is_nobody_is_asked() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert isinstance(await cause(port, Tls()), ConnectionRefusedError)
    refused = ConnectionRefusedError("before")
    assert await true_cause(refused, "127.0.0.1", port, None) is refused


def test_a_connection_that_was_lost_in_the_middle_is_no_lasting_refusal() -> None:
    assert not is_lasting(ssl.SSLEOFError("unexpected eof"))
    assert not is_lasting(ConnectionResetError())
    assert not is_lasting(TimeoutError())
