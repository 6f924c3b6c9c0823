"""What an application did, as a test wants to see it."""

import asyncio
from collections.abc import Awaitable, Iterable, Mapping
from typing import Any, TypeVar

from attrs import frozen

from faststream_oo.address import Address
from faststream_oo.deadletters import DeadLettered, read_dead_letter
from faststream_oo.message import Message
from faststream_oo.outcome import Outcome
from faststream_oo.transport import Frame

T = TypeVar("T")


@frozen
class Sent:
    """One message that the application sent."""

    address: Address
    frame: Frame


class View(list[T]):
    """A list whose text also says what else was there, for the message of a failed assertion."""

    def __init__(self, items: Iterable[T], others: str) -> None:
        super().__init__(items)
        self._others = others

    def __repr__(self) -> str:
        """Show the items, then the rest."""
        shown = super().__repr__()
        return f"{shown} ({self._others})" if self._others else shown


class Recorder:
    """Keeps what an application sent, how its attempts ended, and its dead letters."""

    def __init__(self) -> None:
        self.published: list[Sent] = []
        self.outcomes: list[tuple[str, Outcome]] = []
        self.letters: list[DeadLettered] = []
        self.given: list[str] = []
        """Whole addresses that the test published to."""
        self.answered: set[str] = set()
        """Ids of requests that were answered."""
        self._open: set[asyncio.Future[Any]] = set()

    @property
    def waiting(self) -> int:
        """Publishes that are not confirmed yet."""
        return len(self._open)

    def sent(self, address: Address, frame: Frame, confirmed: Awaitable[Any] | None, /) -> None:
        """Keep a message."""
        self.published.append(Sent(address, frame))
        if "fsoo-status" in frame.headers:
            self.answered.add(frame.headers.get("fsoo-request-id", ""))
        if isinstance(confirmed, asyncio.Future) and not confirmed.done():
            self._open.add(confirmed)
            confirmed.add_done_callback(self._open.discard)

    def ended(self, handler: str, message: Message, outcome: Outcome, /) -> None:
        """Keep an outcome."""
        self.outcomes.append((handler, outcome))

    def buried(self, subscription: str, message: Message, headers: Mapping[str, str], /) -> None:
        """Keep a dead letter."""
        self.letters.append(read_dead_letter(message, headers))
