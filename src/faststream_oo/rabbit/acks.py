"""A channel's deliveries, as every RabbitMQ transport holds them."""

import secrets
from collections.abc import Callable, Mapping, Sequence

from attrs import frozen

from faststream_oo.ledger import LedgerClaim
from faststream_oo.rabbit.address import Queue, captured

_APART = 32
"""So many messages may have ended behind one that has not before they are acknowledged one by one."""


@frozen
class Settles:
    """What a claim has to tell the server, in this order.

    Attributes:
        returned: Tags to give back, so that the mark does not take them along.
        single: Tags to acknowledge one by one.
        mark: Acknowledge everything up to this tag; None when it did not move.
    """

    returned: Sequence[int]
    single: Sequence[int]
    mark: int | None


class ChannelClaim(LedgerClaim):
    """The deliveries of one consumer on one channel, until it is closed; a later channel is another claim.

    Args:
        queue: Where they come from.
        prefetch: How many the server leaves unacknowledged.
        moved: Called when there is something to tell the server; must be cheap.
    """

    __slots__ = ("_acked", "_bindings", "_returned", "address", "keeps", "token")

    def __init__(self, queue: Queue, prefetch: int, moved: Callable[[], object]) -> None:
        # What ended behind a slow one still counts for the server's prefetch.
        super().__init__(moved, min(_APART, prefetch // 4))
        self.address = queue.name
        self.token = secrets.token_hex(6)
        self.keeps = False
        """Whether what is given back stays here until the channel closes: the server then puts it back in order."""
        self._bindings = queue.bind
        self._returned: list[int] = []
        self._acked: int | None = None

    def captured(self, routing_key: str, /) -> Mapping[str, str]:
        """Return the captured parts of a routing key."""
        return captured(self._bindings, routing_key)

    def give_back(self, position: int, /) -> None:
        """Give a message back to its queue."""
        if not self.keeps and position in self._seen:
            self.take_out({position})
            self._returned.append(position)
            self._moved()

    def take(self) -> Settles:
        """Return what the server was not told yet."""
        self.taken()
        single = self.take_apart()
        returned, self._returned = self._returned, []
        mark = None if self.mark == self._acked else self.mark
        self._acked = self.mark
        return Settles(returned, single, mark)
