"""A sender that tells who watches the application."""

from collections.abc import Awaitable
from typing import Any

from faststream_oo.address import Address
from faststream_oo.current import Observer
from faststream_oo.transport import Frame, Sender


class WatchedSender:
    """Sends, and tells who watches.

    Args:
        address: Where to.
        sender: What sends.
        observer: Who watches.
    """

    def __init__(self, address: Address, sender: Sender[Any], observer: Observer) -> None:
        self._address = address
        self._sender = sender
        self._observer = observer

    def send(self, frame: Frame, /) -> Awaitable[Any] | None:
        """Send a frame."""
        confirmed = self._sender.send(frame)
        self._observer.sent(self._address, frame, confirmed)
        return confirmed
