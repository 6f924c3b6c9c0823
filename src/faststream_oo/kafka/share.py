"""What a worker has of its topics, as its log tells it."""

import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Final, cast

from faststream_oo.clock import Clock, Timer
from faststream_oo.kafka.address import TopicPartition
from faststream_oo.kafka.claim import PartitionClaim
from faststream_oo.transport import Claim

_log: Final = logging.getLogger("faststream_oo")

_IDLE_SECONDS: Final = 60.0


class Share:
    """The partitions of one subscription: a line when some come or go, and one when it has none for a minute.

    Args:
        name: Of the subscription.
        address: Whole name of its address.
        group: Whole name of its group; None: no member can be one too many.
        running: Whether it runs undisturbed.
        clock: Where the minute passes.
    """

    def __init__(self, name: str, address: str, group: str | None, running: Callable[[], bool], clock: Clock) -> None:
        self._name = name
        self._address = address
        self._group = group
        self._running = running
        self._clock = clock
        self._held: set[TopicPartition] = set()
        self._timer: Timer | None = None
        self._told = False

    def came(self, claims: Sequence[Claim], /) -> None:
        """These are this worker's now."""
        self._held |= self._say(logging.INFO, "was assigned", claims)
        self.end()

    def went(self, claims: Sequence[Claim], /, *, lost: bool) -> None:
        """These are another's now."""
        self._held -= (
            self._say(logging.WARNING, "lost", claims) if lost else self._say(logging.INFO, "gave back", claims)
        )
        self.wait()

    def wait(self) -> None:
        """Begin the minute, when there is nothing."""
        if self._group is not None and not self._held and not self._told and self._timer is None:
            self._timer = self._clock.call_later(_IDLE_SECONDS, self._idle)

    def end(self) -> None:
        """End the minute."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _idle(self) -> None:
        self._timer = None
        if not self._running():  # nobody is given anything while the broker is away
            self.wait()
            return
        self._told = True
        fields = {"consumer": self._name, "address": self._address, "group": self._group}
        text = '%s had no partition for a minute: group "%s" has more members than there are partitions of %s'
        _log.warning(text, self._name, self._group, self._address, extra={"fields": fields})

    def _say(self, level: int, what: str, claims: Sequence[Claim]) -> set[TopicPartition]:
        places = {cast(PartitionClaim, claim).partition for claim in claims}
        if places:
            text = _text(places)
            fields = {"consumer": self._name, "partitions": text}
            _log.log(level, "%s %s %s", self._name, what, text, extra={"fields": fields})
        return places


def _text(places: set[TopicPartition]) -> str:
    numbers: dict[str, list[int]] = defaultdict(list)
    for place in sorted(places, key=lambda one: (one.topic, one.partition)):
        numbers[place.topic].append(place.partition)
    return " ".join(f"{topic}/{','.join(map(str, some))}" for topic, some in numbers.items())
