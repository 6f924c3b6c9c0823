"""Noticing that another process has our static id, which aiokafka does not say."""

from typing import Final

from aiokafka import errors

from faststream_oo.clock import Clock
from faststream_oo.errors import TransportError
from faststream_oo.kafka.client.config import rivalry
from faststream_oo.kafka.options import KafkaSourceOptions
from faststream_oo.kafka.transports.aiokafka.causes import describe

_MOST: Final = 5
"""Memberships lost in a row, which nothing but a rival explains."""


class Rival:
    """Counts how often our membership is taken away by whoever has our static id.

    The client's heartbeats do not name the id, so brokers let the two displace each other with every heartbeat, for ever.
    One whose place is taken while it joins is fenced instead, for as long as it lives, by an error unknown to the client.

    Args:
        name: Of the address.
        options: Of the subscription; nothing is counted for a dynamic member.
        clock: Tells how long a membership lasted.
    """

    def __init__(self, name: str, options: KafkaSourceOptions, clock: Clock) -> None:
        self._rivalry = rivalry(options, name)
        self._static = options.group_instance_id is not None
        # What lasted so long may have been lost without a rival.
        self._lasting = min(options.session_timeout, options.max_poll_interval)
        self._clock = clock
        self._since: float | None = None
        self._losses = 0

    def joined(self) -> None:
        """Note that this is a member."""
        self._since = self._clock.time()

    def left(self, *, thrown_out: bool) -> None:
        """Note that a membership ended. Raises TransportError when too many in a row were taken away."""
        since, self._since = self._since, None
        if since is None:
            return
        if self._clock.time() - since >= self._lasting:
            self._losses = 0
        elif thrown_out:
            self._lose(self._rivalry, _MOST)

    def refused(self, error: BaseException, /, most: int = _MOST) -> None:
        """Note what the client raised. Raises TransportError when the brokers refused so many joins in a row."""
        if type(error) is errors.KafkaError and errors.UnknownError.__name__ in str(error):
            self._lose(f"{self._rivalry}, or the brokers have another reason to refuse it: {describe(error)}", most)

    def _lose(self, what: str, most: int) -> None:
        self._losses += 1
        if self._static and self._losses >= most:
            raise TransportError(what)
