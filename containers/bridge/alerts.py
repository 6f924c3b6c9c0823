"""Alerts of the earthquake desk, carried from Kafka to RabbitMQ."""

from typing import Annotated

from containers.earthquakes.events import Alert
from faststream_oo import DeadLetter, Drop, Header, Key
from faststream_oo.kafka import KafkaBroker, KafkaConsumer, KafkaMessage
from faststream_oo.kafka import consumes as kafka_consumes
from faststream_oo.rabbit import Exchange, RabbitOutgoing, RabbitProducer
from faststream_oo.rabbit import produces as rabbit_produces

ALERTS = Exchange("alerts", type="topic")
CARRIED = ("x-tenant", "traceparent")
MOST_HOPS = 3


class Siren(RabbitProducer):
    """What offices bind their queues to."""

    @rabbit_produces(ALERTS, headers={"x-source": "kafka"})
    async def sound(self, alert: Alert, message: KafkaMessage, key: str, hops: int) -> RabbitOutgoing[Alert]:
        """Send an alert on under `severe` or `strong`, with the identity, time and chosen headers of its record."""
        carried = {name: value for name, value in message.headers.items() if name in CARRIED}
        return RabbitOutgoing(
            alert,
            routing_key="severe" if alert.magnitude >= 6.0 else "strong",
            headers={**carried, "x-hops": str(hops + 1)},
            key=key,
            id=message.id,
            timestamp=message.timestamp,
        )


class Bridge(KafkaConsumer, group="alert-bridge", concurrency=16, ordered_by=Key()):
    """Reads alerts by event, in order; a record is committed after RabbitMQ has confirmed its message."""

    def __init__(self, broker: KafkaBroker, siren: Siren) -> None:
        super().__init__(broker)
        self._siren = siren

    @kafka_consumes("earthquakes.alerts")
    async def alert(
        self,
        alert: Alert,
        message: KafkaMessage,
        key: Annotated[str, Key()] = "",
        hops: Annotated[int, Header("x-hops")] = 0,
    ) -> None:
        if hops >= MOST_HOPS:
            raise Drop("loop between the brokers")
        if alert.magnitude < 0:
            raise DeadLetter("no magnitude")
        await self._siren.sound(alert, message, key, hops)
