"""The earthquake desk on a real Kafka, as on the embedded one: by a harness, and the whole demo."""

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from containers import demo
from containers.earthquakes.container import EarthquakeDesk
from containers.earthquakes.desk import EVENTS
from containers.earthquakes.events import Alert, Properties, RegionCount, SeismicEvent
from faststream_oo import Ack, Drop
from faststream_oo.kafka import KafkaOutgoing
from faststream_oo.testing import Harness


def event(kind: str, magnitude: float | None, number: int = 1) -> SeismicEvent:
    return SeismicEvent(f"e-{number}", Properties(0, "us", kind, magnitude, "10km N of Lima, Peru"))


@pytest.fixture(params=["memory", "kafka"])
def desk(request: pytest.FixtureRequest) -> Harness[EarthquakeDesk]:
    once = {"retry": {"attempts": 1}}
    if request.param == "memory":
        return Harness(EarthquakeDesk, config={"kafka": {"defaults": once}})
    servers: str = request.getfixturevalue("kafka_servers")
    return Harness(EarthquakeDesk, config={"kafka": {"servers": servers.split(","), "defaults": once}}, real=True)


async def test_a_strong_earthquake_is_an_alert_and_counts_for_its_region(desk: Harness[EarthquakeDesk]) -> None:
    async with desk as h:
        await h.publish(EVENTS, KafkaOutgoing(event("earthquake", 6.1), headers={"kind": "earthquake"}))
        await h.settled()

        assert h.published(Alert) == [Alert("e-1", 6.1, "10km N of Lima, Peru")]
        assert h.published(RegionCount) == [RegionCount("Peru", 1)]


async def test_a_blast_goes_to_its_own_handler_and_is_no_alert(desk: Harness[EarthquakeDesk]) -> None:
    async with desk as h:
        await h.publish(EVENTS, KafkaOutgoing(event("quarry blast", 5.0), key="us", headers={"kind": "other"}))
        await h.publish(EVENTS, KafkaOutgoing(event("other event", None), key="us", headers={"kind": "other"}))
        await h.settled()

        assert h.published(Alert) == []
        assert h.outcomes("Desk.blast") == [Ack(), Drop("nobody knows what it was")]
        assert h.container.ledger().blasts == {"quarry blast": 1}


async def test_what_always_fails_is_a_dead_letter(desk: Harness[EarthquakeDesk]) -> None:
    headers = {"kind": "earthquake", "trouble": "always"}
    async with desk as h:
        await h.publish(EVENTS, KafkaOutgoing(event("earthquake", 6.1), headers=headers))
        await h.settled()
        (letter,) = h.dead_letters("Desk.earthquake")

        assert (letter.reason, letter.error) == ("exhausted", "ValueError: e-1 cannot be handled")
        assert h.published(Alert) == []


async def test_a_harness_on_a_real_kafka_leaves_no_topics(kafka_servers: str) -> None:
    harness = Harness(EarthquakeDesk, config={"kafka": {"servers": kafka_servers.split(",")}}, real=True)
    async with harness as h:
        prefix = h.application.brokers[0].options.prefix
        await h.publish(EVENTS, KafkaOutgoing(event("earthquake", 6.1), headers={"kind": "earthquake"}))
        await h.settled()
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_servers)
    await admin.start()
    left = [name for name in await admin.list_topics() if name.startswith(prefix)]
    await admin.close()

    assert prefix.startswith("test-")
    assert left == []


async def test_the_demo_accounts_for_every_record_on_a_real_kafka(kafka_servers: str) -> None:
    assert await demo.run("aiokafka", kafka_servers) == 0
