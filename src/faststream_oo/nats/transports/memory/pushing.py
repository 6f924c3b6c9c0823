"""Streams of an embedded server as the clients of buckets reach them."""

import secrets
from collections.abc import Mapping, MutableSet, Sequence
from datetime import datetime
from typing import Final

from faststream_oo.errors import PublishError, TransportError
from faststream_oo.nats.client.following import Following
from faststream_oo.nats.client.storage import Record, StreamLink
from faststream_oo.nats.options import Push, Start
from faststream_oo.nats.transports.memory.durables import ConsumerConfig, Deliver, Delivery
from faststream_oo.nats.transports.memory.jetstream import Kept
from faststream_oo.nats.transports.memory.server import Delivered, MemoryServer
from faststream_oo.nats.transports.memory.streams import MemoryStream

_INACTIVE: Final = 60.0
"""Seconds until the server deletes a consumer whose client is gone."""


class MemoryLink(StreamLink):
    """One stream.

    Args:
        server: Where it is.
        stream: Its name.
        followings: What is read over the connection, by which that is ended.
    """

    def __init__(self, server: MemoryServer, stream: str, followings: MutableSet[Following]) -> None:
        super().__init__(stream, server.clock, followings)
        self.server = server

    @property
    def stream(self) -> MemoryStream:
        """The stream. Raises TransportError when there is none, or the server is down."""
        self.server.check_online()
        return self.server.jetstream.stream(self.name)

    async def store(self, subject: str, data: bytes, headers: Mapping[str, str], /) -> int:
        """Store a message and return its sequence. Raises PublishError."""
        whole = self.checked(subject, data, headers, self.server.max_payload)
        try:
            self.server.check_online()
        except TransportError as error:
            raise PublishError(f'"{subject}" is not stored: {error}') from error
        answer = self.server.publish((subject, data, "", whole))
        if isinstance(answer, Kept):
            return answer.sequence
        raise PublishError(f'"{subject}" is not stored: {answer or "there is no such stream"}')

    async def last(self, subject: str, /) -> Record | None:
        """Return the last message on a subject."""
        found = self.stream.last_of(subject)
        return None if found is None else Record(found.data, found.headers, found.sequence, found.time)

    async def purge(self, subject: str, /) -> None:
        """Delete every message on a subject."""
        self.stream.purge(subject)

    def seat(self, following: Following, subjects: Sequence[str], via: Push, /) -> "MemorySeat":
        """Return a seat that feeds what subjects bring, not open."""
        return MemorySeat(self, subjects, following, headers_only=via.headers_only)


class MemorySeat:
    """A consumer that pushes to a `Following`.

    Args:
        link: Its stream.
        subjects: What it takes.
        following: Who is fed.
        headers_only: Whether bodies are left out.
    """

    def __init__(self, link: MemoryLink, subjects: Sequence[str], following: Following, *, headers_only: bool) -> None:
        self._link = link
        self._subjects = subjects
        self._following = following
        self._headers_only = headers_only
        self._name = secrets.token_hex(8)
        self._open = False

    async def open(self, start: Start, /) -> int:
        """Make the consumer, and return how many messages there are for it already. Raises TransportError."""
        stream = self._link.stream
        config = ConsumerConfig(
            self._name,
            filters=self._subjects,
            deliver=deliver_from(start),
            ack="none",
            headers_only=self._headers_only,
            inactive_threshold=_INACTIVE,
            push=True,
        )
        consumer = self._link.server.jetstream.add_consumer(stream.config.name, config)
        there = consumer.waiting
        self._open = True
        self._link.server.clients.append(self)
        self._following.emptied = consumer.hand_out
        consumer.join(self)
        return there

    async def last(self) -> int:
        """Return the sequence of the last message in the stream. Raises TransportError."""
        return self._link.stream.last

    async def lag(self) -> int:
        """Return how many messages were not fed yet. Raises TransportError."""
        self._link.server.check_online()
        return self._link.server.jetstream.consumer(self._link.name, self._name).waiting

    async def close(self) -> None:
        """Leave, and have the consumer deleted where the server is there."""
        if not self._open:
            return
        self._open = False
        self._link.server.clients.remove(self)
        try:
            self._link.server.jetstream.delete_consumer(self._link.name, self._name)
        except TransportError:
            return  # it is gone already

    # What the server tells ----------------------------------------------------------------------------------------

    @property
    def room(self) -> int:
        """Messages that it may be handed now."""
        return self._following.room if self._link.server.online.is_set() else 0

    def take(self, delivery: Delivery, /) -> None:
        """Be handed a message."""
        self._following.feed(self, delivered_of(delivery))

    def gone(self) -> None:
        """Hear that the consumer is deleted."""
        if self._open:
            self._following.lost(self, "the consumer was deleted")

    def away(self, reason: str, /) -> None:
        """Hear that the server is down."""
        self._following.away(self, reason)

    def back(self) -> None:
        """Hear that the server is back: its consumer may not be."""
        self._following.lost(self, "the connection was lost")


def deliver_from(start: Start, /) -> Deliver:
    """Return where a consumer begins in the server's words."""
    match start:
        case "earliest":
            return "all"
        case "latest":
            return "new"
        case datetime():
            return start.timestamp()
        case _:
            return start


def delivered_of(delivery: Delivery, /) -> Delivered:
    """Return a delivery as a subscriber gets it."""
    message = delivery.message
    if delivery.headers_only:
        return Delivered(
            message.subject, b"", delivery.reply, {**message.headers, "Nats-Msg-Size": str(len(message.data))}
        )
    return Delivered(message.subject, message.data, delivery.reply, message.headers or None)
