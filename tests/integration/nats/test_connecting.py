"""What is told when a NATS cannot be connected to, refuses us, or allows less than is asked for."""

import asyncio
import logging
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from faststream_oo import Application
from faststream_oo.errors import ConnectError, PublishError, TransportError
from faststream_oo.nats import NatsBroker, NatsConsumer, NatsSettings, Subject, consumes
from faststream_oo.nats.transports.nats_py import NatsPyTransport
from tests.integration.private import PrivateBroker
from tests.integration.worlds import until


@pytest.fixture
def private_nats(private_broker: Callable[[str], PrivateBroker]) -> str:
    """Host and port of a NATS of this run's own, which knows the users of `scripts/brokers.sh`."""
    return private_broker("nats").address.removeprefix("nats://")


async def refusal(*servers: str) -> ConnectError:
    """Return why no server takes us; one that hangs up before its answer is read is asked again, as a broker does."""
    while True:
        with pytest.raises(ConnectError) as refused:
            await NatsPyTransport(NatsSettings(servers=servers)).open()
        if refused.value.cause != "connection reset by peer":
            return refused.value


def closed_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


@asynccontextmanager
async def answering(greeting: bytes, answer: bytes = b"") -> AsyncGenerator[str]:
    """A server that greets, answers whatever it is told, and says nothing more."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        await reader.read(1)
        writer.write(answer)
        await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_nobody_listens() -> None:
    error = await refusal(f"nats://127.0.0.1:{closed_port()}")
    assert (error.cause, error.refused) == ("connection refused", False)
    assert "is NATS running there?" in error.hint


async def test_a_name_that_does_not_exist() -> None:
    error = await refusal("nats://nowhere.invalid:4222")
    assert "not known" in error.cause or "resolution" in error.cause or "hostname" in error.cause
    assert "look at nats.servers" in error.hint


async def test_something_else_listens() -> None:
    async with answering(b"HTTP/1.1 400 Bad Request\r\n\r\n") as place:
        error = await refusal(place)
    assert "expecting info" in error.cause


async def test_the_server_asks_for_tls() -> None:
    async with answering(b'INFO {"tls_required": true}\r\n', b"no handshake at all") as place:
        error = await refusal(place)
    assert error.refused
    assert "the port may not speak TLS" in error.hint


async def test_a_wrong_password_is_told_and_never_shown(private_nats: str) -> None:
    error = await refusal(f"nats://app:wr0ng@{private_nats}")
    assert (error.cause, error.refused) == ("authorization violation", True)
    assert error.servers == f"nats://{private_nats}"
    assert "wr0ng" not in str(error)


async def test_the_right_password_is_taken(private_nats: str) -> None:
    transport = NatsPyTransport(NatsSettings(servers=[f"nats://app:s3cret@{private_nats}"]))
    await transport.open()
    await transport.ping()
    await transport.close()


async def test_the_second_server_is_taken_when_the_first_is_away(private_nats: str) -> None:
    transport = NatsPyTransport(NatsSettings(servers=[f"nats://127.0.0.1:{closed_port()}", f"nats://{private_nats}"]))
    await transport.open()
    await transport.ping()
    await transport.close()


async def test_a_subscription_that_is_not_allowed_fails_the_start(private_nats: str) -> None:
    class Closed(NatsConsumer):
        @consumes("closed.x")
        async def take(self, number: int) -> None: ...

    broker = NatsBroker(NatsSettings(servers=[f"nats://limited:s3cret@{private_nats}"]))
    with pytest.raises(TransportError, match=r'permissions violation for subscription to "closed\.x"'):
        async with Application(consumers=[Closed(broker)]):
            pass


async def test_a_publish_that_is_not_allowed_is_an_error_in_the_log(
    private_nats: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, "faststream_oo"):
        async with NatsBroker(NatsSettings(servers=[f"nats://limited:s3cret@{private_nats}"])) as broker:
            await broker.publish("closed.y", 1)
            await until(lambda: caplog.messages)
    assert caplog.messages == ['NATS refused us: permissions violation for publish to "closed.y"']


APP = """
from dependency_injector import containers, providers
from faststream_oo.nats import NatsConsumer, NatsContainer, consumes

class Lights(NatsConsumer):
    @consumes("lights")
    async def on(self, on: bool) -> None: ...

class House(containers.DeclarativeContainer):
    config = providers.Configuration()
    nats = NatsContainer(config=config.nats)
    lights = providers.Singleton(Lights, broker=nats.broker)
"""


def test_the_command_says_who_refused_it_and_ends_with_code_4(private_nats: str, tmp_path: Path) -> None:
    (tmp_path / "house.py").write_text(APP)
    (tmp_path / "house.yaml").write_text(f"nats: {{servers: ['nats://app:wr0ng@{private_nats}']}}")
    command = "import sys; from faststream_oo.cli.main import main; sys.exit(main())"
    ended = subprocess.run(
        [sys.executable, "-c", command, "serve", "house:House", "--config", "house.yaml"],
        cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert ended.returncode == 4
    assert f"house:House cannot use nats at nats://{private_nats}" in ended.stderr
    assert "authorization violation" in ended.stderr
    assert "Hint: look at nats.auth, or at user, password or token in nats.servers" in ended.stderr
    assert "wr0ng" not in ended.stderr + ended.stdout


async def test_a_stream_that_may_not_be_asked_about_fails_the_start_by_what_is_not_allowed(private_nats: str) -> None:
    class Closed(NatsConsumer, group="closed"):
        @consumes(Subject("closed.x", stream="CLOSED"))
        async def take(self, number: int) -> None: ...

    broker = NatsBroker(NatsSettings(servers=[f"nats://limited:s3cret@{private_nats}"]))
    with pytest.raises(ConnectError) as refused:
        async with Application(consumers=[Closed(broker)]):
            pass
    assert refused.value.cause == (
        'stream "CLOSED" cannot be looked up: permissions violation for publish to "$js.api.stream.info.closed"'
    )
    assert "have to allow it" in refused.value.hint


async def test_a_stream_that_a_user_may_not_publish_to(private_nats: str) -> None:
    settings = NatsSettings(servers=[f"nats://limited:s3cret@{private_nats}"], topology="off")
    async with NatsBroker(settings) as broker:
        with pytest.raises(PublishError, match=r'permissions violation for publish to "closed\.z"'):
            await broker.publish(Subject("closed.z", stream="CLOSED"), 1)
