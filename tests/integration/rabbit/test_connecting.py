"""Why a RabbitMQ cannot be reached: the true cause, what to look at, and how soon that is told."""

import asyncio
import socket
from urllib.parse import urlsplit

import pytest

from faststream_oo.errors import ConnectError
from faststream_oo.rabbit import RabbitBroker, RabbitSettings
from tests.integration.kinds import RABBIT


async def refused(url: str | list[str], seconds: float = 0.3) -> ConnectError:
    with pytest.raises(ConnectError) as error:
        await RabbitBroker(RabbitSettings(url=url)).open(seconds)
    return error.value


def at(netloc: str = "", path: str = "/", scheme: str = "amqp") -> str:
    place = urlsplit(RABBIT.address)
    return f"{scheme}://{netloc or place.netloc}{path}"


@pytest.fixture
def place() -> str:
    """Host and port of the real one."""
    address = urlsplit(RABBIT.address)
    return f"{address.hostname}:{address.port}"


async def test_nothing_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    error = await refused(f"amqp://guest:guest@127.0.0.1:{port}/")
    assert (error.cause, error.refused) == ("connection refused", False)
    assert "is RabbitMQ running there?" in error.hint
    assert error.servers == f"127.0.0.1:{port}"


async def test_a_wrong_password_is_told_at_once_and_never_shown(place: str) -> None:
    async with asyncio.timeout(10):
        error = await refused(at(f"guest:s3cret@{place}"), 60.0)
    assert error.cause.startswith("ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN")
    assert (error.hint, error.refused) == ("look at rabbit.auth, or at user and password in rabbit.url", True)
    assert "s3cret" not in str(error)


async def test_a_virtual_host_that_is_not_there_is_told_at_once() -> None:
    async with asyncio.timeout(10):
        error = await refused(at(path="/nowhere"), 60.0)
    assert error.cause == 'virtual host "nowhere" does not exist, or the user may not use it'
    assert error.refused


async def test_tls_where_there_is_none_is_told_at_once() -> None:
    async with asyncio.timeout(10):
        error = await refused(at(scheme="amqps"), 60.0)
    assert error.cause == "TLS: wrong version number"
    assert "the port may not speak TLS: connect without it" in error.hint


async def test_a_host_that_nobody_knows() -> None:
    error = await refused("amqp://guest:guest@nowhere.invalid/")
    assert error.cause in {"name or service not known", "temporary failure in name resolution"}
    assert error.hint == "the host name is not known here; look at rabbit.url"


async def test_something_that_says_nothing(silent: int) -> None:
    error = await refused(f"amqp://guest:guest@127.0.0.1:{silent}/")
    assert "no answer in 0.3 s" in error.cause


async def test_the_first_server_that_answers_is_taken(place: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    async with RabbitBroker(RabbitSettings(url=[f"amqp://127.0.0.1:{port}/", at()])) as broker:
        await broker.ping()
        assert broker.options.servers == f"127.0.0.1:{port}, {place}"
