"""Tokens, nkeys and `.creds` files, against servers that take nothing else."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nkeys  # pyright: ignore[reportMissingTypeStubs]
import pytest
from attrs import frozen

from faststream_oo import Application
from faststream_oo.errors import ConnectError
from faststream_oo.nats import NatsBroker, NatsConsumer, NatsSettings, consumes
from faststream_oo.security import Credentials, Plain, Tls, Token
from tests.integration.nats.authority import Signer, creds, serving
from tests.integration.private import PrivateBroker
from tests.integration.worlds import until

Place = Callable[[str], str]


@pytest.fixture
def server(private_broker: Callable[[str], PrivateBroker], tmp_path: Path) -> Iterator[Place]:
    """Run a server with a configuration for this test."""
    private_broker("nats")  # which fetches the program
    with contextlib.ExitStack() as stack:
        yield lambda config: stack.enter_context(serving(config, tmp_path))


def settings(place: str, auth: Plain | Token | Credentials | None, tls: Tls | None = None) -> NatsSettings:
    return NatsSettings(servers=[f"nats://{place}"], auth=auth, tls=tls)


async def taken(place: str, auth: Plain | Token | Credentials) -> None:
    async with NatsBroker(settings(place, auth)) as broker:
        await broker.ping()


async def refused(place: str, auth: Plain | Token | Credentials | None) -> ConnectError:
    with pytest.raises(ConnectError) as error:
        await NatsBroker(settings(place, auth)).open(60.0)
    assert (error.value.cause, error.value.refused) == ("authorization violation", True)
    return error.value


async def test_a_token(server: Place) -> None:
    place = server("authorization { token: s3cret }")
    await taken(place, Token("s3cret"))
    for wrong in (Token("wr0ng-one"), Plain("app", "s3cret"), None):
        assert "wr0ng-one" not in str(await refused(place, wrong))


async def test_a_token_goes_before_credentials_in_the_url(server: Place) -> None:
    place = server("authorization { token: s3cret }")
    await taken(f"app:other@{place}", Token("s3cret"))


async def test_an_nkey(server: Place, tmp_path: Path) -> None:
    user, stranger = Signer(nkeys.PREFIX_BYTE_USER), Signer(nkeys.PREFIX_BYTE_USER)
    place = server(f"authorization {{ users: [{{ nkey: {user.public} }}] }}")
    (tmp_path / "user.nk").write_text(f"{user.seed}\n")
    (tmp_path / "stranger.nk").write_text(stranger.seed)
    await taken(place, Credentials(tmp_path / "user.nk"))
    assert stranger.seed not in str(await refused(place, Credentials(tmp_path / "stranger.nk")))


@frozen
class Operated:
    """An operator's server, and who may sign for users of it."""

    config: str
    account: Signer


@pytest.fixture
def operated() -> Operated:
    operator, account = Signer(nkeys.PREFIX_BYTE_OPERATOR), Signer(nkeys.PREFIX_BYTE_ACCOUNT)
    unlimited = dict.fromkeys(("subs", "data", "payload", "imports", "exports", "conn", "leaf"), -1)
    of_account = operator.sign(account, "account", {"limits": {**unlimited, "wildcards": True}})
    config = f"""
        operator: {operator.sign(operator, "operator", {})}
        resolver: MEMORY
        resolver_preload: {{ {account.public}: {of_account} }}
    """
    return Operated(config, account)


USER_LIMITS: dict[str, Any] = {"pub": {}, "sub": {}, "subs": -1, "data": -1, "payload": -1}


async def test_a_creds_file(server: Place, operated: Operated, tmp_path: Path) -> None:
    place = server(operated.config)
    user = Signer(nkeys.PREFIX_BYTE_USER)
    file = tmp_path / "app.creds"
    file.write_text(creds(operated.account.sign(user, "user", USER_LIMITS), user))
    await taken(place, Credentials(file))
    stranger = Signer(nkeys.PREFIX_BYTE_ACCOUNT).sign(user, "user", USER_LIMITS)
    file.write_text(creds(stranger, user))
    assert user.seed not in str(await refused(place, Credentials(file)))


async def test_a_jwt_that_ends_in_use_is_followed_by_the_one_that_was_written_in_its_place(
    server: Place, operated: Operated, tmp_path: Path
) -> None:
    place = server(operated.config)
    user = Signer(nkeys.PREFIX_BYTE_USER)
    file = tmp_path / "app.creds"
    handled: list[int] = []

    class Orders(NatsConsumer):
        @consumes("orders")
        async def placed(self, number: int) -> None:
            handled.append(number)

    file.write_text(creds(operated.account.sign(user, "user", USER_LIMITS, seconds=5), user))
    broker = NatsBroker(settings(place, Credentials(file)))
    async with Application(consumers=[Orders(broker)]):
        ends = time.time() + 5
        file.write_text(creds(operated.account.sign(user, "user", USER_LIMITS), user))
        await until(lambda: time.time() > ends + 1)
        await broker.publish("orders", 1)
        await until(lambda: handled)

    assert handled == [1]


async def test_a_jwt_that_ends_in_use_ends_the_application_where_there_is_no_other(
    server: Place, operated: Operated, tmp_path: Path
) -> None:
    place = server(operated.config)
    user = Signer(nkeys.PREFIX_BYTE_USER)
    file = tmp_path / "app.creds"

    class Orders(NatsConsumer):
        @consumes("orders")
        async def placed(self, number: int) -> None: ...

    file.write_text(creds(operated.account.sign(user, "user", USER_LIMITS, seconds=3), user))
    broker = NatsBroker(settings(place, Credentials(file)))
    async with Application(consumers=[Orders(broker)]):
        await until(lambda: broker.subscriptions[0].state == "failed")


@pytest.mark.parametrize("auth", [Plain("app", "s3cret"), Token("s3cret")])
async def test_a_secret_is_not_sent_to_a_server_that_does_not_encrypt_though_it_should(auth: Plain | Token) -> None:
    heard = bytearray()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'INFO {"server_id": "S", "version": "2.15.0", "auth_required": true}\r\n')
        heard.extend(await reader.read())
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        port = listening.sockets[0].getsockname()[1]
        with pytest.raises(ConnectError) as error:
            await NatsBroker(settings(f"127.0.0.1:{port}", auth, Tls())).open(60.0)
    assert (error.value.cause, error.value.refused) == ("the server does not offer TLS", True)
    assert b"s3cret" not in heard
