"""Credentials and TLS in place of what a URL says."""

from pathlib import Path
from typing import Any

import pytest

from faststream_oo import Application
from faststream_oo.errors import SetupError
from faststream_oo.rabbit import RabbitBroker, RabbitSettings
from faststream_oo.rabbit.transports.aio_pika.login import login_url
from faststream_oo.security import External, Plain, Tls

OURS = Tls(certificate=Path("ours.pem"))


@pytest.mark.parametrize(
    ("url", "settings", "whole"),
    [
        ("amqp://guest:guest@h:1/v", {}, "amqp://guest:guest@h:1/v"),
        ("amqp://guest:guest@h:1/v", {"auth": Plain("app", "p@ss/word")}, "amqp://app:p%40ss%2Fword@h:1/v"),
        ("amqp://h/", {"auth": Plain("app", "s3cret"), "tls": Tls()}, "amqps://app:s3cret@h/"),
        ("amqps://app:old@h/", {"auth": External(), "tls": OURS}, "amqps://h/?auth=EXTERNAL"),
        ("amqp://h/?heartbeat=5", {"auth": External(), "tls": OURS}, "amqps://h/?heartbeat=5&auth=EXTERNAL"),
    ],
)
def test_the_settings_stand_in_place_of_the_urls_credentials_and_scheme(
    url: str, settings: dict[str, Any], whole: str
) -> None:
    assert str(login_url(RabbitSettings(url=url, **settings), url)) == whole


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        (
            {"auth": External()},
            "rabbit.auth: the login is a client certificate, and there is none. Hint: rabbit.tls.certificate",
        ),
        (
            {"auth": External(), "tls": Tls()},
            "rabbit.auth: the login is a client certificate, and there is none. Hint: rabbit.tls.certificate",
        ),
        ({"auth": Plain("app", "")}, "rabbit.auth: username or password is empty"),
        (
            {"url": "amqps://h/?cafile=x", "tls": Tls()},
            "rabbit.url: cafile has no effect beside rabbit.tls. Hint: say it in rabbit.tls alone",
        ),
    ],
)
def test_what_would_have_no_effect_is_refused_before_anything_connects(settings: dict[str, Any], problem: str) -> None:
    with pytest.raises(SetupError) as refused:
        Application(consumers=[], brokers=[RabbitBroker(RabbitSettings(**settings))]).check()
    assert str(refused.value) == problem
