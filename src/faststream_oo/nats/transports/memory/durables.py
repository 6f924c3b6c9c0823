"""One consumer of a stream on an embedded server: what it hands out, what waits for its end, and what comes again."""

import random
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, Literal, Protocol, TypeAlias

from attrs import evolve, field, frozen

from faststream_oo.clock import Clock, Timer
from faststream_oo.nats.transports.memory.patterns import takes
from faststream_oo.nats.transports.memory.streams import MemoryStream, Stored

NANOSECONDS: Final = 1_000_000_000


Deliver: TypeAlias = Literal["all", "last", "new", "last_per_subject"] | int | float
"""Where a consumer begins: a word, a sequence, or a time in seconds since the epoch."""


@frozen
class ConsumerConfig:
    """How a consumer was made, in the server's words.

    Attributes:
        name: Its name.
        filters: Subjects that it takes; none for all.
        deliver: Where it begins.
        ack: Whether each message is settled, one settles all before it, or none is.
        ack_wait: Seconds until an unsettled message comes again.
        max_deliver: Most deliveries of one message.
        backoff: Seconds until it comes again after each delivery, in the place of `ack_wait`.
        max_ack_pending: Most unsettled messages.
        headers_only: Whether bodies are left out.
        inactive_threshold: Seconds without a taker after which it is deleted.
        push: Whether the server pushes; such a consumer has one taker, or a group of them.
        deliver_group: The group of takers.
    """

    name: str
    filters: Sequence[str] = field(default=(), kw_only=True, converter=tuple[str, ...])
    deliver: Deliver = field(default="all", kw_only=True)
    ack: Literal["explicit", "all", "none"] = field(default="explicit", kw_only=True)
    ack_wait: float = field(default=30.0, kw_only=True)
    max_deliver: int | None = field(default=None, kw_only=True)
    backoff: Sequence[float] = field(default=(), kw_only=True, converter=tuple[float, ...])
    max_ack_pending: int = field(default=1000, kw_only=True)
    headers_only: bool = field(default=False, kw_only=True)
    inactive_threshold: float | None = field(default=None, kw_only=True)
    push: bool = field(default=False, kw_only=True)
    deliver_group: str | None = field(default=None, kw_only=True)

    @property
    def patterns(self) -> Sequence[str]:
        """What it takes."""
        return self.filters or (">",)

    def refusal(self, ours: "ConsumerConfig", /) -> str | None:
        """Say why this one cannot be read as another would be, None when it can."""
        if set(self.patterns) != set(ours.patterns):
            return f"it reads {', '.join(sorted(self.patterns))}, not {', '.join(sorted(ours.patterns))}"
        if self.push != ours.push:
            return "it pushes" if self.push else "it is pulled from"
        return None if self.ack == "explicit" else f"its ack policy is {self.ack}, not explicit"

    def differences(self, ours: "ConsumerConfig", /) -> Sequence[str]:
        """Return how this one differs from another in what may differ."""
        names = ("ack_wait", "max_ack_pending", "inactive_threshold", "headers_only")
        return [
            f"{name} is {getattr(self, name)}, not {getattr(ours, name)}"
            for name in names
            if getattr(self, name) != getattr(ours, name)
        ]

    def wait(self, delivered: int, /) -> float:
        """Return how long a message waits for its end that was delivered so many times."""
        return self.backoff[min(delivered, len(self.backoff)) - 1] if self.backoff else self.ack_wait


@frozen
class Delivery:
    """One message as a taker gets it.

    Attributes:
        message: What is stored.
        reply: Where its end is told; also says where it stands, and how often it was delivered.
        headers_only: Whether its body is left out.
    """

    message: Stored
    reply: str
    headers_only: bool


class Taker(Protocol):
    """Who asked for messages, or is pushed them."""

    @property
    def room(self) -> int:
        """Messages that it may be handed now."""
        ...

    def take(self, delivery: Delivery, /) -> None:
        """Hand it a message."""

    def gone(self) -> None:
        """Tell it that the consumer is deleted."""


class MemoryConsumer:
    """A consumer.

    Args:
        config: How it is made.
        stream: Whose messages it hands out.
        clock: Where waits are read.
        abandoned: Called when nobody took from it for longer than it allows.
    """

    def __init__(
        self, config: ConsumerConfig, stream: MemoryStream, clock: Clock, abandoned: Callable[[], object]
    ) -> None:
        self.config = config
        self._takes = takes(config.patterns)
        self.takers: deque[Taker] = deque()
        self.pending: dict[int, float] = {}
        """Sequences that were delivered and have not ended, with the time when they come again."""
        self._stream = stream
        self._clock = clock
        self._abandoned = abandoned
        self._counts: dict[int, int] = {}
        self._again: dict[int, None] = {}
        self._delivered = 0
        self._handing = False
        self._timer: Timer | None = None
        self._due = float("inf")
        self._held_until = 0.0
        self._idle: Timer | None = None
        self._backlog: deque[int] = deque()
        self._next = self._begin(config)
        self.waiting = len(self._backlog) + sum(1 for one in stream.from_place(self._next) if self.wants(one.subject))
        """Messages that were never delivered."""
        self._watch()

    def _begin(self, config: ConsumerConfig) -> int:
        """Return the place where it goes on once the backlog is delivered."""
        stream, start = self._stream, config.deliver
        if isinstance(start, int):
            return start
        if isinstance(start, float):
            return next((one.sequence for one in stream.from_place(1) if one.time >= start), stream.last + 1)
        if start == "all":
            return 1
        if start != "new":
            last = [one.sequence for one in stream.last_per_subject(config.patterns)]
            self._backlog.extend(last[-1:] if start == "last" else last)
        return stream.last + 1

    def update(self, config: ConsumerConfig, /) -> None:
        """Take what may be changed of a consumer."""
        self.config = config
        self._takes = takes(config.patterns)
        self.waiting = len(self._backlog) + sum(
            1 for one in self._stream.from_place(self._next) if self.wants(one.subject)
        )
        self.hand_out()

    @property
    def again(self) -> int:
        """Messages that come again as soon as somebody takes them."""
        return len(self._again)

    # Following the stream -----------------------------------------------------------------------------------------

    def wants(self, subject: str, /) -> bool:
        """Whether its filters take a subject."""
        return bool(self._takes(subject))

    def awaits(self, message: Stored, /) -> bool:
        """Whether it will deliver a message for the first time."""
        return (message.sequence >= self._next and self.wants(message.subject)) or message.sequence in self._backlog

    def stored(self, message: Stored, /) -> None:
        """A message is there now."""
        if message.sequence >= self._next:
            self.waiting += 1
            self.hand_out()

    def removed(self, message: Stored, /) -> None:
        """A message is not there any more: it comes neither first nor again."""
        if message.sequence in self._counts:
            self._let_go(message.sequence)
        elif self.awaits(message):
            self.waiting -= 1

    # Out ----------------------------------------------------------------------------------------------------------

    def join(self, taker: Taker, /) -> None:
        """Hand out to one more."""
        self.takers.append(taker)
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        self.hand_out()

    def part(self, taker: Taker, /) -> None:
        """Hand nothing more to one: what it was handed stays with it until it has waited too long."""
        if taker in self.takers:
            self.takers.remove(taker)
            self._watch()

    def _watch(self) -> None:
        threshold = self.config.inactive_threshold
        if threshold is not None and not self.takers and self._idle is None:
            self._idle = self._clock.call_later(threshold, self._abandon)

    def _abandon(self) -> None:
        self._idle = None
        if self.pending and self._clock.time() < self._held_until:
            self._watch()  # who holds something may still settle it
        else:
            self._abandoned()

    def hand_out(self) -> None:
        """Hand out what comes again, then what is new, while somebody takes it."""
        if self._handing:
            return  # a taker ends a message while it is handed it
        self._handing = True
        try:
            while (taker := self._next_taker()) is not None and (message := self._next_message()) is not None:
                self._hand(taker, message)
        finally:
            self._handing = False

    def _next_taker(self) -> Taker | None:
        if self.config.push and len(self.takers) > 1:
            able = [taker for taker in self.takers if taker.room > 0]
            return random.choice(able) if able else None  # noqa: S311 - spreads load, hides nothing
        return next((taker for taker in self.takers if taker.room > 0), None)

    def _next_message(self) -> Stored | None:
        while self._again:
            sequence = next(iter(self._again))
            del self._again[sequence]
            if (message := self._stream[sequence]) is not None:
                return message
        if self.config.ack != "none" and len(self.pending) >= self.config.max_ack_pending:
            return None
        while self._backlog:
            if (message := self._stream[self._backlog.popleft()]) is not None:
                self.waiting -= 1
                return message
        for message in self._stream.from_place(self._next):
            self._next = message.sequence + 1
            if self.wants(message.subject):
                self.waiting -= 1
                return message
        self._next = max(self._next, self._stream.last + 1)
        return None

    def _hand(self, taker: Taker, message: Stored) -> None:
        sequence = message.sequence
        self._delivered += 1
        count = self._counts.get(sequence, 0) + 1
        if self.config.ack == "none":
            self._stream.done(self.config.name, sequence)
        else:
            self._counts[sequence] = count
            self._wait(sequence, self.config.wait(count))
        name, stream = self.config.name, self._stream.config.name
        stamp = int(message.time * NANOSECONDS)
        reply = f"$JS.ACK.{stream}.{name}.{count}.{sequence}.{self._delivered}.{stamp}.{self.waiting}"
        taker.take(Delivery(message, reply, self.config.headers_only))

    # Ends ---------------------------------------------------------------------------------------------------------

    def end(self, sequence: int, /) -> None:
        """A message ended, at whichever delivery; with `ack="all"` everything before it too."""
        if self.config.ack == "all":
            for before in [one for one in self._counts if one < sequence]:
                self._ended(before)
        self._ended(sequence)
        self.hand_out()

    def _ended(self, sequence: int) -> None:
        if sequence in self._counts:
            self._let_go(sequence)
            self._stream.done(self.config.name, sequence)

    def return_(self, sequence: int, delay: float, /) -> None:
        """A message is to come again, in so many seconds."""
        if sequence in self.pending:
            self._wait(sequence, delay)
            self._expire()

    def renew(self, sequence: int, /) -> None:
        """A message is still being handled: its wait begins anew."""
        if sequence in self.pending and sequence not in self._again:
            self._wait(sequence, self.config.wait(self._counts[sequence]))

    def _let_go(self, sequence: int) -> None:
        del self._counts[sequence]
        self.pending.pop(sequence, None)
        self._again.pop(sequence, None)

    def _wait(self, sequence: int, seconds: float) -> None:
        due = self.pending[sequence] = self._clock.time() + seconds
        self._held_until = max(self._held_until, due)
        if due < self._due:
            if self._timer is not None:
                self._timer.cancel()
            self._due = due
            self._timer = self._clock.call_later(seconds, self._expire)

    def _expire(self) -> None:
        """Let come again what has waited long enough, unless it was delivered as often as it may be."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._due = None, float("inf")
        now = self._clock.time() + 1e-9
        for sequence, due in list(self.pending.items()):
            if due <= now and sequence not in self._again:
                if self.config.max_deliver is not None and self._counts[sequence] >= self.config.max_deliver:
                    del self.pending[sequence]
                else:
                    self._again[sequence] = None
        later = [due for sequence, due in self.pending.items() if sequence not in self._again]
        if later:
            self._due = min(later)
            self._timer = self._clock.call_later(self._due - self._clock.time(), self._expire)
        self.hand_out()

    def close(self) -> None:
        """Forget the timers, and tell who takes from it."""
        for timer in (self._timer, self._idle):
            if timer is not None:
                timer.cancel()
        for taker in tuple(self.takers):
            taker.gone()


def updated(old: ConsumerConfig, new: ConsumerConfig, /) -> str | None:
    """Say what cannot be changed of a consumer, None when everything that differs can."""
    for name, word in (("deliver", "deliver policy"), ("ack", "ack policy")):
        if getattr(old, name) != getattr(new, name):
            return f"{word} can not be updated"
    if evolve(old, push=new.push, deliver_group=new.deliver_group) != old:
        return "deliver subject can not be updated" if old.push != new.push else "deliver group can not be updated"
    return None
