"""The bridge from Kafka to RabbitMQ, embedded and real: two brokers in one container."""

import asyncio
from collections import defaultdict

import aiormq
import pytest
from dependency_injector import providers

from containers.bridge.alerts import ALERTS
from containers.bridge.container import AlertBridge
from containers.earthquakes.events import Alert
from faststream_oo import Drop
from faststream_oo.kafka import KafkaOutgoing
from faststream_oo.rabbit import Binding, Queue, RabbitConsumer, RabbitMessage, consumes
from faststream_oo.testing import Harness
from tests.integration.kinds import KAFKA, RABBIT
from tests.integration.worlds import until

TOPIC = "earthquakes.alerts"
SETTINGS = {"defaults": {"retry": {"attempts": 2, "delay": 0.01}}}


class Office(RabbitConsumer):
    """Listens to every alert."""

    heard: list[tuple[Alert, RabbitMessage]]

    @consumes(Queue("office", bind=[Binding(ALERTS, "#")]))
    async def alert(self, alert: Alert, message: RabbitMessage) -> None:
        self.heard.append((alert, message))


class Heard(AlertBridge):
    """The bridge with somebody on the other side."""

    office = providers.Singleton(Office, broker=AlertBridge.rabbit.broker)


@pytest.fixture(params=["memory", "real"])
def bridge(request: pytest.FixtureRequest) -> Harness[Heard]:
    if request.param == "memory":
        return Harness(Heard, config={"kafka": SETTINGS, "rabbit": SETTINGS})
    kafka = {"servers": KAFKA.address.split(","), **SETTINGS}
    return Harness(Heard, config={"kafka": kafka, "rabbit": {"url": RABBIT.address, **SETTINGS}}, real=True)


def heard(h: Harness[Heard]) -> list[tuple[Alert, RabbitMessage]]:
    office = h.container.office()
    if not hasattr(office, "heard"):
        office.heard = []
    return office.heard


async def test_an_alert_travels_with_its_key_identity_time_and_chosen_headers(bridge: Harness[Heard]) -> None:
    async with bridge as h:
        found = heard(h)
        headers = {"x-tenant": "acme", "secret": "no"}
        sent = KafkaOutgoing(Alert("e-1", 6.1, "Lima"), key="e-1", headers=headers, id="id-1")
        await h.publish(TOPIC, sent)
        await h.settled()
        await until(lambda: found)
        ((alert, message),) = found

    assert alert == Alert("e-1", 6.1, "Lima")
    assert (message.routing_key.endswith("severe"), message.key, message.id) == (True, b"e-1", "id-1")
    assert (message.headers["x-tenant"], message.headers["x-source"], message.headers["x-hops"]) == (
        "acme",
        "kafka",
        "1",
    )
    assert "secret" not in message.headers
    assert message.sent_at is not None


async def test_alerts_of_one_event_stay_in_order(bridge: Harness[Heard]) -> None:
    async with bridge as h:
        found = heard(h)
        kafka = h.container.kafka.broker()
        events = [KafkaOutgoing(Alert(f"e-{n % 7}", 5 + n / 1000, ""), key=f"e-{n % 7}") for n in range(200)]
        await asyncio.gather(*(kafka.publish(TOPIC, event) for event in events))
        await until(lambda: len(found) == 200)

    by_event: dict[str, list[float]] = defaultdict(list)
    for alert, _ in found:
        by_event[alert.event_id].append(alert.magnitude)
    assert len(by_event) == 7
    assert all(magnitudes == sorted(magnitudes) for magnitudes in by_event.values())


async def test_what_has_no_magnitude_is_a_dead_letter_and_what_goes_round_is_dropped(bridge: Harness[Heard]) -> None:
    async with bridge as h:
        found = heard(h)
        await h.publish(TOPIC, KafkaOutgoing(Alert("e-1", -1.0, ""), key="e-1"))
        await h.publish(TOPIC, KafkaOutgoing(Alert("e-2", 5.0, ""), key="e-2", headers={"x-hops": "3"}))
        await h.settled()

        assert [letter.reason for letter in h.dead_letters()] == ["no magnitude"]
        assert Drop("loop between the brokers") in h.outcomes("Bridge.alert")
        assert found == []


async def test_a_record_stays_uncommitted_while_rabbitmq_takes_nothing_of_it() -> None:
    kafka = {"servers": KAFKA.address.split(","), **SETTINGS}
    async with Harness(AlertBridge, config={"kafka": kafka, "rabbit": {"url": RABBIT.address}}, real=True) as h:
        subscription = h.application.subscriptions["Bridge.alert"]
        await h.publish(TOPIC, KafkaOutgoing(Alert("e-1", 5.0, ""), key="e-1"))
        await until(lambda: subscription.state == "paused")  # no queue is bound: every publish comes back
        assert subscription.in_flight == 1

        prefix = h.container.rabbit.broker().options.prefix
        connection = await aiormq.connect(RABBIT.address)
        channel = await connection.channel()
        queue = (await channel.queue_declare(exclusive=True)).queue or ""
        await channel.queue_bind(queue, prefix + ALERTS.name, "#")
        await until(lambda: subscription.in_flight == 0 and subscription.state == "running")
        waiting = await channel.queue_declare(queue, passive=True)
        await connection.close()

    assert waiting.message_count == 1
