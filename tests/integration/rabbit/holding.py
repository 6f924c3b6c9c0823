"""A consumer that handles nothing: it holds what it is handed, and settles what a test says."""

from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import asynccontextmanager
from typing import cast

from faststream_oo.message import Message
from faststream_oo.outcome import Ack, Outcome, Retry
from faststream_oo.rabbit import Queue, RabbitBroker, RabbitMessage
from faststream_oo.transport import Claim, Source
from tests.integration.worlds import until


class Holder:
    """Takes what a queue hands out, up to its prefetch."""

    room = 1_000_000

    def __init__(self, source: Source) -> None:
        self.source = source
        self.messages: list[RabbitMessage] = []

    @property
    def seen(self) -> list[str]:
        """Bodies in the order of arrival, `r` behind what was delivered before."""
        return [one.body.decode() + "r" * one.redelivered for one in self.messages]

    async def ready(self) -> int:
        return self.room

    def feed(self, messages: Sequence[Message], /) -> None:
        self.messages.extend(cast(Sequence[RabbitMessage], messages))

    async def assign(self, claims: Sequence[Claim], /) -> None: ...

    async def revoke(self, claims: Sequence[Claim], /, *, deadline: float, lost: bool = False) -> bool:
        return False

    def drop(self, claims: Collection[Claim], /) -> None: ...

    def holding(self) -> Sequence[Message]:
        return ()

    def fail(self, error: BaseException, /) -> None:
        raise error

    def degrade(self, reason: str | None, /) -> None: ...

    async def holds(self, count: int) -> list[str]:
        """Return what was seen once it is so much."""
        await until(lambda: len(self.messages) >= count)
        return self.seen

    async def ack(self, *places: int) -> None:
        """Acknowledge what came at these places; return when the server has it."""
        await self._settle(places, Ack())

    async def give_back(self, *places: int) -> None:
        """Give back what came at these places, one after the other; return when the server has it."""
        for place in places:
            await self._settle([place], Retry(0))

    async def _settle(self, places: Sequence[int], outcome: Outcome) -> None:
        for place in places:
            message = self.messages[place]
            message.claim.settle(message, outcome)
        await self.source.flush()


@asynccontextmanager
async def holding(broker: RabbitBroker, queue: Queue, prefetch: int) -> AsyncGenerator[Holder]:
    """Hold up to so many messages of a queue until the end, which gives back what is not settled."""
    source = broker.transport.source(queue, {"prefetch": prefetch})
    holder = Holder(source)
    await source.start(holder)
    try:
        yield holder
    finally:
        await source.close()
