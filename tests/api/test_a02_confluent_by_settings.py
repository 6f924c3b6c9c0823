"""The quickstart on confluent-kafka by its settings alone."""

from pathlib import Path
from typing import Any

import pytest

from faststream_oo import Application, Exponential, RetryPolicy, read_config
from faststream_oo.security import Scram, Tls
from faststream_oo.testing import Harness
from tests.api.a01_quickstart import Billing, OrderPlaced, PaymentRequested
from tests.api.a02_confluent_by_settings import CONFIG, same_settings_in_code


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    for name in ("KAFKA_1", "KAFKA_2", "KAFKA_PASSWORD"):  # the file takes its defaults
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "billing.yaml").write_text(CONFIG)
    return dict(read_config(tmp_path / "billing.yaml", env_prefix="BILLING_"))


def test_the_file_is_what_the_code_says(config: dict[str, Any]) -> None:
    container = Billing()
    container.config.from_dict(config)
    settings = container.kafka.settings()
    twin = same_settings_in_code()

    assert settings.driver == twin.driver == "confluent"
    assert settings.servers == twin.servers == ("localhost:9092", "localhost:9093")
    assert settings.auth == twin.auth == Scram("billing", "secret")
    assert settings.tls == twin.tls == Tls(ca=Path("/etc/ssl/kafka-ca.pem"))
    assert (settings.compression, settings.linger, settings.prefix) == ("zstd", 0.005, "prod.")
    assert settings.config == twin.config == {"socket.keepalive.enable": True}
    assert settings.defaults.get("retry") == RetryPolicy(8, delay=Exponential(0.5, cap=30.0))
    assert "secret" not in repr(settings)


def test_the_application_of_the_file_is_checked_for_that_client(config: dict[str, Any]) -> None:
    container = Billing()
    container.config.from_dict(config)

    Application.of(container).check()


async def test_it_runs_embedded_with_the_same_file(config: dict[str, Any]) -> None:
    async with Harness(Billing, config=config) as h:
        await h.publish("orders.placed.v2", OrderPlaced("o-1", 10))
        await h.settled()

        assert h.published(PaymentRequested) == [PaymentRequested("o-1", 10)]
