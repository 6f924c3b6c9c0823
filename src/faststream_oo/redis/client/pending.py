"""What a stream's source holds: the entries of its pending list, and their settles, gathered."""

import secrets
from collections.abc import Iterable, Sequence
from math import ceil
from typing import Any, Final, cast

from faststream_oo.message import Message
from faststream_oo.outcome import Outcome, Retry
from faststream_oo.redis.client.commands import Command
from faststream_oo.redis.client.settling import Settling
from faststream_oo.redis.client.wire import Wire
from faststream_oo.redis.envelope import FieldContent
from faststream_oo.redis.message import ReceivedMessage

_RENEWED: Final = 500
"""Entries that are renewed by one command."""


class PendingList:
    """The claim of one source: entries that its consumer was given, until they are settled.

    Args:
        stream: Key, prefix included.
        group: Whole name of the group, None when nothing is settled.
        consumer: Name of the consumer.
        lease: Seconds until others may take over what is not renewed.
        wire: What settles are sent over.
    """

    def __init__(self, stream: str, group: str | None, consumer: str, lease: float, wire: Wire) -> None:
        self.live = True
        self.address = stream
        self.content = FieldContent()
        self.node = secrets.token_hex(6)
        self.held: dict[bytes, None] = {}
        """Ids of entries that are handled here, in order of arrival."""
        self._group = group
        self._consumer = consumer
        self._lease = round(lease * 1000)
        self._wire = wire
        self._position = 0
        self._ended: list[bytes] = []
        self._given: dict[int, list[bytes]] = {}  # by the milliseconds that they are said to have been idle
        self.settling = Settling(stream, wire, self._gathered)
        """Sends what is settled here."""

    def messages(self, entries: Iterable[Sequence[Any]], /) -> Sequence[ReceivedMessage]:
        """Return entries that are not held yet as messages, and hold them; those that were deleted are settled."""
        found: list[ReceivedMessage] = []
        held, settled = self.held, self._group is not None
        for entry, fields in entries:
            if not fields:
                self._ended.append(entry)
            elif not settled or entry not in held:
                self._position += 1
                found.append(ReceivedMessage(fields, self, self._position, entry))
                if settled:
                    held[entry] = None
        if self._ended:
            self.settling.arm()
        return found

    def settle(self, message: Message, outcome: Outcome, /) -> None:
        """Note how an entry ended; what is given back can be taken over after the rest of its delay, a lease at most."""
        if not self.live or self._group is None:
            return
        entry = cast("bytes", cast(ReceivedMessage, message).entry)
        self.held.pop(entry, None)
        if isinstance(outcome, Retry):
            self._return(entry, outcome.after or 0.0)
        else:
            self._ended.append(entry)
        if not self.settling.armed:
            self.settling.arm()

    def give_back(self, entries: Iterable[Sequence[Any]], /) -> None:
        """Give back entries that were read and are not handled here."""
        for entry, _ in entries:
            if entry not in self.held:
                self._return(entry, 0.0)
        self.settling.send()

    def _return(self, entry: bytes, rest: float) -> None:
        """Let others take an entry over in `rest` seconds, or in a lease where that is sooner."""
        self._given.setdefault(max(0, self._lease - ceil(rest * 1000)), []).append(entry)

    def _gathered(self) -> Sequence[Command]:
        """Return what is to be sent, and forget it."""
        commands: list[Command] = []
        if self._ended:
            commands.append(("XACK", self.address, self._group or "", *self._ended))
            self._ended = []
        commands += [self._claiming(entries, idle) for idle, entries in self._given.items()]
        self._given = {}
        return commands

    def _claiming(self, entries: Sequence[bytes], idle: int) -> Command:
        """Return what sets how long entries of this consumer have been idle, without counting a delivery."""
        claim = ("XCLAIM", self.address, self._group or "", self._consumer, 0)
        return (*claim, *entries, "IDLE", idle, "JUSTID")

    async def renew(self) -> None:
        """Keep others from taking over what is handled here. Raises TransportError."""
        held = list(self.held)
        pages = [held[at : at + _RENEWED] for at in range(0, len(held), _RENEWED)]
        if pages:
            await self._wire.ask(*(self._claiming(page, 0) for page in pages))
