"""What messages of a stream are held under: a consumer, to which each of them is settled by itself."""

import asyncio
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

Told: TypeAlias = tuple[str, bytes, str, None]
"""Reply subject of a delivery and what its consumer is told there, as a client publishes it."""

ACKED: Final = b"+ACK"
RETURNED: Final = b"-NAK"
WORKING: Final = b"+WPI"
ENDED: Final = b"+TERM"
"""What a consumer understands (NATS: acknowledgement models)."""


class Acks:
    """Tells consumers what became of their deliveries: all of one turn of the loop at once, in order.

    Args:
        send: Publishes what was told; must not raise.
    """

    def __init__(self, send: Callable[[Sequence[Told]], object]) -> None:
        self.told: list[Told] = []
        """What was not sent yet; whoever adds the first calls `arm`."""
        self._send = send
        self._loop = asyncio.get_running_loop()

    def tell(self, reply: str, body: bytes, /) -> None:
        """Tell something to a reply subject."""
        if not self.told:
            self.arm()
        self.told.append((reply, body, "", None))

    def arm(self) -> None:
        """Send at the end of this turn."""
        self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Send now."""
        told, self.told = self.told, []
        if told:
            self._send(told)


class StreamClaim:
    """The messages of one subject from one consumer, for as long as that is there: a reconnect does not end it.

    Args:
        subject: Prefix included.
        consumer: Its name, for people.
        acks: What tells the consumer; None where nothing is acknowledged.
    """

    __slots__ = ("_acks", "_consumer", "_said", "live", "node", "parts", "stored", "subject")

    def __init__(self, subject: Subject, consumer: str, acks: Acks | None) -> None:
        self.live = self.stored = True
        self.subject = subject
        self.parts: Mapping[str, int] = subject.parts
        self.node = secrets.token_hex(6)
        self._consumer = consumer
        self._acks = acks
        self._said = False

    @property
    def address(self) -> str:
        """The subject, a wildcard maybe."""
        return self.subject.pattern

    def settle(self, message: Message, outcome: Outcome, /) -> None:
        """Acknowledge, give back or end a delivery; the consumer holds what is given back as long as it is told to."""
        acks = self._acks
        if acks is None:
            return
        if not self.live:
            self._unheard()
            return
        kind = type(outcome)
        what = ACKED if kind is Ack else _returned(outcome) if isinstance(outcome, Retry) else _ended(outcome)
        if not acks.told:
            acks.arm()
        acks.told.append((message.raw.reply, what, "", None))  # type: ignore[attr-defined]  # those of a stream have one

    def renew(self, message: ReceivedMessage, /) -> None:
        """Renew `ack_wait`. Raises LifecycleError where nothing is acknowledged."""
        if self._acks is None:
            raise LifecycleError(f"{self._consumer} acknowledges nothing, so there is no ack_wait to renew")
        if self.live:
            self._acks.tell(message.raw.reply, WORKING)

    def _unheard(self) -> None:
        """Say once that the consumer is gone: the server takes what it is told then, and does nothing."""
        if not self._said:
            self._said = True
            fields = {"consumer": self._consumer, "address": self.address}
            text = "%s is gone: what was taken from it and ends now is settled nowhere, and may come again"
            _log.warning(text, self._consumer, extra={"fields": fields})


def _returned(outcome: Retry) -> bytes:
    return RETURNED + b' {"delay":%d}' % (outcome.after * 1e9) if outcome.after else RETURNED


def _ended(outcome: Outcome) -> bytes:
    return ENDED + b" " + outcome.reason.encode("utf-8", "replace") if outcome.reason else ENDED


class StreamClaims:
    """The claims of one consumer, one a subject.

    Args:
        subjects: Prefix included; no two of them overlap.
        consumer: Its name, for people.
        acks: What tells the consumer; None where nothing is acknowledged.
    """

    def __init__(self, subjects: Iterable[Subject], consumer: str, acks: Acks | None) -> None:
        self.all: Sequence[StreamClaim] = [StreamClaim(subject, consumer, acks) for subject in subjects]
        self._only = self.all[0] if len(self.all) == 1 else None
        self._position = 0

    def received(self, delivered: Received, /) -> ReceivedMessage:
        """Return a delivery as a message."""
        self._position += 1
        claim = self._only or self._claim_of(delivered.subject)
        return ReceivedMessage(delivered, claim, self._position)

    def _claim_of(self, subject: str) -> StreamClaim:
        return next((one for one in self.all if matches(one.subject.pattern, subject)), self.all[0])

    @property
    def live(self) -> bool:
        """Whether the consumer is there."""
        return self.all[0].live

    def end(self) -> None:
        """The consumer is gone."""
        for claim in self.all:
            claim.live = False
