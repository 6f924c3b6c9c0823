"""What librdkafka tells by `error_cb`, which says the same hundreds of times while a broker is away."""

import logging

import pytest
from confluent_kafka import KafkaError

from faststream_oo.kafka.transports.confluent import causes
from faststream_oo.kafka.transports.confluent.causes import ErrorLog

AWAY = KafkaError(KafkaError._TRANSPORT, "connection refused")  # a constant; the client spells its own so
REFUSED = KafkaError(KafkaError._AUTHENTICATION, "no such user")  # a constant; the client spells its own so


class Seconds:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds(monkeypatch: pytest.MonkeyPatch) -> Seconds:
    made = Seconds()
    monkeypatch.setattr(causes, "monotonic", made)
    return made


def test_the_same_error_is_logged_once_in_a_while(seconds: Seconds, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "faststream_oo")
    log = ErrorLog("orders")
    for _ in range(300):
        log.note(AWAY)
    assert len(caplog.records) == 1
    seconds.now += 11
    log.note(AWAY)
    assert len(caplog.records) == 2


def test_another_error_is_logged_at_once(seconds: Seconds, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "faststream_oo")
    log = ErrorLog("orders")
    log.note(AWAY)
    log.note(REFUSED)
    assert [record.levelname for record in caplog.records] == ["INFO", "ERROR"]
    assert "no such user" in caplog.text
