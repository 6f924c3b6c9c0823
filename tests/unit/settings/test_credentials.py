"""Credentials and certificates in a settings file."""

from pathlib import Path
from typing import Any

import pytest

from faststream_oo.errors import SetupError
from faststream_oo.kafka import KafkaSettings
from faststream_oo.nats import NatsSettings
from faststream_oo.rabbit import RabbitSettings
from faststream_oo.redis import RedisSettings
from faststream_oo.security import Credentials, External, Gssapi, OAuth, Plain, Scram, Tls, Token
from faststream_oo.settings import structure


async def token() -> str:
    return "s3cret"


def no_token() -> str:
    return "s3cret"


HERE = __name__


def auth(settings: type[Any], value: object) -> object:
    return structure(settings, {"auth": value}, "broker").auth


def problem(settings: type[Any], value: object) -> str:
    with pytest.raises(SetupError) as refused:
        auth(settings, value)
    return str(refused.value)


@pytest.mark.parametrize(
    ("settings", "form", "meant"),
    [
        (KafkaSettings, {"type": "plain", "username": "app", "password": "s3cret"}, Plain("app", "s3cret")),
        (KafkaSettings, {"type": "scram", "username": "app", "password": "s3cret"}, Scram("app", "s3cret")),
        (KafkaSettings, {"type": "oauth", "token": f"{HERE}:token"}, OAuth(token)),
        (KafkaSettings, {"type": "gssapi", "service": "brokers"}, Gssapi("brokers")),
        (KafkaSettings, {"type": "gssapi"}, Gssapi()),
        (RabbitSettings, {"type": "plain", "username": "app", "password": "s3cret"}, Plain("app", "s3cret")),
        (RabbitSettings, {"type": "external"}, External()),
        (NatsSettings, {"type": "token", "value": "s3cret"}, Token("s3cret")),
        (NatsSettings, {"type": "credentials", "path": "app.creds"}, Credentials(Path("app.creds"))),
        (RedisSettings, {"type": "plain", "username": "app", "password": "s3cret"}, Plain("app", "s3cret")),
        (RedisSettings, "{type: plain, username: app, password: s3cret}", Plain("app", "s3cret")),
        (RedisSettings, None, None),
    ],
)
def test_a_type_says_which_credentials_they_are(settings: type[Any], form: object, meant: object) -> None:
    assert auth(settings, form) == meant


@pytest.mark.parametrize(
    ("settings", "form", "what"),
    [
        (RedisSettings, {"type": "scram", "username": "app"}, "broker.auth: type: 'scram' is none of plain"),
        (
            NatsSettings,
            {"type": "tokn", "value": "s3cret"},
            "broker.auth: type: 'tokn' is none of plain, token, credentials. Hint: did you mean \"token\"?",
        ),
        (KafkaSettings, {"type": "plain", "username": "app"}, "broker.auth.password: is required"),
        (KafkaSettings, {"type": "plain", "username": "a", "password": ["s3cret"]}, "broker.auth.password: expected str, got a list"),
        (RabbitSettings, {"type": "external", "username": "app"}, "broker.auth.username: unknown option"),
        (
            KafkaSettings,
            {"type": "oauth", "token": f"{HERE}:no_token"},
            f"broker.auth.token: {HERE} has no asynchronous function no_token",
        ),
        (KafkaSettings, {"type": "oauth", "token": "eyJhbGciOi"}, "broker.auth.token: expected module:function, got ***"),
        (KafkaSettings, "s3cret", 'broker.auth: expected {type: plain | scram | oauth | gssapi, …}, got "str"'),
    ],
)  # fmt: skip
def test_other_credentials_are_refused_by_name_and_no_value_is_shown(
    settings: type[Any], form: object, what: str
) -> None:
    told = problem(settings, form)
    assert told.startswith(what)
    assert "s3cret" not in told
    assert "eyJ" not in told


def test_certificates_are_paths() -> None:
    given = {"ca": "ca.pem", "certificate": "us.pem", "private_key": "us.key", "verify": "true", "server_name": "x"}
    found = structure(RabbitSettings, {"tls": given}, "rabbit").tls
    ca, certificate, key = Path("ca.pem"), Path("us.pem"), Path("us.key")
    assert found == Tls(ca=ca, certificate=certificate, private_key=key, server_name="x")


def test_an_empty_section_encrypts_with_the_systems_authorities() -> None:
    assert structure(NatsSettings, {"tls": {}}, "nats").tls == Tls()
    assert structure(NatsSettings, {"tls": None}, "nats").tls is None


def test_what_a_key_lacks_is_told_by_its_path_and_without_its_password() -> None:
    with pytest.raises(SetupError) as refused:
        structure(NatsSettings, {"tls": {"private_key": "us.key", "private_key_password": "s3cret"}}, "nats")
    assert str(refused.value) == "nats.tls.certificate: is missing beside a private key"
