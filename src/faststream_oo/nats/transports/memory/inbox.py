"""Replies from an embedded server: everything below an inbox of its own."""

import secrets
from itertools import count

from faststream_oo.nats.address import Subject
from faststream_oo.nats.claim import SubjectClaim
from faststream_oo.nats.message import received_reply
from faststream_oo.nats.transports.memory.server import Delivered, Interest, MemoryServer
from faststream_oo.transport import Sink


class MemoryInbox:
    """Feeds what is sent to it from now on.

    Args:
        server: Where it is.
        sink: Who is fed.
        prefix: Of its subject.
    """

    def __init__(self, server: MemoryServer, sink: Sink, prefix: str) -> None:
        self.name = f"{prefix}.{secrets.token_hex(11)}"
        self._server = server
        self._sink = sink
        self._position = count().__next__
        self._claim = SubjectClaim(Subject(f"{self.name}.*"), lambda _why: None)
        self._interest = Interest(self._claim.subject.name, None, self._take)
        server.subscribe(self._interest)
        server.clients.append(self)

    def _take(self, delivered: Delivered) -> None:
        self._sink.feed([received_reply(delivered, self._claim, self._position())])

    def close(self) -> None:
        """Feed no more."""
        self._server.unsubscribe(self._interest)
        self._server.clients.remove(self)

    def away(self, reason: str, /) -> None:
        """Report that the server is down; requests wait for their replies until they are over."""
        self._sink.degrade(reason)

    def back(self) -> None:
        """Report that the server is back."""
        self._sink.degrade(None)
