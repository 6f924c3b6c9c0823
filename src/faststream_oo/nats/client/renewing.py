"""Renewing of messages that are held: `ack_wait` is renewed before it is over."""

from collections.abc import Collection

from faststream_oo.clock import Clock, Timer
from faststream_oo.nats.leases import StreamClaim
from faststream_oo.transport import Sink


class Renewing:
    """Renews what a sink holds, at a third of `ack_wait`; what it holds is looked for then, and nothing is kept for it.

    Args:
        sink: What holds messages.
        claims: Of a consumer.
        ack_wait: Seconds.
        clock: Where they are read.
    """

    def __init__(self, sink: Sink, claims: Collection[StreamClaim], ack_wait: float, clock: Clock) -> None:
        self._sink = sink
        self._claims = claims
        self._seconds = ack_wait / 3
        self._clock = clock
        self._timer: Timer | None = None

    def arm(self) -> None:
        """Renew from now on, as long as anything is held: there is no timer while nothing is."""
        if self._timer is None:
            self._timer = self._clock.call_later(self._seconds, self._renew)

    def _renew(self) -> None:
        self._timer = None
        held = [message for message in self._sink.holding() if message.claim in self._claims]
        for message in held:
            message.claim.renew(message)
        if held:
            self.arm()

    def close(self) -> None:
        """Renew no more."""
        if self._timer is not None:
            self._timer.cancel()
