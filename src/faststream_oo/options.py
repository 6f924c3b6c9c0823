"""Options of handlers and of published messages; the same names in class keywords, decorators and settings."""

from collections.abc import Callable, Mapping, Sequence
from random import random
from typing import Any, Literal, TypeAlias, TypedDict

from attrs import field, frozen

from faststream_oo.codec import Codec
from faststream_oo.markers import Field, Header, Key, Path
from faststream_oo.middleware import Middleware
from faststream_oo.outcome import Outcome
from faststream_oo.values import is_number, number


@frozen
class Exponential:
    """A delay that grows: `first`, `first * factor`, … up to `cap`.

    Attributes:
        first: Seconds before the second attempt.
        cap: Longest delay in seconds.
        factor: Growth from one attempt to the next.
        jitter: Largest random lengthening as a share of the delay; a delay is never shortened.
    """

    first: float = field(default=0.2, validator=number(least=0))
    cap: float = field(default=10.0, kw_only=True, validator=number(least=0))
    factor: float = field(default=2.0, kw_only=True, validator=number(least=1))
    jitter: float = field(default=0.1, kw_only=True, validator=number(least=0))

    def longest(self, retry: int, /) -> float:
        """Return the longest delay in seconds before retry number `retry`, counted from 1."""
        return self.floor(retry) * (1 + self.jitter)

    def floor(self, retry: int, /) -> float:
        """Return the shortest delay in seconds before retry number `retry`, counted from 1."""
        try:
            grown = self.first * self.factor ** (retry - 1)
        except OverflowError:
            return self.cap
        return min(grown, self.cap)


def _positive_delays(instance: object, attribute: object, value: Any) -> None:
    if isinstance(value, Exponential):
        return
    several = isinstance(value, Sequence) and not isinstance(value, str)
    delays: list[Any] = [*value] if several else [value]
    if not all(map(is_number, delays)):
        raise TypeError(f"RetryPolicy.delay must be a number, a list of numbers or Exponential(…), not {value!r}")
    if not all(delay >= 0 for delay in delays):
        raise ValueError(f"delay={value}: seconds are 0 or more")


@frozen
class RetryPolicy:
    """How often a failed message is tried again before it is dead-lettered.

    A crash or a lost claim starts the calls in place again.

    Attributes:
        attempts: Handler calls in place, the first included; its lane (key or partition) waits, others go on.
        delay: Seconds before each further call in place: one number, one number a call (the last one repeats), or
            `Exponential`.
        deadline: Seconds since the first failure after which no attempt is started; None for no limit.
    """

    attempts: int = field(default=5, validator=number(least=1))
    delay: float | Sequence[float] | Exponential = field(
        default=Exponential(), kw_only=True, validator=_positive_delays
    )
    deadline: float | None = field(default=None, kw_only=True, validator=number(above=0))

    def wait(self, retry: int, /) -> float:
        """Return the seconds to wait before retry number `retry`, counted from 1, jitter included."""
        delay = self.delay
        if isinstance(delay, Exponential):
            return delay.floor(retry) * (1 + delay.jitter * random())  # noqa: S311 - spreads load, hides nothing
        return self.longest(retry)

    def longest(self, retry: int, /) -> float:
        """Return the longest wait in seconds before retry number `retry`, counted from 1."""
        delay = self.delay
        if isinstance(delay, Exponential):
            return delay.longest(retry)
        if isinstance(delay, Sequence):
            return float(delay[min(retry, len(delay)) - 1]) if delay else 0.0
        return float(delay)

    @property
    def longest_wait(self) -> float:
        """The longest time in seconds that all attempts in place may wait together."""
        waited = sum(self.longest(retry) for retry in range(1, self.attempts))
        return waited if self.deadline is None else min(waited, self.deadline)


ErrorRules: TypeAlias = Mapping[type[Exception], Outcome | RetryPolicy | Callable[[Exception], Outcome | RetryPolicy]]
"""What an exception leads to; the class nearest to the raised one wins, then its `__cause__` is looked at."""

OrderedBy: TypeAlias = Key | Header | Path | Field
"""Messages that are equal in this run one at a time, in order of arrival; a retry in place holds only them."""

Delivery: TypeAlias = Literal["at_least_once", "at_most_once", "manual"]
"""When a message is settled: after its work (default), before it, or by `message.settle()` alone."""

Topology: TypeAlias = Literal["off", "verify", "create"]
"""What is done with declared addresses at start: nothing, compare and refuse, or make what is missing (never change)."""


class DocsOptions(TypedDict, total=False):
    """How an operation shows in `describe`.

    Attributes:
        title: Short name.
        description: What it is for. Default: the method's docstring.
        tags: Words to group by; scopes add up.
    """

    title: str
    description: str
    tags: Sequence[str]


class ConsumeOptions(DocsOptions, total=False):
    """Options of every protocol's consumers; a later scope replaces an earlier one unless it says otherwise.

    Attributes:
        concurrency: Handlers of one subscription that run at once. Default 1.
        prefetch: Messages held unsettled at most. Default 100 (500 on Kafka), and at least 2 × concurrency.
        timeout: Seconds one attempt may take; then it is cancelled and fails with TimeoutError. Default none.
        retry: For exceptions without a rule in `errors`. Default `RetryPolicy()`.
        errors: Rules by exception class; scopes are merged, the nearer scope wins for an equal class.
        unmatched: For messages no handler takes. Default `DeadLetter("unmatched")`.
        codec: A codec, or its class to take it from the container. Default the broker's.
        middlewares: Objects, or classes to take from the container; scopes add up, the broker's outermost.
        tag: Body field that names the contract of a tagged union. Default: the `fsoo-type` header only.
        outbox: Hold publishes made while handling until the handler succeeds; the slot goes on while they are confirmed,
            and the input is settled after. "confirm": the slot waits. False: they are sent at once. Default True.
        reply: Answer messages that carry `reply_to` with the handler's return value. Default True.
        enabled: False leaves the subscription out; meant for settings. Default True.
    """

    concurrency: int
    prefetch: int
    timeout: float | None
    retry: RetryPolicy
    errors: ErrorRules
    unmatched: Outcome
    codec: Codec | type[Codec]
    middlewares: Sequence[Middleware | type[Middleware]]
    tag: str
    outbox: bool | Literal["confirm"]
    reply: bool
    enabled: bool


class ProduceOptions(DocsOptions, total=False):
    """Options of every protocol's `@produces` and `@requests`.

    Attributes:
        key: Name of the body's field whose value is the message's key (`customer.id` for a nested one).
        headers: Headers of every message; `Outgoing.headers` wins for an equal name.
        codec: A codec, or its class to take it from the container. Default the broker's.
        middlewares: Objects, or classes to take from the container; scopes add up, the broker's outermost.
        outbox: False sends at once even while a message is being handled. Default True; refused on `@requests`.
        confirm_timeout: Seconds to wait for the broker's confirmation. Default 30.
    """

    key: str
    headers: Mapping[str, str]
    codec: Codec | type[Codec]
    middlewares: Sequence[Middleware | type[Middleware]]
    outbox: bool
    confirm_timeout: float
