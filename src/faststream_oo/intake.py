"""The running subscription: a sink for its source, a home for its messages, and what becomes of them."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Container, Iterable, Sequence

from faststream_oo.broker import Broker
from faststream_oo.clock import Clock
from faststream_oo.deadletters import DeadLetterWriter
from faststream_oo.errors import LifecycleError, TransportError
from faststream_oo.lanes import ACK, ALL, NONE, Lanes
from faststream_oo.leaving import Everything, Leaving
from faststream_oo.message import Message
from faststream_oo.outcome import Outcome
from faststream_oo.pipeline import AttemptCall, Ending
from faststream_oo.settlement import IntakeTerms, Settlement
from faststream_oo.subscription import State
from faststream_oo.transport import Claim, Source

_log = logging.getLogger("faststream_oo")


class Intake:
    """One running subscription.

    Args:
        terms: Its resolved options.
        broker: Its broker.
        source: Where its messages come from.
        letters: Where dead letters go.
        changed: Told about claims: "assigned", "revoked" or "lost".
        crashed: Told about an error that the application cannot go on with.
    """

    def __init__(
        self,
        terms: IntakeTerms,
        broker: Broker,
        source: Source,
        letters: DeadLetterWriter,
        changed: Callable[[str, Sequence[Claim]], Awaitable[None]] | None,
        crashed: Callable[[BaseException], object],
    ) -> None:
        self.terms = terms
        self._broker = broker
        self._source = source
        self._letters = letters
        self._changed = changed
        self._crashed = crashed
        self._state: State = "new"
        self._reasons: set[str] = set()
        self._trouble: str | None = None
        self._unheard = False
        self._room = asyncio.Event()
        self._room.set()
        self._reader_waits = False
        self._enough = 0.0  # the reader waits until no more than so many are held
        self._lanes: Lanes
        self._settlement: Settlement
        self._leaving: Leaving
        self._tasks: set[asyncio.Task[None]] = set()
        self._blocked: set[Claim] = set()

    # Subscription -------------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """`Class.method`."""
        return self.terms.name

    @property
    def address(self) -> str:
        """Name of the address, whole."""
        return self.terms.address

    @property
    def group(self) -> str | None:
        """Whole name of the group."""
        return self.terms.group

    @property
    def state(self) -> State:
        """Where it stands in its life."""
        if self._state == "running":
            return "paused" if self._reasons else "degraded" if self._trouble else "running"
        return self._state

    @property
    def in_flight(self) -> int:
        """Messages received and not yet settled."""
        return self._lanes.held

    async def settle(self, message: Message, outcome: Outcome, /) -> None:
        """Settle a message by hand; the first outcome wins."""
        await self._settlement.by_hand(message, outcome)

    @property
    def dropped(self) -> int:
        """Messages given up without a dead-letter address."""
        return self._letters.dropped

    @property
    def waiting(self) -> int:
        """Messages that wait for a retry, or behind one: nothing happens to them until the clock moves."""
        return self._lanes.parked

    def moving(self, asking: Container[Message] = (), /) -> int:
        """Return how many messages are on their way through now, the attempts at these waiting for a reply."""
        return self._lanes.held - self._lanes.parked - self._lanes.stuck(asking)

    @property
    def source(self) -> Source:
        """Where its messages come from."""
        return self._source

    async def lag(self) -> int | None:
        """Messages that wait at the broker, or None where it does not tell."""
        return await self._source.lag()

    async def pause(self, reason: str = "operator") -> None:
        """Stop taking messages, keeping the seat; running handlers go on."""
        first = not self._reasons
        self._reasons.add(reason)
        if first:
            _log.info("%s paused: %s", self.name, reason, extra={"fields": {"consumer": self.name, "reason": reason}})
            await self._source.pause()

    async def resume(self, reason: str = "operator") -> None:
        """Take one reason away; messages are taken again when none is left."""
        if reason not in self._reasons:
            return
        self._reasons.discard(reason)
        if not self._reasons:
            _log.info("%s resumed", self.name, extra={"fields": {"consumer": self.name}})
            await self._source.resume()
            self._room.set()

    # Life ---------------------------------------------------------------------------------------------------------

    async def start(self, attempt: AttemptCall, clock: Clock, /) -> None:
        """Begin to take messages; returns when the broker has accepted the subscription."""
        self._state = "starting"
        self._lanes = Lanes(attempt, self.terms.concurrency, self.terms.key_of, self, clock)
        self._settlement = Settlement(self.terms, self._letters, self._lanes, self, clock)
        self._leaving = Leaving(self.name, self._lanes, self._settlement, self._watch)
        self._lanes.start(self.name)
        self._state = "running"
        try:
            await self._source.start(self)
        except BaseException:
            self._state = "failed"
            await self._lanes.stop()
            raise

    async def drain(self) -> None:
        """Stop taking messages and return when none is in flight."""
        if self._state not in {"running", "draining"}:
            return
        self._state = "draining"
        await self._source.stop()
        everything = Everything()
        self._lanes.withdraw(everything, started=self._cumulative, all_of_it=self._settles)
        await self._leaving.ended(everything, self.terms.drain_timeout)

    async def stop(self) -> None:
        """Drain, let what was settled reach the broker, and leave."""
        if self._state in {"new", "stopped"}:
            return
        try:
            await self.drain()
        finally:
            await self._leave()

    async def give_up(self) -> None:
        """Leave at once: what runs is cancelled, and all that is held is given back."""
        if self._state in {"new", "stopped"}:
            return
        if self._state != "failed":
            self._state = "draining"
        try:
            await self._source.stop()  # else what is given back might come here again
        finally:
            self._leaving.cancel(Everything())
            await self._leave()

    async def _leave(self) -> None:
        failed = self._state == "failed"
        for task in [*self._tasks, *self._settlement.tasks]:
            task.cancel()
        try:
            await self._lanes.stop()
            await self._flush()
        finally:
            await self._source.close()
            self._state = "failed" if failed else "stopped"

    async def _flush(self) -> None:
        """Let settles reach the broker; one that does not hear of them is no reason to fail."""
        try:
            await self._source.flush()
        except TransportError as error:
            if not self._unheard:
                text = "%s: what was settled last did not reach the broker, its messages come again: %s"
                _log.warning(text, self.name, error, extra={"fields": {"consumer": self.name, "cause": str(error)}})
            self._unheard = True

    # Sink ---------------------------------------------------------------------------------------------------------

    @property
    def room(self) -> int:
        """Messages that may be fed now, 0 while paused."""
        if self._reasons or self._state != "running":
            return 0
        return max(0, self.terms.prefetch - self._lanes.held)

    async def ready(self) -> int:
        """Return the room once there is some; after it ran out, once half of what does not wait for retries is gone."""
        while (room := self.room) == 0:
            self._room.clear()
            self._reader_waits = True
            self._enough = self.terms.prefetch / 2
            self._watch()
            await self._room.wait()
        return room

    def feed(self, messages: Sequence[Message], /) -> None:
        """Take what was read."""
        self._lanes.verbose = _log.isEnabledFor(logging.DEBUG)
        self._lanes.feed(messages)

    async def assign(self, claims: Sequence[Claim], /) -> None:
        """New claims: their dead-letter addresses are made, and the consumer is told."""
        wanted = {self._letters.address_of(claim.address) for claim in claims}
        for address in wanted:
            if address is not None:
                await self._broker.ensure(address)
        if self._changed is not None and claims:
            await self._changed("assigned", claims)

    async def revoke(self, claims: Sequence[Claim], /, *, deadline: float, lost: bool = False) -> bool:
        """End or drop what is held under these claims, in `deadline` seconds; True when all of it ended."""
        leaving = set(claims)
        self._blocked -= leaving
        self._lanes.withdraw(leaving, started=self._cumulative and not lost, all_of_it=lost or self._settles)
        self.idle()
        ended = False
        if not lost:
            ended = await self._leaving.ended(leaving, deadline)
            await self._flush()
        if self._changed is not None and claims:
            await self._changed("lost" if lost else "revoked", claims)
        return ended

    def drop(self, claims: Collection[Claim], /) -> None:
        """Drop what waits under claims that are over."""
        self._blocked -= set(claims)
        self._lanes.withdraw(claims, started=False, all_of_it=True)
        self.idle()

    def holding(self) -> Iterable[Message]:
        """Return what was fed and is not settled."""
        return [*self._lanes.holding(), *self._settlement.holding()]

    def fail(self, error: BaseException, /) -> None:
        """The source cannot go on by itself."""
        self._state = "failed"
        fields = {"consumer": self.name, "error": str(error)}
        _log.error("%s failed: %s", self.name, error, exc_info=error, extra={"fields": fields})
        self._crashed(error)

    def degrade(self, reason: str | None, /) -> None:
        """The source lost its broker and is reconnecting, or it is back."""
        if (self._trouble is None) == (reason is None):
            return
        self._trouble = reason
        fields = {"consumer": self.name, "address": self.address, "cause": reason}
        if reason is None:
            _log.info("%s is connected again", self.name, extra={"fields": fields})
        else:
            _log.warning("%s lost its broker, reconnecting: %s", self.name, reason, extra={"fields": fields})

    @property
    def _cumulative(self) -> bool:
        return self._source.capabilities.cumulative

    @property
    def _settles(self) -> bool:
        # What is settled before it is handled would be lost if it were given back.
        return self._source.capabilities.settles

    # Owner of the lanes -------------------------------------------------------------------------------------------

    def freed(self) -> None:
        """A message was let go: the reader or a drain waits for that."""
        if self._reader_waits and self._lanes.held <= self._enough:
            self._reader_waits = False
            self._room.set()
            self._watch()
        self._leaving.freed()

    def _watch(self) -> None:
        self._lanes.mark = ALL if self._leaving.waits else self._enough if self._reader_waits else NONE

    def acked(self, message: Message, seconds: float, /) -> None:
        """Log a plain acknowledgement; only called while debug lines are wanted."""
        self._settlement.say(message, ACK, None, seconds)

    def ended(self, message: Message, ending: Ending, seconds: float, /) -> "asyncio.Future[None] | None":
        """Apply an ending that is more than a plain acknowledgement."""
        if ending.outcome is None:
            self._lanes.give_back(message)
            error = ending.error or LifecycleError(f"{self.name} gave up")
            _log.error("%s stops: %r", self.name, error, extra={"fields": {"consumer": self.name}})
            self.run(self.pause("failed"))
            self._crashed(error)
            return None
        return self._settlement.apply(message, ending, seconds)

    def idle(self) -> None:
        """Let the reader wait no longer for what waits for a retry itself: only the rest of the budget comes free."""
        if self._reader_waits:
            self._enough = (self.terms.prefetch + self._lanes.parked) / 2
            self._watch()
            self.freed()

    def blocked(self, claim: Claim, waiting: int, /) -> None:
        """Pause a claim alone that holds half the budget behind a retry."""
        if waiting * 2 >= self.terms.prefetch and claim not in self._blocked:
            self._blocked.add(claim)
            self.run(self._source.pause(claim))

    def unblocked(self, claim: Claim, waiting: int, /) -> None:
        """Take from the claim again once most of what waited is gone."""
        if claim in self._blocked and waiting * 4 <= self.terms.prefetch:
            self._blocked.discard(claim)
            self.run(self._source.resume(claim))

    def died(self, error: BaseException, /) -> None:
        """A slot ended by an error of the framework."""
        self.fail(error)

    def run(self, call: Awaitable[None]) -> None:
        """Run something beside the slots; an error of it is an error of the subscription."""
        task = asyncio.ensure_future(call)
        self._tasks.add(task)

        def done(ended: asyncio.Future[None]) -> None:
            self._tasks.discard(ended)
            if not ended.cancelled() and (error := ended.exception()) is not None:
                self.fail(error)

        task.add_done_callback(done)
