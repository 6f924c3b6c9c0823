"""What messages of a stream are held under: a consumer, to which each of them is settled by itself."""

import logging
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, TypeAlias

from faststream_oo.errors import LifecycleError
from faststream_oo.message import Message
from faststream_oo.nats.address import Subject, matches
from faststream_oo.nats.message import Received, ReceivedMessage
from faststream_oo.outcome import Ack, Outcome, Retry

_log = logging.getLogger("faststream_oo")

Tell: TypeAlias = Callable[[str, bytes], object]
"""Publishes to the reply subject of a delivery: cheap, in order, never raises."""

ACKED: Final = b"+ACK"
RETURNED: Final = b"-NAK"
WORKING: Final = b"+WPI"
ENDED: Final = b"+TERM"
"""What a consumer understands (NATS: acknowledgement models)."""


class StreamClaim:
    """The messages of one subject from one consumer, for as long as that is there: a reconnect does not end it.

    Args:
        subject: Prefix included.
        consumer: Its name, for people.
        tell: What reaches the consumer; None where nothing is acknowledged.
    """

    __slots__ = ("_consumer", "_said", "_tell", "live", "node", "parts", "stored", "subject")

    def __init__(self, subject: Subject, consumer: str, tell: Tell | None) -> None:
        self.live = self.stored = True
        self.subject = subject
        self.parts: Mapping[str, int] = subject.parts
        self.node = secrets.token_hex(6)
        self._consumer = consumer
        self._tell = tell
        self._said = False

    @property
    def address(self) -> str:
        """The subject, a wildcard maybe."""
        return self.subject.pattern

    def settle(self, message: Message, outcome: Outcome, /) -> None:
        """Acknowledge, give back or end a delivery."""
        if self._tell is None:
            return
        if not self.live:
            self._unheard()
            return
        kind = type(outcome)
        told = ACKED if kind is Ack else RETURNED if kind is Retry else _ended(outcome)
        self._tell(message.raw.reply, told)  # type: ignore[attr-defined]  # those of a stream have one

    def renew(self, message: ReceivedMessage, /) -> None:
        """Renew `ack_wait`. Raises LifecycleError where nothing is acknowledged."""
        if self._tell is None:
            raise LifecycleError(f"{self._consumer} acknowledges nothing, so there is no ack_wait to renew")
        if self.live:
            self._tell(message.raw.reply, WORKING)

    def _unheard(self) -> None:
        """Say once that the consumer is gone: the server takes what it is told then, and does nothing."""
        if not self._said:
            self._said = True
            fields = {"consumer": self._consumer, "address": self.address}
            text = "%s is gone: what was taken from it and ends now is settled nowhere, and may come again"
            _log.warning(text, self._consumer, extra={"fields": fields})


def _ended(outcome: Outcome) -> bytes:
    return ENDED + b" " + outcome.reason.encode("utf-8", "replace") if outcome.reason else ENDED


class StreamClaims:
    """The claims of one consumer, one a subject.

    Args:
        subjects: Prefix included; no two of them overlap.
        consumer: Its name, for people.
        tell: What reaches the consumer; None where nothing is acknowledged.
    """

    def __init__(self, subjects: Iterable[Subject], consumer: str, tell: Tell | None) -> None:
        self.all: Sequence[StreamClaim] = [StreamClaim(subject, consumer, tell) for subject in subjects]
        self._only = self.all[0] if len(self.all) == 1 else None
        self._position = 0

    def received(self, delivered: Received, /) -> ReceivedMessage:
        """Return a delivery as a message."""
        self._position += 1
        claim = self._only or self._claim_of(delivered.subject)
        return ReceivedMessage(delivered, claim, self._position)

    def _claim_of(self, subject: str) -> StreamClaim:
        return next((one for one in self.all if matches(one.subject.pattern, subject)), self.all[0])

    def end(self) -> None:
        """The consumer is gone."""
        for claim in self.all:
            claim.live = False
