"""What each Kafka client is told about credentials, what it cannot do, and tokens from a user's function."""

import asyncio
import base64
import json
import logging
from collections.abc import Callable
from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any

import pytest

from faststream_oo.errors import SetupError
from faststream_oo.kafka import KafkaSettings
from faststream_oo.kafka.client.tokens import TokenError, good_until, token_of
from faststream_oo.kafka.transports.aiokafka import config as aiokafka
from faststream_oo.kafka.transports.aiokafka.logins import hide_logins
from faststream_oo.kafka.transports.confluent import ConfluentTransport
from faststream_oo.kafka.transports.confluent import config as confluent
from faststream_oo.kafka.transports.confluent.refreshing import token_options
from faststream_oo.security import Gssapi, OAuth, Plain, Scram, Tls


def jwt(**claims: object) -> str:
    parts = ({"alg": "none"}, claims)
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts) + "."


def giving(token: object) -> OAuth:
    async def give() -> Any:
        return token

    return OAuth(give)


def raising(error: Exception) -> OAuth:
    async def give() -> str:
        raise error

    return OAuth(give)


def of_client(options: Callable[[KafkaSettings], dict[str, Any]], **settings: Any) -> dict[str, Any]:
    made = options(KafkaSettings(**settings))
    return {name: value for name, value in made.items() if name.startswith(("sasl", "security"))}


def test_kerberos_is_told_to_aiokafka_by_its_names() -> None:
    told = {"security_protocol": "SASL_SSL", "sasl_mechanism": "GSSAPI"}
    realm = {"sasl_kerberos_service_name": "brokers", "sasl_kerberos_domain_name": "SHOP.EXAMPLE"}
    auth = Gssapi("brokers", domain="SHOP.EXAMPLE")
    for options in (aiokafka.producer_options, aiokafka.admin_options, aiokafka.asking_options):
        assert of_client(options, auth=auth, tls=Tls()) == {**told, **realm}
    assert of_client(aiokafka.admin_options, auth=Gssapi())["sasl_kerberos_domain_name"] is None


def test_kerberos_needs_a_library_that_the_extra_does_not_bring() -> None:
    found = [str(problem) for problem in aiokafka.check_config(KafkaSettings(auth=Gssapi()))]
    missing = 'kafka.auth: gssapi is not installed. Hint: pip install "aiokafka[gssapi]"'
    assert found == ([] if find_spec("gssapi") else [missing])


def test_confluent_refuses_kerberos_and_another_name_of_the_server() -> None:
    with pytest.raises(SetupError) as refused:
        ConfluentTransport(KafkaSettings(driver="confluent", auth=Gssapi(), tls=Tls(server_name="broker.example")))
    assert [str(problem) for problem in refused.value.problems] == [
        "kafka.auth: confluent-kafka's wheel has no Kerberos. Hint: driver: aiokafka",
        (
            "kafka.tls.server_name: confluent-kafka expects the name of the host in the server's certificate. "
            "Hint: driver: aiokafka, or servers by that name"
        ),
    ]


@pytest.mark.parametrize(
    ("auth", "mechanism"),
    [(Plain("app", "s3cret"), "PLAIN"), (Scram("app", "s3cret"), "SCRAM-SHA-512"), (giving("t"), "OAUTHBEARER")],
)
def test_both_clients_use_one_mechanism(auth: Any, mechanism: str) -> None:
    assert of_client(aiokafka.admin_options, auth=auth)["sasl_mechanism"] == mechanism
    assert of_client(confluent.admin_options, auth=auth)["sasl.mechanisms"] == mechanism


@pytest.mark.parametrize(
    "name", ["sasl_oauth_token_provider", "sasl_kerberos_service_name", "sasl_kerberos_domain_name"]
)
def test_credentials_belong_into_auth(name: str) -> None:
    (problem,) = aiokafka.check_config(KafkaSettings(config={name: "x"}))
    assert (problem.what, problem.hint) == ("set by the framework", "set kafka.auth")


async def test_aiokafka_asks_for_a_token_at_each_connection() -> None:
    tokens = iter(["one", "two"])

    async def token() -> str:
        return next(tokens)

    provider = of_client(aiokafka.admin_options, auth=OAuth(token))["sasl_oauth_token_provider"]
    assert [await provider.token(), await provider.token()] == ["one", "two"]


async def test_confluents_threads_are_given_the_first_token_and_then_fresh_ones_from_the_loop() -> None:
    tokens = iter([jwt(exp=4_000_000_000), jwt(exp=4_100_000_000)])

    async def token() -> str:
        return next(tokens)

    give = (await token_options(KafkaSettings(auth=OAuth(token))))["oauth_cb"]
    assert [(await asyncio.to_thread(give, ""))[1] for _ in range(2)] == [4_000_000_000.0, 4_100_000_000.0]


async def test_a_later_token_that_is_not_given_is_told_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    calls: list[int] = []

    async def token() -> str:
        calls.append(1)
        if len(calls) > 1:
            raise ConnectionRefusedError("idp is down")
        return "first"

    give = (await token_options(KafkaSettings(auth=OAuth(token))))["oauth_cb"]
    await asyncio.to_thread(give, "")
    with pytest.raises(TokenError):
        await asyncio.to_thread(give, "")
    assert caplog.messages == ["the function of kafka.auth.token gave none: ConnectionRefusedError: idp is down"]


async def test_nothing_is_asked_for_without_tokens() -> None:
    assert await token_options(KafkaSettings(auth=Plain("app", "s3cret"))) == {}


@pytest.mark.parametrize(
    ("auth", "what"),
    [
        (raising(ValueError("no scope")), "gave none: ValueError: no scope"),
        (raising(TimeoutError()), "gave none: no answer in 10 s"),
        (giving(None), "gave NoneType, not a token"),
        (giving(""), "gave str, not a token"),
        (giving(jwt(exp=100)), "gave a token that ended at 1970-01-01T00:01:40+00:00"),
    ],
)
async def test_what_a_function_does_instead_of_giving_a_token(auth: OAuth, what: str) -> None:
    with pytest.raises(TokenError) as raised:
        await token_of(auth)
    assert str(raised.value) == f"the function of kafka.auth.token {what}"


@pytest.mark.parametrize(
    ("token", "end"),
    [(jwt(exp=900), 900.0), (jwt(sub="app"), 800.0), ("opaque", 800.0), ("a.b.c", 800.0), (jwt(exp="soon"), 800.0)],
)
def test_a_token_is_good_until_it_says_or_for_five_minutes(token: str, end: float) -> None:
    assert good_until(token, 500.0) == end


def test_what_aiokafka_logs_of_a_login_is_dropped(caplog: pytest.LogCaptureFixture) -> None:
    class SaslAuthenticateRequest_v1(SimpleNamespace):  # noqa: N801 - as the client calls its own
        ...

    log = logging.getLogger("aiokafka.conn")
    with caplog.at_level(logging.DEBUG, "aiokafka.conn"):
        for _ in range(2):
            hide_logins()
        log.debug("Request to %s:%d %d: %s", "h", 1, 1, SaslAuthenticateRequest_v1(sasl_auth_bytes=b"s3cret"))
        log.debug("Request to %s:%d %d: %s", "h", 1, 2, SimpleNamespace(topic="t"))
        log.debug("closed")
    assert caplog.messages == ["Request to h:1 2: namespace(topic='t')", "closed"]
