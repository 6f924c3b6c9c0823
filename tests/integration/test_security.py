"""Credentials, certificates and permissions, on every client, against real brokers that ask for them."""

import asyncio
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import (
    AclBinding,  # pyright: ignore[reportPrivateImportUsage]  # the package does not say what it exports
    AclOperation,  # pyright: ignore[reportPrivateImportUsage]
    AclPermissionType,  # pyright: ignore[reportPrivateImportUsage]
    AdminClient,
    NewTopic,  # pyright: ignore[reportPrivateImportUsage]
    ResourcePatternType,  # pyright: ignore[reportPrivateImportUsage]
    ResourceType,  # pyright: ignore[reportPrivateImportUsage]
)

from faststream_oo import Application
from faststream_oo.broker import Broker
from faststream_oo.cli.panel import guarded
from faststream_oo.errors import ConnectError
from faststream_oo.nats import NatsBroker, NatsSettings
from faststream_oo.security import External, Plain
from tests.integration.private import PrivateBroker
from tests.integration.secured import APP, CLIENTS, LIMITED, Secured, fresh
from tests.integration.worlds import until

CONNECT_TIMEOUT = 60.0
"""Of the applications here, far above what a refusal takes."""


@pytest.fixture(params=list(CLIENTS))
def secured(request: pytest.FixtureRequest, private_broker: Callable[[str], PrivateBroker]) -> Secured:
    """Every client in turn, with a broker of this run's own."""
    return Secured(request.param, private_broker)


async def through(secured: Secured, broker: Broker, address: str) -> Sequence[int]:
    """Publish a number and return what a consumer took."""
    taken: list[int] = []
    async with Application(consumers=[secured.consumer(broker, address, taken.append)]):
        await broker.publish(address, 7)  # type: ignore[attr-defined]  # every protocol's broker has it
        await until(lambda: taken)
    return taken


class Failure:
    """How an application ended that could not start.

    Args:
        application: What is served.
        capsys: Where its panel goes.
    """

    def __init__(self, application: Application, capsys: pytest.CaptureFixture[str]) -> None:
        begin = time.monotonic()
        self.code = guarded("shop:Shop", application.run)
        self.seconds = time.monotonic() - begin
        self.panel = capsys.readouterr().err

    def check(self, secured: Secured, place: str, *says: str) -> None:
        """Fail unless it was one panel that names the broker and where it is, and says so, well before the time was over."""
        assert self.code == 4, self.panel
        assert self.seconds < CONNECT_TIMEOUT / 2
        assert self.panel.count("faststream-oo: ") == 1
        title = self.panel.partition("\n")[0]
        assert title.startswith(f"faststream-oo: shop:Shop cannot use {secured.name} at ")
        assert place in title
        for one in says:
            assert one in self.panel
        assert "Hint: " in self.panel


def starting(broker: Broker, *consumers: Any) -> Application:
    return Application(consumers=consumers, brokers=[broker], connect_timeout=CONNECT_TIMEOUT)


async def test_a_message_goes_through_after_a_login(secured: Secured) -> None:
    assert await through(secured, secured.broker(secured.asking, auth=APP), fresh("open")) == [7]


async def test_a_message_goes_through_encrypted_with_certificates_at_both_ends(secured: Secured) -> None:
    broker = secured.broker(secured.encrypted, auth=secured.login, tls=secured.tls())
    assert await through(secured, broker, fresh("open")) == [7]


@pytest.mark.parametrize(
    ("client", "scheme", "names"),
    [
        ("rabbit", "amqps", ("cafile", "certfile", "keyfile")),
        ("redis", "rediss", ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")),
    ],
)
async def test_a_url_may_say_all_of_it(
    private_broker: Callable[[str], PrivateBroker], client: str, scheme: str, names: Sequence[str]
) -> None:
    secured = Secured(client, private_broker)
    files = map(str, map(secured.file, ("CA", "CLIENT_CERT", "CLIENT_KEY")))
    options = "&".join(f"{name}={file}" for name, file in zip(names, files, strict=True))
    url = f"{scheme}://app:s3cret@{secured.encrypted}/?{options}"
    made = type(secured.settings(secured.encrypted))(url=url)
    await pinged(type(secured.broker(secured.encrypted))(made))


async def test_the_scheme_of_a_nats_encrypts(private_broker: Callable[[str], PrivateBroker]) -> None:
    secured = Secured("nats", private_broker)
    url = f"tls://app:s3cret@{secured.encrypted}"
    await pinged(NatsBroker(NatsSettings(servers=[url], tls=secured.tls())))
    with pytest.raises(ConnectError, match="the server does not offer TLS"):
        await NatsBroker(NatsSettings(servers=[f"tls://{secured.free}"])).open(CONNECT_TIMEOUT)


async def test_a_certificate_alone_is_a_login_to_rabbitmq(private_broker: Callable[[str], PrivateBroker]) -> None:
    secured = Secured("rabbit", private_broker)
    broker = secured.broker(secured.encrypted, auth=External(), tls=secured.tls())
    assert await through(secured, broker, fresh("open")) == [7]


def test_a_certificate_whose_name_is_no_user_of_rabbitmq(
    private_broker: Callable[[str], PrivateBroker], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    secured = Secured("rabbit", private_broker)
    certificate, key = issued(secured.file("CA"), "nobody", tmp_path)
    tls = secured.tls(certificate=certificate, private_key=key)
    failure = Failure(starting(secured.broker(secured.encrypted, auth=External(), tls=tls)), capsys)
    failure.check(
        secured,
        secured.encrypted,
        "ACCESS_REFUSED - Login was refused using authentication mechanism EXTERNAL",
        "the name in rabbit.tls.certificate has to be a user there",
    )


def issued(ca: Path, name: str, directory: Path) -> tuple[Path, Path]:
    """Return certificate and key of a name, new ones of the broker's authority."""
    certificate, key, request = (directory / f"{name}.{kind}" for kind in ("pem", "key", "csr"))
    ours: list[str | Path] = ["-keyout", key, "-out", request, "-subj", f"/CN={name}"]
    theirs: list[str | Path] = ["-in", request, "-out", certificate, "-CA", ca, "-CAkey", ca.with_suffix(".key")]
    asked = "req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
    for command, files in ((asked, ours), ("x509 -req -set_serial 1 -days 1", theirs)):
        subprocess.run(["openssl", *command.split(), *files], check=True, capture_output=True)
    return certificate, key


def test_an_encrypted_key_is_opened_by_its_password(secured: Secured, tmp_path: Path) -> None:
    key = tmp_path / "locked.key"
    encrypt = [
        "openssl",
        "pkcs8",
        "-topk8",
        "-in",
        str(secured.file("CLIENT_KEY")),
        "-out",
        str(key),
        "-passout",
        "pass:0pen",
    ]
    subprocess.run(encrypt, check=True, capture_output=True)
    tls = secured.tls(private_key=key, private_key_password="0pen")
    broker = secured.broker(secured.encrypted, auth=secured.login, tls=tls)
    asyncio.run(pinged(broker))


def test_a_wrong_password(secured: Secured, capsys: pytest.CaptureFixture[str]) -> None:
    broker = secured.broker(secured.asking, auth=Plain("app", "wr0ng-one"))
    failure = Failure(starting(broker), capsys)
    failure.check(secured, secured.asking, f"look at {secured.name}.auth")
    assert "wr0ng-one" not in failure.panel


def test_a_server_of_an_authority_that_is_not_trusted(secured: Secured, capsys: pytest.CaptureFixture[str]) -> None:
    broker = secured.broker(secured.encrypted, auth=secured.login, tls=secured.tls(ca=None))
    cause = "the server's certificate is refused: "
    Failure(starting(broker), capsys).check(
        secured, secured.encrypted, cause, f"{secured.name}.tls.ca names the authority to trust"
    )


def test_a_server_that_wants_a_certificate(secured: Secured, capsys: pytest.CaptureFixture[str]) -> None:
    broker = secured.broker(secured.encrypted, auth=secured.login, tls=secured.tls(ours=False))
    hint = f"the server wants a certificate of ours that it trusts: {secured.name}.tls.certificate"
    Failure(starting(broker), capsys).check(secured, secured.encrypted, "TLS: ", "alert", hint)


def test_plain_text_to_a_server_that_encrypts(secured: Secured, capsys: pytest.CaptureFixture[str]) -> None:
    broker = secured.broker(secured.encrypted, auth=secured.login)
    # A NATS says so itself, and its client encrypts then.
    cause = "the server's certificate is refused" if secured.name == "nats" else "the server expects TLS there"
    Failure(starting(broker), capsys).check(secured, secured.encrypted, cause, f"{secured.name}.tls")


def test_tls_to_a_server_that_does_not_encrypt(secured: Secured, capsys: pytest.CaptureFixture[str]) -> None:
    broker = secured.broker(secured.free, auth=secured.login, tls=secured.tls())
    hint = "the port may not speak TLS: connect without it, or to another port"
    Failure(starting(broker), capsys).check(secured, secured.free, hint)


def test_the_name_in_a_certificate_may_be_another_than_the_hosts(
    secured: Secured, capsys: pytest.CaptureFixture[str]
) -> None:
    """Confluent's client has no option for that, and refuses it by name."""
    tls = secured.tls(server_name="elsewhere.example")
    failure = Failure(starting(secured.broker(secured.encrypted, auth=secured.login, tls=tls)), capsys)
    if secured.client == "kafka-confluent":
        assert failure.code == 3
        assert "kafka.tls.server_name: confluent-kafka expects the name of the host" in failure.panel
    else:
        hint = f"the certificate is for another name than the host in {secured.name}."
        failure.check(secured, secured.encrypted, "elsewhere.example", hint)
        named = secured.broker(secured.encrypted, auth=secured.login, tls=secured.tls(server_name="localhost"))
        asyncio.run(pinged(named))


async def pinged(broker: Broker) -> None:
    async with broker:
        await broker.ping()


async def test_any_server_will_do_when_nothing_is_verified_and_that_is_said_at_every_start(
    secured: Secured, caplog: pytest.LogCaptureFixture
) -> None:
    broker = secured.broker(secured.encrypted, auth=secured.login, tls=secured.tls(ca=None, verify=False))
    for starts in (1, 2):
        await pinged(broker)
        assert caplog.messages.count(f"{secured.name}.tls.verify is false: any server is taken for it") == starts


# What servers say in every version: RabbitMQ 4.0 "read access to queue", Redis before 8.0 "this user has no permissions to …".
DENIALS: Mapping[str, Sequence[str]] = {
    "kafka": ["TopicAuthorizationFailedError"],
    "kafka-confluent": ["TOPIC_AUTHORIZATION_FAILED"],
    "rabbit": ["ACCESS_REFUSED - ", "access to queue 'closed."],
    "nats": ["permissions violation for subscription to"],
    "redis": ["NOPERM ", "o permissions to access "],
}


def test_a_user_who_may_not_read_what_is_consumed(secured: Secured, capsys: pytest.CaptureFixture[str]) -> None:
    address = fresh("closed")
    if secured.name == "kafka":
        forbid_reading(secured.free, address)
    broker = secured.broker(secured.asking, auth=LIMITED)
    failure = Failure(starting(broker, secured.consumer(broker, address, lambda number: None)), capsys)
    failure.check(secured, secured.asking, *DENIALS[secured.client], "allow it")


def forbid_reading(servers: str, topic: str) -> None:
    """Make a topic that everybody may see, and the limited user may not read."""
    admin: Any = AdminClient({"bootstrap.servers": servers, "log_level": 2})
    admin.create_topics([NewTopic(topic, 1)])[topic].result(30)
    who = f"User:{LIMITED.username}"
    rules = [
        AclBinding(ResourceType.TOPIC, topic, ResourcePatternType.LITERAL, who, "*", operation, permission)
        for operation, permission in (
            (AclOperation.DESCRIBE, AclPermissionType.ALLOW),
            (AclOperation.READ, AclPermissionType.DENY),
        )
    ]
    for made in admin.create_acls(rules).values():
        made.result(30)


async def test_a_user_may_use_what_is_allowed(secured: Secured) -> None:
    assert await through(secured, secured.broker(secured.asking, auth=LIMITED), fresh("open")) == [7]


async def test_no_secret_shows_in_settings_errors_or_the_log(
    secured: Secured, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.DEBUG)
    broker = secured.broker(secured.asking, auth=Plain("app", "s3cret-not"))
    with pytest.raises(ConnectError) as raised:
        await broker.open(CONNECT_TIMEOUT)
    tls = secured.tls(private_key_password="s3cret-key")
    shown = repr(secured.settings(secured.asking, auth=Plain("app", "s3cret-not"), tls=tls))
    for told in (shown, str(raised.value), repr(raised.value), caplog.text):
        assert "s3cret-not" not in told
        assert "s3cret-key" not in told


MODULE = """
from dependency_injector import containers, providers
from faststream_oo.{name} import {title}Consumer, {title}Container, consumes

class Lights({title}Consumer{group}):
    @consumes("open.lights")
    async def on(self, number: int) -> None: ...

class House(containers.DeclarativeContainer):
    config = providers.Configuration()
    {name} = {title}Container(config=config.{name})
    lights = providers.Singleton(Lights, broker={name}.broker)
"""


def test_the_command_reads_credentials_from_the_environment_and_never_shows_them(
    secured: Secured, tmp_path: Path
) -> None:
    group = ', group="house"' if secured.name in {"kafka", "redis"} else ""
    module = MODULE.format(name=secured.name, title=secured.name.capitalize(), group=group)
    (tmp_path / "house.py").write_text(module)
    auth = {"type": "plain", "username": "app", "password": "${HOUSE_PASSWORD}"}
    (tmp_path / "house.json").write_text(json.dumps({secured.name: secured.document(secured.asking, auth)}))
    command = "import sys; from faststream_oo.cli.main import main; sys.exit(main())"
    ended = subprocess.run(
        [sys.executable, "-c", command, "serve", "house:House", "--config", "house.json", "--log-level", "debug"],
        cwd=tmp_path, env={**os.environ, "HOUSE_PASSWORD": "wr0ng-one"}, capture_output=True, text=True, check=False,
        timeout=CONNECT_TIMEOUT,
    )  # fmt: skip
    assert ended.returncode == 4, ended.stderr
    assert f"house:House cannot use {secured.name} at " in ended.stderr
    assert f"look at {secured.name}.auth" in ended.stderr
    assert "wr0ng-one" not in ended.stderr + ended.stdout
    assert "Traceback" not in ended.stderr
