"""The earthquake desk: the demo balances its books, and events reach their handlers."""

from containers import demo
from containers.earthquakes.container import EarthquakeDesk
from containers.earthquakes.desk import EVENTS
from containers.earthquakes.events import Alert, Properties, RegionCount, SeismicEvent
from faststream_oo import Ack, Drop
from faststream_oo.kafka import KafkaOutgoing
from faststream_oo.testing import Harness


def event(kind: str, magnitude: float | None) -> SeismicEvent:
    return SeismicEvent("e-1", Properties(0, "us", kind, magnitude, "10km N of Lima, Peru"))


async def test_the_demo_accounts_for_every_record() -> None:
    assert await demo.run("memory", "localhost:9092") == 0


async def test_a_strong_earthquake_is_an_alert_and_counts_for_its_region() -> None:
    async with Harness(EarthquakeDesk) as h:
        await h.publish(EVENTS, KafkaOutgoing(event("earthquake", 6.1), headers={"kind": "earthquake"}))
        await h.settled()

        assert h.published(Alert) == [Alert("e-1", 6.1, "10km N of Lima, Peru")]
        assert h.published(RegionCount) == [RegionCount("Peru", 1)]


async def test_a_blast_goes_to_its_own_handler_and_is_no_alert() -> None:
    async with Harness(EarthquakeDesk) as h:
        await h.publish(EVENTS, KafkaOutgoing(event("quarry blast", 5.0), key="us", headers={"kind": "other"}))
        await h.publish(EVENTS, KafkaOutgoing(event("other event", None), key="us", headers={"kind": "other"}))
        await h.settled()

        assert h.published(Alert) == []
        assert h.outcomes("Desk.blast") == [Ack(), Drop("nobody knows what it was")]
        assert h.container.ledger().blasts == {"quarry blast": 1}
