"""What becomes of a message once its attempt ended: outbox, dead letters, retries, and the settle, once."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Container, Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

from attrs import frozen

from faststream_oo.clock import Clock
from faststream_oo.deadletters import DeadLetterWriter
from faststream_oo.errors import LifecycleError, TransportError
from faststream_oo.lanes import ACK, KeyOf, Lanes
from faststream_oo.message import Message
from faststream_oo.options import RetryPolicy
from faststream_oo.outbox import Held, send_all
from faststream_oo.outcome import Ack, DeadLetter, Drop, Outcome, Retry
from faststream_oo.pipeline import Ending
from faststream_oo.transport import Claim

_log = logging.getLogger("faststream_oo")
_LATER: Final = 10.0
"""Seconds between two tries of what the broker keeps refusing, at most."""
_REMINDER: Final = 60.0
"""Seconds between two lines that say so."""

_WORDS: Final[Mapping[type[Outcome], str]] = {
    Ack: "acknowledged",
    Retry: "retried",
    Drop: "dropped",
    DeadLetter: "dead-lettered",
}
_LEVELS: Final[Mapping[type[Outcome], int]] = {
    Ack: logging.DEBUG,
    Retry: logging.INFO,
    Drop: logging.INFO,
    DeadLetter: logging.WARNING,
}


@frozen
class IntakeTerms:
    """How a subscription runs: its resolved options.

    Attributes:
        name: `Class.method`.
        address: Name of the address, whole.
        group: Whole name of the group.
        concurrency: Number of slots.
        prefetch: Messages held at most.
        key_of: What makes a lane.
        retry: Delays of publishes that are sent again.
        confirm: Whether a slot waits for the confirms of its outbox.
        manual: Whether only `message.settle()` settles.
        drain_timeout: Seconds running handlers get.
    """

    name: str
    address: str
    group: str | None
    concurrency: int
    prefetch: int
    key_of: KeyOf | None
    retry: RetryPolicy
    confirm: bool
    manual: bool
    drain_timeout: float


class Pausing(Protocol):
    """What settling needs of the subscription."""

    async def pause(self, reason: str, /) -> None:
        """Stop taking messages."""

    async def resume(self, reason: str, /) -> None:
        """Take one reason away."""

    def run(self, call: Awaitable[None], /) -> None:
        """Run something beside the slots."""


class Settlement:
    """Applies endings: each message of a subscription gets one outcome, after everything that belongs to it.

    Args:
        terms: The subscription's resolved options.
        letters: Where dead letters go.
        lanes: Where messages are held.
        subscription: Paused while something cannot be written.
        clock: Where delays are read.
    """

    def __init__(
        self,
        terms: IntakeTerms,
        letters: DeadLetterWriter,
        lanes: Lanes,
        subscription: Pausing,
        clock: Clock,
    ) -> None:
        self._terms = terms
        self._letters = letters
        self._lanes = lanes
        self._subscription = subscription
        self._clock = clock
        self._open: set[Message] = set()
        self._by_hand: set[Message] = set()
        self._confirming: deque[tuple[Message, Outcome, Sequence[Held], Sequence[asyncio.Future[Any]]]] = deque()
        self._confirmer: asyncio.Task[None] | None = None
        self._complaints: dict[tuple[str, str], float] = {}

    @property
    def tasks(self) -> Iterable[asyncio.Task[None]]:
        """What runs in the background."""
        return [] if self._confirmer is None else [self._confirmer]

    def holding(self) -> Iterable[Message]:
        """Return what is in no slot any more and not settled yet."""
        return self._open

    def holds(self, claims: Container[Claim], /) -> bool:
        """Whether a message of these claims is in no slot any more and not settled yet."""
        return any(message.claim in claims for message in self._open)

    def give_back(self, claims: Container[Claim], /) -> int:
        """Give such messages back, and return how many."""
        given = [one for one in self._open if one.claim in claims]
        for message in given:
            self._open.discard(message)
            self._lanes.give_back(message)
        return len(given)

    def apply(self, message: Message, ending: Ending, seconds: float, /) -> "asyncio.Future[None] | None":
        """Apply an ending; return what its slot waits for."""
        outcome = ending.outcome or ACK
        if self._terms.manual and (isinstance(outcome, Ack) or message in self._by_hand):
            self._handled_by_hand(message, ending)
            return None
        self.say(message, outcome, ending.error, seconds)
        match outcome:
            case Ack() | Drop() if ending.outbox:
                return self._send(message, outcome, ending.outbox)
            case Retry(pause=True):
                self._lanes.park(message, outcome.after or 0.0, counted=False)
                self._subscription.run(self._pause_for(outcome.after or 0.0))
            case Retry():
                self._lanes.park(message, outcome.after or 0.0, counted=True)
            case DeadLetter():
                self._open.add(message)
                self._subscription.run(self._bury(message, outcome, ending))
            case _:
                message.claim.settle(message, outcome)
                self._lanes.let_go(message)
        return None

    def say(self, message: Message, outcome: Outcome, error: BaseException | None, seconds: float, /) -> None:
        """Log one line for an attempt."""
        level, word = _LEVELS[type(outcome)], _WORDS[type(outcome)]
        if isinstance(outcome, DeadLetter) and self._letters.address_of(message.address) is None:
            level, word = logging.ERROR, "dropped, there is no dead-letter address"
        if not _log.isEnabledFor(level):
            return
        fields: dict[str, object] = {
            "consumer": self._terms.name,
            "address": message.address,
            "position": message.origin,
            "message_id": message.id,
            "attempt": message.attempt,
            "duration": round(seconds, 6),
            "outcome": type(outcome).__name__.lower(),
        }
        if outcome.reason:
            fields["reason"] = outcome.reason
        if isinstance(outcome, Retry):
            fields["after"] = round(outcome.after or 0.0, 3)
        if error is not None:
            fields["error"] = f"{type(error).__name__}: {error}"
        shown = error if isinstance(outcome, DeadLetter) and outcome.reason == "exhausted" else None
        _log.log(level, word, extra={"fields": fields}, exc_info=shown)

    def _settle(self, message: Message, outcome: Outcome) -> None:
        """Settle what is in no slot any more, unless it was given up meanwhile."""
        if message in self._open:
            self._open.discard(message)
            message.claim.settle(message, outcome)
            self._lanes.let_go(message)

    async def _pause_for(self, seconds: float) -> None:
        await self._subscription.pause("retry")
        self._clock.call_later(seconds, lambda: self._subscription.run(self._subscription.resume("retry")))

    # By hand ------------------------------------------------------------------------------------------------------

    def _handled_by_hand(self, message: Message, ending: Ending) -> None:
        """A handler with `delivery="manual"` ended: its message stays held until `settle`, which may have come."""
        if message in self._by_hand:
            self._by_hand.discard(message)
            self._lanes.let_go(message)
        else:
            self._open.add(message)
        if ending.outbox:
            send_all(ending.outbox)

    async def by_hand(self, message: Message, outcome: Outcome, /) -> None:
        """Settle a message by hand; the first outcome wins."""
        if isinstance(outcome, Retry):
            raise LifecycleError("settle(Retry(…)) is not possible; raise Retry from the handler")
        running = self._lanes.runs(message)
        if message in self._by_hand or not (running or message in self._open):
            return
        if running:
            self._by_hand.add(message)
        if isinstance(outcome, DeadLetter):
            await self._written(message, outcome, None)
        self.say(message, outcome, None, 0.0)
        if message in self._open:
            self._settle(message, outcome)
        else:
            message.claim.settle(message, outcome)

    # Outbox -------------------------------------------------------------------------------------------------------

    def _send(self, message: Message, outcome: Outcome, held: Sequence[Held]) -> "asyncio.Future[None] | None":
        """Send what the handler published, or an answer; the input is settled when all of it is confirmed."""
        self._open.add(message)
        confirms = self._sent(held)
        if self._terms.confirm:
            return asyncio.ensure_future(self._confirm(message, outcome, held, confirms))
        self._confirming.append((message, outcome, held, confirms))
        if self._confirmer is None or self._confirmer.done():
            self._confirmer = asyncio.create_task(self._confirm_all(), name=f"{self._terms.name} confirms")
        return None

    def _sent(self, held: Sequence[Held]) -> Sequence[asyncio.Future[Any]]:
        try:
            return send_all(held)
        except TransportError as error:
            return [_failed(error)]

    async def _confirm_all(self) -> None:
        while self._confirming:
            await self._confirm(*self._confirming.popleft())

    async def _confirm(
        self, message: Message, outcome: Outcome, held: Sequence[Held], confirms: Sequence[asyncio.Future[Any]]
    ) -> None:
        """Settle a message when its publishes are confirmed; else the same frames are sent again, in order."""
        retries = 0
        while True:
            try:
                for confirm in confirms:
                    await confirm
                break
            except TransportError as error:
                retries += 1
                await self._wait(retries, "publish", error)
                confirms = self._sent(held)
        if retries:
            await self._taken("publish")
        self._settle(message, outcome)

    async def _wait(self, retries: int, reason: str, error: TransportError) -> None:
        """Wait before something is sent again; once the policy is used up the subscription pauses meanwhile."""
        policy = self._terms.retry
        if retries < policy.attempts and reason == "publish":
            await self._clock.sleep(policy.wait(retries))
            return
        self._complain(reason, str(error))
        await self._subscription.pause(reason)
        await self._clock.sleep(min(policy.wait(retries) + 0.1 * 2 ** min(retries, 7), _LATER))

    def _complain(self, reason: str, error: str) -> None:
        """Log what is refused, and while it goes on in the same words, of whichever message, once in a while."""
        now = self._clock.time()
        self._complaints = {what: since for what, since in self._complaints.items() if now - since < _REMINDER}
        if (reason, error) not in self._complaints:
            self._complaints[reason, error] = now
            fields = {"consumer": self._terms.name, "reason": reason, "error": error}
            _log.error("%s cannot %s, trying on: %s", self._terms.name, reason, error, extra={"fields": fields})

    async def _taken(self, reason: str) -> None:
        """What was refused is taken now."""
        self._complaints.clear()
        await self._subscription.resume(reason)

    # Dead letters -------------------------------------------------------------------------------------------------

    async def _bury(self, message: Message, outcome: DeadLetter, ending: Ending) -> None:
        written = await self._written(message, outcome, ending.error)
        held = ending.outbox or ()
        await self._confirm(message, outcome if written else Drop(outcome.reason), held, self._sent(held))

    async def _written(self, message: Message, outcome: DeadLetter, error: BaseException | None) -> bool:
        """Write a dead letter: whole, then without what may make it too large, then on and on while paused.

        Returns:
            False when there is no address for it.
        """
        retries = 0
        while True:
            try:
                written = await self._letters.write(message, outcome.reason, error, small=retries > 0)
                break
            except TransportError as refused:
                retries += 1
                if retries > 1:
                    await self._wait(retries - 1, "dead-letter", refused)
        if retries > 1:
            await self._taken("dead-letter")
        return written


def _failed(error: BaseException) -> asyncio.Future[Any]:
    future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    future.set_exception(error)
    return future
