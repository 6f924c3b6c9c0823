"""One stream below a bucket, as a client reaches it: what a bucket needs of one."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, MutableSet, Sequence
from typing import Final

from attrs import frozen

from faststream_oo.clock import Clock
from faststream_oo.nats.client.following import Following, Seat
from faststream_oo.nats.options import Push, Start
from faststream_oo.nats.packets import size_of, too_large

_SIGNS: Final = 2.0
"""Seconds between signs of the server: a bucket that was deleted is noticed after two of them."""

ORDERED: Final = Push(ordered=True, heartbeat=_SIGNS)
"""How a stream is read in order, where nobody says more."""

HEADERS: Final = Push(ordered=True, heartbeat=_SIGNS, headers_only=True)
"""The same without bodies."""


@frozen
class Record:
    """One message as it lies in a stream.

    Attributes:
        data: The body.
        headers: Text headers.
        sequence: Its place.
        stored: When it was stored, in seconds since the epoch.
    """

    data: bytes
    headers: Mapping[str, str]
    sequence: int
    stored: float


class StreamLink(ABC):
    """A stream; what it raises is a TransportError.

    Args:
        name: Its name.
        clock: Where waits between tries are read.
        followings: What is read over the connection, by which that is ended.
    """

    def __init__(self, name: str, clock: Clock, followings: MutableSet[Following]) -> None:
        self.name = name
        self._clock = clock
        self._followings = followings

    def checked(self, subject: str, data: bytes, headers: Mapping[str, str], largest: int, /) -> dict[str, str]:
        """Return the headers to send, with the stream that is to store it.

        Raises:
            PublishError: The server would close the connection, as the message has more than `largest` bytes.
        """
        whole = {**headers, "Nats-Expected-Stream": self.name}
        size = len(data) + size_of(whole)
        if size > largest:
            raise too_large(subject, size, largest)
        return whole

    @abstractmethod
    async def store(self, subject: str, data: bytes, headers: Mapping[str, str], /) -> int:
        """Store a message and return its sequence. Raises PublishError."""

    @abstractmethod
    async def last(self, subject: str, /) -> Record | None:
        """Return the last message on a subject."""

    @abstractmethod
    async def purge(self, subject: str, /) -> None:
        """Delete every message on a subject."""

    @abstractmethod
    def seat(self, following: Following, subjects: Sequence[str], via: Push, /) -> Seat:
        """Return a seat that feeds what subjects bring, not open."""

    def follow(
        self,
        subjects: Sequence[str],
        start: Start,
        told: Callable[[str | None], object] = lambda _reason: None,
        /,
        *,
        via: Push = ORDERED,
        again: Callable[[], Awaitable[object]] | None = None,
    ) -> Following:
        """Return what reads subjects in order, not opened.

        Args:
            subjects: What is read.
            start: Where it begins.
            told: Hears why nothing comes, and None when something does again.
            via: How it is pushed.
            again: Makes the stream again where it is gone.
        """
        following = Following(lambda own: self.seat(own, subjects, via), start, self._clock, told, again)
        self._followings.add(following)
        return following
