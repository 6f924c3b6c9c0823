"""Slots and lanes: who handles what when, in which order, and what is held.

A *slot* is one long-lived task that handles one message after another; a *lane* is the order of one key. Messages wait in
`_fresh` until a slot takes them for the first time, in `_behind` while another message of their lane runs or waits for a
retry, and in `_released` once that one is gone.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Container, Hashable, Iterable, Sequence
from itertools import chain
from math import inf
from time import monotonic
from typing import Final, Protocol

from attrs import frozen

from faststream_oo.clock import Clock, Timer
from faststream_oo.message import Message
from faststream_oo.outcome import Ack, Retry
from faststream_oo.pipeline import ACKED, AttemptCall, Ending
from faststream_oo.transport import Claim

ACK: Final = Ack()
BACK: Final = Retry(0)
"""Given back, to be handled again at once."""

NONE: Final = -1.0
ALL: Final = inf
"""Marks at which the owner hears of no message and of every message that is let go."""

_FAIR: Final = 0.01  # Seconds a slot may go on without letting the loop turn.

KeyOf = Callable[[Message], Hashable | None]
"""What makes a lane; None is a lane of its own."""


class Owner(Protocol):
    """What lanes tell; the intake."""

    def acked(self, message: Message, seconds: float, /) -> None:
        """A message was plainly acknowledged; called while `verbose`."""

    def ended(self, message: Message, ending: Ending, seconds: float, /) -> "asyncio.Future[None] | None":
        """An attempt ended in any other way; return what the slot waits for."""
        ...

    def freed(self) -> None:
        """A message was let go; called while no more than `mark` are held."""

    def idle(self) -> None:
        """A slot has nothing to do, while something waits for a retry."""

    def blocked(self, claim: Claim, waiting: int, /) -> None:
        """That many messages of a claim wait, and a retry is among what they may wait for."""

    def unblocked(self, claim: Claim, waiting: int, /) -> None:
        """One message of a claim waits less."""

    def died(self, error: BaseException, /) -> None:
        """A slot ended by an error of the framework."""


@frozen
class Parked:
    """A message that waits for its next attempt.

    Attributes:
        due: When that is, by the clock.
        timer: What makes it.
    """

    due: float
    timer: Timer


class Lanes:
    """Runs attempts: N slots over one queue, lanes by key, retries parked, everything counted.

    Args:
        attempt: Handles one message.
        concurrency: Number of slots.
        key_of: What makes a lane; None for no order at all.
        owner: Hears what happens.
        clock: Where retries wait.
    """

    def __init__(
        self, attempt: AttemptCall, concurrency: int, key_of: KeyOf | None, owner: Owner, clock: Clock
    ) -> None:
        self._attempt = attempt
        self._concurrency = concurrency
        self._key_of = key_of
        self._ordered = key_of is not None and concurrency > 1
        self._owner = owner
        self._clock = clock
        self.held = 0
        """Messages fed and neither settled nor given back."""
        self.verbose = False
        """Whether the owner hears of plain acknowledgements."""
        self.mark: float = NONE
        """The owner hears of each message that is let go while no more than so many are held after it."""
        self.waiting: dict[Claim, int] = {}
        """Messages behind others of their lane, by claim."""
        self._fresh: deque[Message] = deque()
        self._released: deque[Message] = deque()
        self._behind: dict[Hashable, deque[Message] | None] = {}
        self._running: dict[int, Message] = {}
        self._parked: dict[Message, Parked] = {}
        self._idle: deque[asyncio.Future[None]] = deque()
        self._waking = False
        self._slots: dict[int, asyncio.Task[None]] = {}

    # Life ---------------------------------------------------------------------------------------------------------

    def start(self, name: str, /) -> None:
        """Start the slots; one that dies is reported."""
        for number in range(self._concurrency):
            self._start_slot(number, name)

    def _start_slot(self, number: int, name: str) -> None:
        task = self._slots[number] = asyncio.create_task(self._slot(number), name=f"{name} slot {number}")

        def done(ended: asyncio.Task[None]) -> None:
            if self._slots.get(number) is not ended:
                return
            if ended.cancelled():
                self._start_slot(number, name)
            elif (error := ended.exception()) is not None:
                self._owner.died(error)

        task.add_done_callback(done)

    async def stop(self) -> None:
        """End the slots; what still runs is cancelled and given back, retries are forgotten."""
        for parked in self._parked.values():
            parked.timer.cancel()
        slots, self._slots = list(self._slots.values()), {}
        for slot in slots:
            slot.cancel()
        await asyncio.gather(*slots, return_exceptions=True)

    # Intake -------------------------------------------------------------------------------------------------------

    def feed(self, messages: Sequence[Message], /) -> None:
        """Queue messages in order of arrival."""
        self.held += len(messages)
        self._fresh.extend(messages)
        self._wake()

    def let_go(self, message: Message, /) -> None:
        """Count a message out: it was settled, or given back."""
        self.held -= 1
        if self.held <= self.mark:
            self._owner.freed()

    def give_back(self, message: Message, /, rest: float = 0.0) -> None:
        """Hand a message back to its claim, unhandled: it is not to come again for `rest` seconds."""
        message.claim.settle(message, Retry(rest) if rest > 0 else BACK)
        self.let_go(message)

    def _wake(self) -> None:
        """Let one idle slot go on, unless one is about to; it wakes the next while there is more."""
        while self._idle and not self._waking:
            waiter = self._idle.popleft()
            if not waiter.done():
                waiter.set_result(None)
                self._waking = True

    async def _rest(self) -> None:
        if self._parked:
            self._owner.idle()
        waiter = asyncio.get_running_loop().create_future()
        self._idle.append(waiter)
        try:
            await waiter
            self._waking = False
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                self._waking = False
                self._wake()
            raise

    # Slots --------------------------------------------------------------------------------------------------------

    async def _slot(self, number: int) -> None:
        fresh, released, running, behind, idle = self._fresh, self._released, self._running, self._behind, self._idle
        attempt, ordered, key_of = self._attempt, self._ordered, self._key_of
        now = turn = monotonic()
        while True:
            if released:
                message = released.popleft()
            elif fresh:
                message = fresh.popleft()
                if key_of is not None and (ordered or behind):
                    lane = message.lane = key_of(message)
                    if lane in behind:
                        self._wait_behind(lane, message)
                        continue
                    if ordered and lane is not None:
                        behind[lane] = None
            else:
                await self._rest()
                now = turn = monotonic()
                continue
            if idle and (fresh or released) and not self._waking:
                self._wake()
            running[number] = message
            try:
                ending = await attempt(message)
            except asyncio.CancelledError:
                del running[number]
                self.give_back(message)
                self._release(message)
                raise
            ended = monotonic()
            if ending is ACKED:
                del running[number]
                message.claim.settle(message, ACK)
                held = self.held = self.held - 1
                if self.verbose:
                    self._owner.acked(message, ended - now)
                if held <= self.mark:
                    self._owner.freed()
                # Where nobody waits in the lane of a message it is forgotten here, as in `_release`.
                if behind and (not ordered or behind.get(message.lane) or behind.pop(message.lane, None)):
                    self._release(message)
            else:
                await self._ended(number, message, ending, ended - now)
            now = ended
            if now - turn > _FAIR:
                await asyncio.sleep(0)
                now = turn = monotonic()

    async def _ended(self, number: int, message: Message, ending: Ending, seconds: float) -> None:
        pending = self._owner.ended(message, ending, seconds)
        del self._running[number]
        if pending is not None:
            await asyncio.shield(pending)
        if self._behind and message not in self._parked:
            self._release(message)

    # Lanes --------------------------------------------------------------------------------------------------------

    def _wait_behind(self, lane: Hashable, message: Message) -> None:
        """Queue a message: another one of its lane runs or is parked."""
        queue = self._behind[lane]
        if queue is None:
            queue = self._behind[lane] = deque()
        queue.append(message)
        claim = message.claim
        self.waiting[claim] = self.waiting.get(claim, 0) + 1
        if self._parked:
            self._owner.blocked(claim, self.waiting[claim])

    def _lane(self, message: Message) -> Hashable | None:
        try:
            return message.lane
        except AttributeError:
            message.lane = None if self._key_of is None else self._key_of(message)
            return message.lane

    def _release(self, message: Message) -> None:
        """Let the next message of a lane run, or forget the lane."""
        lane, behind = self._lane(message), self._behind
        queue = behind.get(lane)
        if not queue:
            behind.pop(lane, None)
            return
        following = queue.popleft()
        self._count_out(following)
        self._released.append(following)
        self._wake()

    def _count_out(self, message: Message) -> None:
        left = self.waiting[message.claim] - 1
        if left:
            self.waiting[message.claim] = left
        else:
            del self.waiting[message.claim]
        self._owner.unblocked(message.claim, left)

    def park(self, message: Message, seconds: float, *, counted: bool) -> None:
        """Set a message aside until its next attempt; its lane waits for it, others go on."""
        lane = self._lane(message)
        if lane is not None:
            self._behind.setdefault(lane, None)
        timer = self._clock.call_later(seconds, lambda: self._unpark(message, counted=counted))
        self._parked[message] = Parked(self._clock.time() + seconds, timer)
        if (blocked := self.waiting.get(message.claim)) is not None:
            self._owner.blocked(message.claim, blocked)

    def _unpark(self, message: Message, *, counted: bool) -> None:
        if self._parked.pop(message, None) is not None:
            message.again(counted=counted)
            self._released.appendleft(message)
            self._wake()

    @property
    def parked(self) -> int:
        """Messages that wait for a retry, with everything behind them."""
        lanes = {self._lane(message) for message in self._parked}
        return len(self._parked) + sum(len(self._behind.get(lane) or ()) for lane in lanes if lane is not None)

    def stuck(self, waiting: Container[Message], /) -> int:
        """Return how many messages cannot move while the attempts at these wait: what is behind them, too."""
        running = [message for message in self._running.values() if message in waiting]
        lanes = {self._lane(message) for message in running}
        behind = sum(len(self._behind.get(lane) or ()) for lane in lanes if lane is not None)
        queued = len(self._fresh) + len(self._released) if len(running) == self._concurrency else 0
        return len(running) + behind + queued

    # Leaving ------------------------------------------------------------------------------------------------------

    def holding(self) -> Iterable[Message]:
        """Return everything that is queued, running or parked."""
        behind = (queue for queue in self._behind.values() if queue)
        return chain(self._fresh, self._released, self._running.values(), self._parked, *behind)

    def holds(self, claims: Container[Claim], /) -> bool:
        """Whether any message of these claims is queued, running or parked."""
        return any(message.claim in claims for message in self.holding())

    def runs(self, message: Message, /) -> bool:
        """Whether an attempt at a message is running."""
        return message in self._running.values()

    def withdraw(self, claims: Container[Claim], /, *, started: bool, all_of_it: bool) -> None:
        """Give back what is queued and parked under claims, what waits for a retry with the rest of its delay.

        What is of the same lane has to wait for that retry too, so it is given back with the same rest.

        Args:
            claims: Which ones.
            started: Keep what was in a lane already and lies below everything given back: what ended above it would
                come again otherwise. For claims that settle as a low-water mark.
            all_of_it: False gives back only what waits for a retry: nobody would deliver the rest again.
        """
        limit: dict[Claim, int] = {}
        rests: dict[Hashable, float] = {}
        for message in [one for one in self._parked if one.claim in claims]:
            parked = self._parked.pop(message)
            parked.timer.cancel()
            limit[message.claim] = min(limit.get(message.claim, message.position), message.position)
            rest = parked.due - self._clock.time()
            if (lane := self._lane(message)) is not None:
                rests[lane] = rest
            self.give_back(message, rest)
            self._release(message)
        if not all_of_it:
            return

        def back(message: Message) -> None:
            self.give_back(message, rests.get(self._lane(message), 0.0) if rests else 0.0)

        def goes(message: Message) -> bool:
            if message.claim not in claims:
                return False
            return not started or message.position > limit.get(message.claim, message.position)

        for queue in [queue for queue in self._behind.values() if queue]:
            for message in _taken_out(queue, goes):
                self._count_out(message)
                back(message)
        for message in _taken_out(self._released, goes):
            back(message)
            self._release(message)
        for message in _taken_out(self._fresh, lambda one: one.claim in claims):
            back(message)

    def cancel(self, claims: Container[Claim], /) -> int:
        """Cancel what runs under claims, and return how many; each is given back."""
        numbers = [number for number, message in self._running.items() if message.claim in claims]
        for number in numbers:
            self._slots[number].cancel()
        return len(numbers)


def _taken_out(queue: deque[Message], goes: Callable[[Message], bool]) -> Sequence[Message]:
    """Remove from a queue, keeping the order of the rest, and return what was removed."""
    gone = [message for message in queue if goes(message)]
    if gone:
        stays = [message for message in queue if not goes(message)]
        queue.clear()
        queue.extend(stays)
    return gone
