"""Renewing of messages that are held: `ack_wait` is renewed before it is over."""

from collections.abc import Callable, Iterable

from faststream_oo.clock import Clock, Timer
from faststream_oo.message import Message


class Renewing:
    """Renews what is held, at a third of `ack_wait`; what that is is asked for then, and nothing is kept for it.

    Args:
        held: Returns what is held of a consumer now; nothing while the server is away.
        clock: Where waits are read.
        ack_wait: Seconds.
    """

    def __init__(self, held: Callable[[], Iterable[Message]], clock: Clock, ack_wait: float = 30.0) -> None:
        self.ack_wait = ack_wait
        """Seconds until the consumer delivers again what is held; another consumer may have others."""
        self._held = held
        self._clock = clock
        self._timer: Timer | None = None

    def arm(self) -> None:
        """Renew from now on, as long as anything is held: there is no timer while nothing is."""
        if self._timer is None:
            self._timer = self._clock.call_later(self.ack_wait / 3, self.renew)

    def renew(self) -> None:
        """Renew now, and then in time."""
        self.close()
        held = [*self._held()]
        for message in held:
            message.claim.renew(message)
        if held:
            self.arm()

    def close(self) -> None:
        """Renew no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
