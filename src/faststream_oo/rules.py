"""What an exception of a handler leads to."""

from faststream_oo.clock import Clock
from faststream_oo.errors import DecodeError, MessageError
from faststream_oo.message import Message
from faststream_oo.options import ErrorRules, RetryPolicy
from faststream_oo.outcome import DeadLetter, Outcome, Retry


class Rules:
    """What an exception leads to.

    Args:
        retry: For exceptions without a rule.
        errors: Rules by class.
        clock: Where the deadline of a policy is read.
    """

    def __init__(self, retry: RetryPolicy, errors: ErrorRules, clock: Clock) -> None:
        self._retry = retry
        self._errors = dict(errors)
        self._clock = clock

    def decide(self, message: Message, error: BaseException, /) -> Outcome:
        """Return the outcome of an exception; a Retry carries its seconds, used-up attempts are a DeadLetter."""
        if isinstance(error, Outcome):
            return self.applied(message, error)
        if isinstance(error, MessageError):
            rule = self._rule(error, within=MessageError)
            reason = "undecodable" if isinstance(error, DecodeError) else "fatal"
            return DeadLetter(reason) if rule is None else self._ruled(message, rule)
        if not isinstance(error, Exception):
            return self._again(message, self._retry)
        return self._ruled(message, self._rule(error, within=Exception) or self._retry)

    def applied(self, message: Message, outcome: Outcome, /) -> Outcome:
        """Return an outcome with a Retry's seconds filled in, or its DeadLetter when attempts are used up."""
        if not isinstance(outcome, Retry):
            return outcome
        if outcome.pause:
            after = self._retry.wait(1) if outcome.after is None else outcome.after
            return Retry(after, reason=outcome.reason, pause=True)
        return self._again(message, self._retry, outcome.after, outcome.reason)

    def _ruled(self, message: Message, rule: Outcome | RetryPolicy) -> Outcome:
        return self.applied(message, rule) if isinstance(rule, Outcome) else self._again(message, rule)

    def _rule(self, error: BaseException, within: type[Exception]) -> Outcome | RetryPolicy | None:
        seen: BaseException | None = error
        while seen is not None:
            for cls in type(seen).__mro__:
                if cls in self._errors and issubclass(cls, within):
                    rule = self._errors[cls]
                    return rule if isinstance(rule, (Outcome, RetryPolicy)) else rule(seen)  # type: ignore[arg-type]
            seen = seen.__cause__
        return None

    def _again(self, message: Message, policy: RetryPolicy, after: float | None = None, reason: str = "") -> Outcome:
        calls = message.attempt
        if calls >= policy.attempts:
            return DeadLetter("exhausted")
        wait = policy.wait(calls) if after is None else after
        now = self._clock.time()
        if message.first_failed is None:
            message.first_failed = now
        if policy.deadline is not None and now + wait > message.first_failed + policy.deadline:
            return DeadLetter("exhausted")
        return Retry(wait, reason=reason)
