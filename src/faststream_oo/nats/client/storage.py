"""One stream below a bucket, as a client reaches it: what a bucket needs of one."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, Protocol

from attrs import frozen

from faststream_oo.nats.client.following import Following
from faststream_oo.nats.options import Push, Start

ORDERED: Final = Push(ordered=True)
"""How a stream is read in order, where nobody says more."""

HEADERS: Final = Push(ordered=True, headers_only=True)
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


class StreamLink(Protocol):
    """A stream; what it raises is a TransportError."""

    async def store(self, subject: str, data: bytes, headers: Mapping[str, str], /) -> int:
        """Store a message and return its sequence. Raises PublishError."""
        ...

    async def last(self, subject: str, /) -> Record | None:
        """Return the last message on a subject."""
        ...

    async def purge(self, subject: str, /) -> None:
        """Delete every message on a subject."""

    def follow(
        self,
        subjects: Sequence[str],
        start: Start,
        told: Callable[[str | None], object] = ...,
        /,
        *,
        via: Push = ...,
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
        ...
