"""Every kind of credentials on both clients, and tokens, against the listeners of a real Kafka that ask for them."""

import asyncio
import base64
import json
import time
from collections.abc import Callable
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
from faststream_oo.errors import ConnectError, TransportError
from faststream_oo.kafka import KafkaBroker, KafkaConsumer, consumes
from faststream_oo.security import OAuth, Plain, Scram, Tls
from tests.integration.private import PrivateBroker
from tests.integration.secured import APP, LIMITED, Secured, fresh
from tests.integration.worlds import until

Credentials = Plain | Scram | OAuth


@pytest.fixture(params=["kafka", "kafka-confluent"])
def secured(request: pytest.FixtureRequest, private_broker: Callable[[str], PrivateBroker]) -> Secured:
    """Both clients, with a Kafka of this run's own."""
    return Secured(request.param, private_broker)


def token(*, seconds: float = 600.0, subject: str = "app") -> str:
    """Return a token that nobody signed, which the broker takes."""
    now = time.time()
    claims = {"sub": subject, "iat": int(now), "exp": now + seconds}
    parts = (base64.urlsafe_b64encode(json.dumps(one).encode()).rstrip(b"=") for one in ({"alg": "none"}, claims))
    return b".".join(parts).decode() + "."


async def good() -> str:
    return token()


async def through(broker: KafkaBroker, **options: Any) -> list[int]:
    """Publish a number and return what a consumer took."""
    address, taken = fresh("open"), list[int]()

    class Taker(KafkaConsumer, group=address, **options):
        @consumes(address)
        async def take(self, number: int) -> None:
            taken.append(number)

    async with Application(consumers=[Taker(broker)]):
        await broker.publish(address, 7)
        await until(lambda: taken)
    return taken


def broker_at(secured: Secured, kind: str, auth: Credentials, tls: Tls | None = None) -> KafkaBroker:
    made = secured.broker(secured.addresses[f"KAFKA_{kind}_SERVERS"], auth=auth, tls=tls)
    assert isinstance(made, KafkaBroker)
    return made


@pytest.mark.parametrize(
    "auth",
    [APP, Scram("app", "s3cret"), Scram("app", "s3cret", mechanism="SCRAM-SHA-256"), OAuth(good)],
    ids=["plain", "scram-512", "scram-256", "oauth"],
)
@pytest.mark.parametrize("encrypted", [False, True], ids=["plaintext", "tls"])
async def test_every_kind_of_credentials_is_taken(secured: Secured, auth: Credentials, encrypted: bool) -> None:
    tls = secured.tls(ours=False) if encrypted else None
    assert await through(broker_at(secured, "SASL_SSL" if encrypted else "SASL", auth, tls)) == [7]


async def test_the_consumer_group_protocol_of_kafka_4_with_credentials(
    private_broker: Callable[[str], PrivateBroker],
) -> None:
    secured = Secured("kafka-confluent", private_broker)
    broker = broker_at(secured, "SASL_SSL", OAuth(good), secured.tls(ours=False))
    assert await through(broker, config={"group.protocol": "consumer"}) == [7]


async def test_a_fresh_token_is_asked_for_before_the_last_one_ends(
    private_broker: Callable[[str], PrivateBroker],
) -> None:
    """By confluent's client; aiokafka asks at each connection."""
    given: list[str] = []

    async def short() -> str:
        given.append(token(seconds=3.0))
        return given[-1]

    secured = Secured("kafka-confluent", private_broker)
    async with broker_at(secured, "SASL", OAuth(short)) as broker:
        first = len(given)
        await until(lambda: len(given) >= 2 * first)
        await broker.ping()


async def test_a_function_that_fails_is_the_cause_and_a_network_that_fails_is_tried_again(secured: Secured) -> None:
    failures: list[Exception] = [ConnectionRefusedError("idp is away"), ValueError("no such scope")]

    async def failing() -> str:
        raise failures.pop(0)

    with pytest.raises(ConnectError) as raised:
        await broker_at(secured, "SASL", OAuth(failing)).open(60.0)
    assert raised.value.cause == "the function of kafka.auth.token gave none: ValueError: no such scope"
    assert (raised.value.hint, raised.value.refused) == ("look at kafka.auth.token", True)
    assert failures == []


async def test_a_token_that_the_broker_does_not_take(secured: Secured) -> None:
    async def foreign() -> str:
        return "of.another.kind"

    with pytest.raises(ConnectError) as raised:
        await broker_at(secured, "SASL", OAuth(foreign)).open(60.0)
    assert (raised.value.hint, raised.value.refused) == ("look at kafka.auth", True)
    assert "of.another.kind" not in str(raised.value)


async def test_what_fails_in_confluents_own_tls_alone_is_told_in_its_words(
    private_broker: Callable[[str], PrivateBroker],
) -> None:
    secured = Secured("kafka-confluent", private_broker)
    config = {"ssl.sigalgs.list": "RSA+SHA256"}  # the broker's certificate has no such key
    with pytest.raises(ConnectError) as raised:
        await secured.broker(secured.encrypted, tls=secured.tls(), config=config).open(60.0)
    assert raised.value.cause.startswith("_SSL: SSL handshake failed")
    assert (raised.value.hint, raised.value.refused) == ("look at kafka.tls", True)


async def test_a_group_that_the_user_may_not_join_ends_the_application(secured: Secured) -> None:
    address = fresh("closed")
    await asyncio.to_thread(deny, secured.free, ResourceType.GROUP, address)
    broker = broker_at(secured, "SASL", LIMITED)

    class Taker(KafkaConsumer, group=address):
        @consumes(address)
        async def take(self, number: int) -> None: ...

    with pytest.raises(ConnectError) as raised:
        await Application(consumers=[Taker(broker)]).serve()
    assert raised.value.servers == secured.asking
    assert "roup" in raised.value.cause
    assert "uthorization" in raised.value.cause or "AUTHORIZATION" in raised.value.cause
    assert raised.value.hint.startswith("an ACL of the cluster has to allow it")


async def test_a_topic_that_the_user_may_not_write_to(secured: Secured) -> None:
    address = fresh("closed")
    await asyncio.to_thread(deny, secured.free, ResourceType.TOPIC, address)
    async with broker_at(secured, "SASL", LIMITED) as broker:
        with pytest.raises(TransportError, match=r"(?i)authoriz"):
            await broker.publish(address, 7)


async def test_a_user_who_may_only_read_can_consume(secured: Secured) -> None:
    """The producer asks for more, when there is something to publish."""
    address, taken = fresh("open"), list[int]()
    await asyncio.to_thread(only_read, secured.free, "reader")

    async def reader() -> str:
        return token(subject="reader")

    class Taker(KafkaConsumer, group=address):
        @consumes(address)
        async def take(self, number: int) -> None:
            taken.append(number)

    reading = broker_at(secured, "SASL", OAuth(reader))
    async with broker_at(secured, "SASL", APP) as writing, Application(consumers=[Taker(reading)]):
        await writing.publish(address, 7)
        await until(lambda: taken == [7])
        with pytest.raises(TransportError, match=r"(?i)authoriz"):
            await reading.publish(address, 8)


def only_read(servers: str, user: str) -> None:
    """Let a user write nothing, and everybody do all else."""
    admin: Any = AdminClient({"bootstrap.servers": servers, "log_level": 2})
    written = {
        (ResourceType.TOPIC, "*"): AclOperation.WRITE,
        (ResourceType.BROKER, "kafka-cluster"): AclOperation.IDEMPOTENT_WRITE,
    }
    rules = [
        AclBinding(*place, ResourcePatternType.LITERAL, who, "*", operation, permission)
        for place, write in written.items()
        for who, operation, permission in (
            ("User:*", AclOperation.ALL, AclPermissionType.ALLOW),
            (f"User:{user}", write, AclPermissionType.DENY),
        )
    ]
    for made in admin.create_acls(rules).values():
        made.result(30)


def deny(servers: str, kind: ResourceType, name: str) -> None:
    """Let the limited user see something, and do nothing with it."""
    admin: Any = AdminClient({"bootstrap.servers": servers, "log_level": 2})
    operation = AclOperation.READ
    if kind == ResourceType.TOPIC:
        admin.create_topics([NewTopic(name, 1)])[name].result(30)
        operation = AclOperation.WRITE
    who = f"User:{LIMITED.username}"
    rules = [
        AclBinding(kind, name, ResourcePatternType.LITERAL, who, "*", one, permission)
        for one, permission in ((AclOperation.DESCRIBE, AclPermissionType.ALLOW), (operation, AclPermissionType.DENY))
    ]
    for made in admin.create_acls(rules).values():
        made.result(30)
