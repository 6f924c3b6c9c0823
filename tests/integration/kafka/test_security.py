"""Credentials and TLS, on both clients, against the listeners of the real Kafka that ask for them."""

import os
from pathlib import Path

import pytest
from attrs import evolve

from faststream_oo.errors import ConnectError, SetupError
from faststream_oo.kafka import KafkaSettings, Topic
from faststream_oo.security import Plain, Scram, Tls
from faststream_oo.transport import Frame
from tests.integration.kafka.conftest import CLIENTS, RawKafka
from tests.integration.kinds import missing

of_clients = pytest.mark.parametrize("driver", list(CLIENTS))
USER, PASSWORD = os.environ.get("KAFKA_USER", "app"), os.environ.get("KAFKA_PASSWORD", "s3cret")


def listener(kind: str) -> str:
    """Return the address of a listener of the real Kafka."""
    if (address := os.environ.get(f"KAFKA_{kind}_SERVERS")) is None:
        missing(f"no KAFKA_{kind}_SERVERS; eval the output of: scripts/brokers.sh env kafka")
    return address


def certificate(kind: str) -> Path:
    path = Path(os.environ.get(f"KAFKA_{kind}", ""))
    if not path.is_file():
        missing(f"KAFKA_{kind} names no file; eval the output of: scripts/brokers.sh env kafka")
    return path


async def sent(settings: KafkaSettings, driver: str, topic: str) -> int:
    """Send one record and return its offset."""
    transport = CLIENTS[driver](settings)
    await transport.open()
    try:
        confirm = transport.sender(Topic(topic)).send(Frame(b"secret"))
        assert confirm is not None
        return (await confirm).offset
    finally:
        await transport.close()


@of_clients
@pytest.mark.parametrize(
    "auth",
    [Plain(USER, PASSWORD), Scram(USER, PASSWORD), Scram(USER, PASSWORD, mechanism="SCRAM-SHA-256")],
    ids=["plain", "scram-512", "scram-256"],
)
@pytest.mark.parametrize("encrypted", [False, True], ids=["plaintext", "tls"])
async def test_credentials_are_shown_with_and_without_tls(
    kafka_servers: str, driver: str, auth: Plain | Scram, encrypted: bool
) -> None:
    topic = await RawKafka(kafka_servers).create("sasl")
    tls = Tls(ca=certificate("CA")) if encrypted else None
    settings = KafkaSettings(servers=[listener("SASL_SSL" if encrypted else "SASL")], auth=auth, tls=tls)

    assert await sent(settings, driver, topic) == 0


@of_clients
async def test_a_client_certificate_is_shown(kafka_servers: str, driver: str) -> None:
    topic = await RawKafka(kafka_servers).create("tls")
    tls = Tls(ca=certificate("CA"), certificate=certificate("CLIENT_CERT"), private_key=certificate("CLIENT_KEY"))

    assert await sent(KafkaSettings(servers=[listener("SSL")], tls=tls), driver, topic) == 0


@of_clients
async def test_without_verification_any_server_will_do_and_that_is_said(
    kafka_servers: str, driver: str, caplog: pytest.LogCaptureFixture
) -> None:
    topic = await RawKafka(kafka_servers).create("any")
    settings = KafkaSettings(servers=[listener("SASL_SSL")], auth=Plain(USER, PASSWORD), tls=Tls(verify=False))

    assert await sent(settings, driver, topic) == 0
    assert "kafka.tls.verify is false" in caplog.text


@of_clients
async def test_a_wrong_password_is_told_as_such_and_not_printed(driver: str) -> None:
    settings = KafkaSettings(servers=[listener("SASL")], auth=Scram(USER, "not-it"))
    with pytest.raises(ConnectError) as raised:
        await CLIENTS[driver](settings).open()

    assert "uthentication" in raised.value.cause
    assert raised.value.hint == "look at kafka.auth"
    assert "not-it" not in str(raised.value)


@of_clients
async def test_a_server_of_another_authority_is_told_as_such(driver: str) -> None:
    with pytest.raises(ConnectError) as raised:
        await CLIENTS[driver](KafkaSettings(servers=[listener("SSL")], tls=Tls())).open()

    assert "certificate" in raised.value.cause
    assert raised.value.hint == "kafka.tls.ca names the authority to trust"


@of_clients
async def test_a_file_that_is_not_there_is_told_before_anything_connects(driver: str, tmp_path: Path) -> None:
    settings = KafkaSettings(tls=Tls(ca=tmp_path / "missing.pem"))
    with pytest.raises(SetupError, match=r"kafka\.tls: no such file"):
        await CLIENTS[driver](evolve(settings, servers=["127.0.0.1:1"])).open()
