"""The quickstart on confluent-kafka: nothing but settings changes."""

from pathlib import Path

from faststream_oo import Application, read_config
from faststream_oo.kafka import KafkaBroker, KafkaSettings
from faststream_oo.security import Scram, Tls
from tests.api.a01_quickstart import Billing, OrderPlaced, Orders, Payments

CONFIG = """\
kafka:
  driver: confluent
  servers: ["${KAFKA_1:localhost:9092}", "${KAFKA_2:localhost:9093}"]
  auth: {type: scram, username: billing, password: "${KAFKA_PASSWORD:secret}"}
  tls: {ca: /etc/ssl/kafka-ca.pem}
  compression: zstd
  linger: 0.005
  prefix: "prod."
  config: {"socket.keepalive.enable": true}
  defaults:
    retry: {attempts: 8, delay: {first: 0.5, cap: 30.0}}
  consumers:
    Orders: {concurrency: 32, ordered_by: key}
    Orders.placed: {address: orders.placed.v2}
  producers:
    Payments.requested: {confirm_timeout: 10}
"""


def main() -> None:
    """What `faststream-oo serve a01_quickstart:Billing --config billing.yaml` does."""
    Path("billing.yaml").write_text(CONFIG)
    container = Billing()
    container.config.from_dict(read_config("billing.yaml", env_prefix="BILLING_"))
    application = Application.of(container)
    application.check()
    application.run()


def same_settings_in_code() -> KafkaSettings:
    """The typed twin of the file, for those who prefer Python."""
    return KafkaSettings(
        driver="confluent",
        servers=["localhost:9092", "localhost:9093"],
        auth=Scram("billing", "secret"),
        tls=Tls(ca=Path("/etc/ssl/kafka-ca.pem")),
        compression="zstd",
        linger=0.005,
        prefix="prod.",
        config={"socket.keepalive.enable": True},
        consumers={"Orders": {"concurrency": 32}, "Orders.placed": {"address": "orders.placed.v2"}},
    )


async def by_hand() -> None:
    """Without a container."""
    broker = KafkaBroker(same_settings_in_code())
    async with Application(consumers=[Orders(broker, Payments(broker))], title="Billing") as app:
        await broker.publish("orders.placed", OrderPlaced("o-1", 10))
        print(app.health().ready, {name: s.state for name, s in app.subscriptions.items()})


if __name__ == "__main__":
    main()
