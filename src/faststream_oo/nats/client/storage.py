"""One stream below a bucket, as a client reaches it: what a bucket needs of one."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from attrs import frozen

from faststream_oo.nats.client.following import Following
from faststream_oo.nats.options import Start


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
        headers_only: bool = False,
    ) -> Following:
        """Return what reads subjects in order, not opened; `told` hears why nothing comes, and None when it does again."""
        ...
