"""What a core NATS subscription holds its messages under, and the account of what is lost."""

import logging
import secrets
from collections.abc import Callable, Sequence

from attrs import field, frozen

from faststream_oo.address import Address
from faststream_oo.errors import LifecycleError, TransportError
from faststream_oo.message import Message
from faststream_oo.nats.address import Subject, group_problem, pattern_problem, subjects_of
from faststream_oo.outcome import Outcome, Retry
from faststream_oo.values import number

_log = logging.getLogger("faststream_oo")


@frozen
class Limits:
    """What may wait in the client's buffer of one subscription; more is dropped and counted (nats-py's defaults).

    Attributes:
        messages: Number of messages.
        bytes: Bytes of their bodies.
    """

    messages: int = field(default=524_288, kw_only=True, validator=number(least=1))
    bytes: int = field(default=128 * 1024 * 1024, kw_only=True, validator=number(least=1))


class Losses:
    """Counts what is lost, and says so at the first, the tenth, the hundredth message and so on.

    Args:
        address: Whose messages.
    """

    def __init__(self, address: str) -> None:
        self.total = 0
        self._address = address
        self._next = 1

    def add(self, why: str, /) -> None:
        """Count one more."""
        self.total += 1
        if self.total == self._next:
            self._next *= 10
            self._say(why)

    def close(self) -> None:
        """Say how many it were, if that was not said."""
        if self.total and self.total * 10 != self._next:
            self._say("in all")

    def _say(self, why: str) -> None:
        fields = {"address": self._address, "lost": self.total, "reason": why}
        text = "%s: %d messages are lost, core NATS keeps nothing: %s"
        _log.error(text, self._address, self.total, why, extra={"fields": fields})


class SubjectClaim:
    """One subscription to one subject, for as long as its source lives: a reconnect does not end it.

    Args:
        subject: Prefix included.
        lost: Told of each message that is given back, which nobody will deliver again.
    """

    __slots__ = ("_lost", "live", "node", "parts", "stored", "subject")

    def __init__(self, subject: Subject, lost: Callable[[str], object]) -> None:
        self.live = True
        self.stored = False
        self.subject = subject
        self.parts = subject.parts
        self.node = secrets.token_hex(6)
        self._lost = lost

    @property
    def address(self) -> str:
        """The subject, a wildcard maybe."""
        return self.subject.pattern

    def renew(self, message: Message, /) -> None:
        """Refuse: core NATS waits for nothing."""
        raise LifecycleError("core NATS has no ack_wait to renew; a message of a stream has")

    def settle(self, message: Message, outcome: Outcome, /) -> None:
        """Note what was not handled; there is nobody to tell about the rest."""
        if type(outcome) is Retry:
            self._lost("not handled before the stop")


def claims_of(address: Address, group: str | None, lost: Callable[[str], object], /) -> Sequence[SubjectClaim]:
    """Return a claim for each subject of an address. Raises TransportError for what NATS would refuse."""
    subjects = subjects_of(address)
    problems = [pattern_problem(subject.name) for subject in subjects] or [f"{address!r} is no address of NATS"]
    problems.append(None if group is None else group_problem(group))
    for problem in problems:
        if problem is not None:
            raise TransportError(problem)
    return [SubjectClaim(subject, lost) for subject in subjects]
