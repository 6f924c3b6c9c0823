"""Sources that read a stream in its order and settle nothing: ordered consumers, and changes of buckets."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, TypeAlias, cast

from faststream_oo.address import Address
from faststream_oo.nats.address import Subject, matches, subjects_of
from faststream_oo.nats.buckets import Bucket
from faststream_oo.nats.client.changes import Read, reads
from faststream_oo.nats.client.following import Following
from faststream_oo.nats.client.storage import StreamLink
from faststream_oo.nats.leases import StreamClaim
from faststream_oo.nats.message import Received, ReceivedMessage
from faststream_oo.nats.options import NatsSourceOptions, Push, Start
from faststream_oo.transport import Capabilities, Claim, Sink

_STARTS: Final[Mapping[str, Start]] = {"current": "last_per_subject", "history": "earliest", "changes": "latest"}

Follow: TypeAlias = Callable[[Callable[[str | None], object]], Following]
"""Returns what reads; told why nothing comes, and None when something does again."""

Again: TypeAlias = Callable[[], Awaitable[object]]
"""Makes a stream again where it is gone, if that is ours to do."""


def ordered_of(address: Address, options: NatsSourceOptions, link: StreamLink, again: Again, /) -> "OrderedSource":
    """Return the source of an ordered consumer."""
    subjects, via = subjects_of(address), cast(Push, options.via)
    patterns = [subject.pattern for subject in subjects]

    def follow(told: Callable[[str | None], object]) -> Following:
        return link.follow(patterns, options.start, told, via=via, again=again)

    return OrderedSource(follow, subjects, f"an ordered consumer of {address.name}", _as_it_is)


def changes_of(bucket: Bucket, link: StreamLink, again: Again, /) -> "OrderedSource":
    """Return the source of the changes of a bucket."""
    subject = bucket.watched

    def follow(told: Callable[[str | None], object]) -> Following:
        return link.follow([subject.pattern], _STARTS[bucket.watch], told, again=again)

    return OrderedSource(follow, [subject], f"a watch of bucket {bucket.name}", reads(bucket))


class OrderedSource:
    """Feeds what a `Following` reads, when there is room.

    Args:
        follow: Makes it.
        subjects: What it reads, prefix included.
        name: For people.
        read: Makes of it what a handler gets.
    """

    def __init__(self, follow: Follow, subjects: Sequence[Subject], name: str, read: Read) -> None:
        self._follow = follow
        self._claims = [StreamClaim(subject, name, None) for subject in subjects]
        self._name = name
        self._read = read
        self._position = 0
        self._sink: Sink | None = None
        self._following: Following | None = None
        self._feeding: asyncio.Task[None] | None = None

    @property
    def capabilities(self) -> Capabilities:
        """Nothing is settled."""
        return Capabilities(settles=False)

    @property
    def lost(self) -> int:
        """Return 0: the stream has it still."""
        return 0

    async def start(self, sink: Sink, /) -> None:
        """Begin to feed. Raises TransportError."""
        self._sink = sink
        following = self._following = self._follow(sink.degrade)
        await sink.assign(self._claims)
        await following.open()
        self._feeding = asyncio.create_task(self._feed(sink, following), name=self._name)
        self._feeding.add_done_callback(self._fed)

    async def _feed(self, sink: Sink, following: Following) -> None:
        while True:
            await following.arrived()
            room = await sink.ready()
            messages = [one for received in following.take(room) if (one := self._made(received)) is not None]
            if messages:
                sink.feed(messages)
            await asyncio.sleep(0)  # more may be there at once: others get their turn

    def _made(self, received: Received) -> ReceivedMessage | None:
        read = self._read(received)
        if read is None:
            return None
        self._position += 1
        return ReceivedMessage(read, self._claim_of(read.subject), self._position)

    def _claim_of(self, subject: str) -> StreamClaim:
        first, *others = self._claims
        return next((one for one in others if matches(one.subject.pattern, subject)), first)

    def _fed(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and self._sink is not None and (error := task.exception()) is not None:
            self._sink.fail(error)

    async def pause(self, claim: Claim | None = None, /) -> None:
        """Do nothing: the sink has no room now, so what arrives waits."""

    async def resume(self, claim: Claim | None = None, /) -> None:
        """Do nothing: the sink has room again."""

    async def stop(self) -> None:
        """Feed no more: the stream has it still."""
        if self._feeding is not None:
            self._feeding.cancel()
            await asyncio.wait([self._feeding])

    async def flush(self) -> None:
        """Return: there are no settles."""

    async def close(self) -> None:
        """Leave."""
        await self.stop()
        self._sink = None
        for claim in self._claims:
            claim.live = False
        if self._following is not None:
            await self._following.close()

    async def lag(self) -> int | None:
        """Messages that were not fed; None while the server is away."""
        return None if self._following is None else await self._following.lag()


def _as_it_is(received: Received) -> Received:
    return received
