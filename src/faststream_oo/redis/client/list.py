"""The intake of a list: what it takes stays at the server until it has ended, and comes back when its worker dies."""

import logging
from collections.abc import Sequence
from typing import Final, cast

from faststream_oo.errors import TransportError
from faststream_oo.redis.client.channel import ForgottenClaim
from faststream_oo.redis.client.commands import CommandError, Link
from faststream_oo.redis.client.processing import ProcessingList, is_gone
from faststream_oo.redis.client.source import BLOCK_SECONDS, ClientSource
from faststream_oo.redis.client.wire import Wire
from faststream_oo.redis.envelope import Content
from faststream_oo.redis.options import RedisSourceOptions
from faststream_oo.transport import Capabilities

_log: Final = logging.getLogger("faststream_oo")

LARGEST: Final = 200
"""Elements of one read."""


class ListSource(ClientSource):
    """A worker on a list.

    Args:
        key: Of the list, prefix included.
        options: Of the subscription.
        content: How body and headers are read.
        link: Where to.
        wire: What settles and questions go over.
    """

    def __init__(self, key: str, options: RedisSourceOptions, content: Content, link: Link, wire: Wire) -> None:
        super().__init__(key, link, wire)
        self._key = key
        self._content = content
        self._lease = options.claim_after
        # A blocked move of a worker that died must be over before others take over what it held.
        self._block = min(BLOCK_SECONDS, options.claim_after / 4)
        self._claim = self._new_claim()
        self._renewed = 0.0

    @property
    def capabilities(self) -> Capabilities:
        """A list keeps its order; what was not handled goes back to its head."""
        return Capabilities()

    def _new_claim(self) -> ProcessingList:
        return ProcessingList(self._key, self._content, self._lease, self._wire, self._refused)

    def _refused(self, error: BaseException) -> None:
        self._sink.fail(error)

    async def _prepare(self) -> None:
        await self._join()
        self._keep(self._keep_up(), "lease")

    async def _begin(self, *, again: bool) -> None:
        """Do nothing: what a lost connection was given is given again by the next read."""

    # Leases -------------------------------------------------------------------------------------------------------

    async def _join(self) -> None:
        await self._renew(join=True)
        await self._sink.assign([self._claim])

    async def _renew(self, *, join: bool = False) -> None:
        """Renew the lease, and take over what is abandoned. Raises TransportError."""
        began = self._clock.time()
        ((alive, moved),) = cast("Sequence[Sequence[int]]", await self._wire.ask(self._claim.keep(join=join)))
        self._renewed = began
        if not alive:
            self._claim.live = False
        if moved:
            fields = {"address": self._key, "taken_over": moved}
            _log.info("%s: %d messages of dead workers are back", self._key, moved, extra={"fields": fields})

    async def _keep_up(self) -> None:
        while True:
            await self._clock.sleep(self._lease / 4)
            try:
                await self._renew()
            except TransportError as error:
                if isinstance(error, CommandError) and not error.passes:
                    raise
                _log.debug("%s: the lease is not renewed: %s", self._key, error)

    async def _again(self) -> None:
        """Begin anew as another worker: this one was silent for too long, and others have what it held."""
        old, self._claim = self._claim, self._new_claim()
        old.live = False
        fields = {"address": self._key, "claim_after": self._lease}
        text = "%s: nothing was heard of this worker for %g s, others handle what it held"
        _log.warning(text, self._key, self._lease, extra={"fields": fields})
        await self._sink.revoke([old], deadline=0.0, lost=True)
        await self._wire.ask(old.keep(join=True, leave=True))  # what a blocked move may have brought meanwhile
        await self._join()

    # Reading ------------------------------------------------------------------------------------------------------

    async def _read(self, room: int) -> None:
        if not self._claim.live:
            return await self._again()
        claim = self._claim
        if self._clock.time() - self._renewed > self._lease / 2:
            await self._renew()
        try:
            found = cast("list[bytes]", await self._ask(claim.take(min(room, LARGEST))))
        except CommandError as error:
            if not is_gone(error):
                raise
            claim.live = False
            return None
        if found:
            self._sink.feed(claim.messages(found))
        else:
            move = ("BLMOVE", self._key, claim.arriving, "LEFT", "RIGHT", self._block)
            await self._ask(move, self._block)
        return None

    # Leaving ------------------------------------------------------------------------------------------------------

    async def flush(self) -> None:
        """Return when every settle so far is with the server. Raises TransportError."""
        await self._claim.flush()

    async def _leave(self) -> None:
        """Put what has not ended back at the head, in order."""
        claim = self._claim
        if claim.live:
            claim.live = False
            await self._wire.ask(claim.keep(leave=True))

    async def lag(self) -> int | None:
        """Return how many elements nobody has taken."""
        waiting = await self._wire.ask(("LLEN", self._key), ("LLEN", self._claim.arriving))
        return sum(cast("Sequence[int]", waiting))


class PoppingSource(ClientSource):
    """A worker on a list at most once: what is read is gone from the server.

    Args:
        key: Of the list, prefix included.
        content: How body and headers are read.
        link: Where to.
        wire: What questions go over.
    """

    def __init__(self, key: str, content: Content, link: Link, wire: Wire) -> None:
        super().__init__(key, link, wire)
        self._key = key
        self._claim = ForgottenClaim(key, content)

    @property
    def capabilities(self) -> Capabilities:
        """Nothing is settled."""
        return Capabilities(settles=False)

    async def _prepare(self) -> None:
        await self._sink.assign([self._claim])

    async def _begin(self, *, again: bool) -> None:
        """Do nothing: what a lost connection was given is lost."""

    async def _read(self, room: int) -> None:
        found = cast("list[bytes] | None", await self._ask(("LPOP", self._key, min(room, LARGEST))))
        if not found:
            answer = await self._ask(("BLPOP", self._key, BLOCK_SECONDS), BLOCK_SECONDS)
            found = cast("list[bytes]", answer)[1:] if answer else []
        if found:
            self._sink.feed(self._claim.messages(found))

    async def flush(self) -> None:
        """Return: there are no settles."""

    async def _leave(self) -> None:
        self._claim.close()

    async def lag(self) -> int | None:
        """Return how many elements nobody has taken."""
        (waiting,) = await self._wire.ask(("LLEN", self._key))
        return cast(int, waiting)
