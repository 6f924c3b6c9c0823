"""The desk's consumers and producers."""

from collections import Counter

from containers.earthquakes.events import Alert, RegionCount, SeismicEvent
from faststream_oo import Drop
from faststream_oo.kafka import KafkaBroker, KafkaConsumer, KafkaMessage, KafkaProducer, Topic, consumes, produces

EVENTS = Topic("earthquakes.events", partitions=4)
STRONG = 4.5


class Press(KafkaProducer):
    """What the desk tells the world."""

    @produces(Topic("earthquakes.alerts"), key="event_id")
    async def alert(self, event: SeismicEvent, magnitude: float) -> Alert:
        return Alert(event.id, magnitude, event.properties.place or "unknown")

    @produces(Topic("earthquakes.regions"), key="region")
    async def counted(self, region: str, count: int) -> RegionCount:
        return RegionCount(region, count)


class Ledger:
    """What the desk has seen, for the table at the end."""

    def __init__(self) -> None:
        self.regions: Counter[str] = Counter()
        self.blasts: Counter[str] = Counter()
        self.failed_once: set[str] = set()


class Desk(KafkaConsumer, group="desk"):
    """Handles events by kind: earthquakes, then everything else that shakes the ground."""

    def __init__(self, broker: KafkaBroker, press: Press, ledger: Ledger) -> None:
        super().__init__(broker)
        self._press = press
        self._ledger = ledger

    @consumes(EVENTS, when={"kind": "earthquake"})
    async def earthquake(self, event: SeismicEvent, message: KafkaMessage) -> None:
        if "trouble" in message.headers:
            self._trouble(event, message)
        magnitude = event.properties.mag
        if magnitude is not None and magnitude >= STRONG:
            await self._press.alert(event, magnitude)
        self._ledger.regions[event.region] += 1
        await self._press.counted(event.region, self._ledger.regions[event.region])

    @consumes(EVENTS)
    async def blast(self, event: SeismicEvent) -> Drop | None:
        if event.properties.type == "other event":
            return Drop("nobody knows what it was")
        self._ledger.blasts[event.properties.type] += 1
        return None

    def _trouble(self, event: SeismicEvent, message: KafkaMessage) -> None:
        """Fail as the record asks: once, or always."""
        if message.headers["trouble"] == "always":
            raise ValueError(f"{event.id} cannot be handled")
        if event.id not in self._ledger.failed_once:
            self._ledger.failed_once.add(event.id)
            raise ConnectionError(f"{event.id} fails once")
