"""What travels: seismic events as the survey publishes them, alerts and counts."""

from attrs import frozen


@frozen
class Properties:
    """Facts of one event; the survey leaves many of them null."""

    time: int
    """Milliseconds since the epoch."""
    net: str
    type: str
    mag: float | None = None
    place: str | None = None


@frozen
class SeismicEvent:
    """One feature of the feed; further fields are ignored."""

    id: str
    properties: Properties

    @property
    def region(self) -> str:
        """The part of the place after its last comma."""
        return (self.properties.place or "unknown").rpartition(",")[2].strip()


@frozen
class Alert:
    """A strong earthquake."""

    event_id: str
    magnitude: float
    place: str


@frozen
class RegionCount:
    """How many earthquakes a region has had so far."""

    region: str
    count: int
