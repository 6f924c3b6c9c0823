"""What becomes of a received message: a closed set, returned from a handler or raised anywhere below it."""

from typing import final


class Outcome(Exception):  # noqa: N818 - not an error: raised only to leave a deep call
    """What becomes of one message; exactly one outcome is applied, once, after the work.

    Outcomes compare by value. They are exceptions only so that `raise` works from deep inside a call; a raised
    outcome is not an error and does not pass through the error rules. A handler that returns anything else is `Ack`.
    """

    @property
    def reason(self) -> str:
        """Why, in the handler's words; empty for `Ack`."""
        return ""

    def __eq__(self, other: object) -> bool:
        """Compare class and arguments."""
        return type(self) is type(other) and self.args == getattr(other, "args", None)

    def __hash__(self) -> int:
        """Hash class and arguments."""
        return hash((type(self), self.args))


@final
class Ack(Outcome):
    """Handled: the broker may forget the message."""

    def __init__(self) -> None:
        super().__init__()


@final
class Retry(Outcome):
    """Handle the message again, as one more attempt of its `RetryPolicy`; dead-lettered when attempts are used up.

    Args:
        after: Seconds to wait, a floor; None takes the delay of the policy.
        reason: For logs, metrics and the diagnostic headers.
        pause: Also pause the whole subscription for that time; no attempt is counted.
    """

    def __init__(self, after: float | None = None, *, reason: str = "", pause: bool = False) -> None:
        if after is not None and not after >= 0:
            raise ValueError(f"Retry(after={after}): seconds are 0 or more")
        super().__init__(after, reason, pause)

    @property
    def after(self) -> float | None:
        """Seconds to wait, or None for the delay of the policy."""
        after: float | None = self.args[0]
        return after

    @property
    def reason(self) -> str:
        """Why, for logs, metrics and the diagnostic headers."""
        return str(self.args[1])

    @property
    def pause(self) -> bool:
        """Whether the whole subscription waits."""
        return bool(self.args[2])


@final
class DeadLetter(Outcome):
    """Move the original bytes, key and headers, with diagnostics, to the dead-letter address; no further attempt.

    Args:
        reason: Why, in a few words.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)

    @property
    def reason(self) -> str:
        """Why, in a few words."""
        return str(self.args[0])


@final
class Drop(Outcome):
    """Throw the message away on purpose; the reason is counted and logged.

    Args:
        reason: Why, in a few words.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)

    @property
    def reason(self) -> str:
        """Why, in a few words."""
        return str(self.args[0])
