"""Dead letters: the original bytes, key and headers, with why they are here."""

import platform
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from attrs import field, frozen

from faststream_oo.address import Address
from faststream_oo.broker import Broker
from faststream_oo.errors import error_type
from faststream_oo.message import Message
from faststream_oo.transport import Frame

_LONGEST: Final = 8 * 1024  # bytes of one diagnostic header
_ALL: Final = 32 * 1024  # bytes of all of them
_LARGE: Final = ("fsoo-error-stack", "fsoo-error-cause", "fsoo-error-message")
"""What is shortened first, in this order, and left out when the broker refuses the letter."""

_DIAGNOSTIC: Final = frozenset({
    "fsoo-dl-reason", "fsoo-dl-null", "fsoo-error-type", "fsoo-error-message", "fsoo-error-stack", "fsoo-error-cause",
    "fsoo-failed-at", "fsoo-consumer", "fsoo-group", "fsoo-host", "fsoo-origin", "fsoo-origin-timestamp", "fsoo-attempt",
})  # fmt: skip


@frozen
class DeadLettered:
    """One dead letter: the original, untouched, and why it is here.

    Attributes:
        id: Identity of the original message.
        body: Its bytes.
        headers: Its headers without the diagnostic ones.
        key: Its key.
        reason: `exhausted`, `fatal`, `undecodable`, `unmatched`, or a handler's own words.
        error: Class and text of the last error, empty when there was none.
        attempts: Handler calls it got.
        origin: URI of its place, as `kafka://orders.placed/3/42`.
        failed_at: When it was given up, in UTC.
        consumer: Name of the handler or subscription that gave it up.
        message: What was read: the letter at its own address, or the original in a Harness.
    """

    id: str = field(kw_only=True)
    body: bytes = field(kw_only=True)
    headers: Mapping[str, str] = field(kw_only=True)
    key: bytes | None = field(kw_only=True)
    reason: str = field(kw_only=True)
    error: str = field(kw_only=True)
    attempts: int = field(kw_only=True)
    origin: str = field(kw_only=True)
    failed_at: datetime = field(kw_only=True)
    consumer: str = field(kw_only=True)
    message: Message = field(kw_only=True, eq=False, repr=False)


def read_dead_letter(message: Message, diagnostics: Mapping[str, str] | None = None, /) -> DeadLettered:
    """Read a message of a dead-letter address, or an original with the diagnostics that were written with it."""
    headers = {**message.headers, **(diagnostics or {})}
    kind, text = headers.get("fsoo-error-type", ""), headers.get("fsoo-error-message", "")
    return DeadLettered(
        id=message.id,
        body=message.body,
        headers={name: value for name, value in headers.items() if name not in _DIAGNOSTIC},
        key=message.key,
        reason=headers.get("fsoo-dl-reason", ""),
        error=f"{kind}: {text}" if text else kind,
        attempts=int(headers.get("fsoo-attempt", "0")),
        origin=headers.get("fsoo-origin", ""),
        failed_at=datetime.fromisoformat(headers.get("fsoo-failed-at", "1970-01-01T00:00:00+00:00")),
        consumer=headers.get("fsoo-consumer", ""),
        message=message,
    )


class DeadLetterWriter:
    """Writes the dead letters of one subscription.

    Args:
        broker: Where they are written.
        name: Of the subscription.
        group: Its group, prefix included.
        address: Where they go, whole; None for the derived address of each message's own.
        of: Whole address of the subscription, where a message's own does not tell enough.
    """

    def __init__(
        self, broker: Broker, name: str, group: str | None, address: Address | None, of: Address | None = None
    ) -> None:
        self._broker = broker
        self._name = name
        self._group = group
        self._address = address
        self._of = of
        self.dropped = 0
        """Messages given up for which there is no address."""
        self._derived: dict[str, Address | None] = {}

    def address_of(self, source: str, /) -> Address | None:
        """Return where the dead letters of a concrete address go, None where there is no such place."""
        if self._address is not None:
            return self._address
        if source not in self._derived:
            self._derived[source] = (
                self._broker.dead_letter(source, self._group)
                if self._of is None
                else self._broker.dead_letter_of(self._of, source, self._group)
            )
        return self._derived[source]

    async def write(
        self, message: Message, reason: str, error: BaseException | None, /, *, small: bool = False
    ) -> bool:
        """Publish one dead letter and return when it is confirmed; False when there is no address for it.

        Such a message is counted; the line that the settlement logs is all that is left of it.

        Args:
            message: The original.
            reason: Why.
            error: The last error.
            small: Leave out what may make the letter too large.

        Raises:
            PublishError: The broker did not take it.
        """
        address = self.address_of(message.address)
        headers = self._headers(message, reason, error)
        if small:
            for name in _LARGE:
                headers.pop(name, None)
        frame = Frame(None, _capped(headers), copy_of=message)
        if address is None:
            self.dropped += 1
        else:
            await self._broker.ensure(address)
            confirmed = self._broker.sender(address).send(frame)
            if confirmed is not None:
                await self._broker.confirmations.watch(confirmed, 30.0)
        if (observer := self._broker.observer) is not None:
            observer.buried(self._name, message, frame.headers)
        return address is not None

    def _headers(self, message: Message, reason: str, error: BaseException | None) -> dict[str, str]:
        headers = {
            "fsoo-dl-reason": reason,
            "fsoo-consumer": self._name,
            "fsoo-host": platform.node(),
            "fsoo-failed-at": datetime.now(UTC).isoformat(),
            "fsoo-attempt": str(message.attempt),
            "fsoo-origin": message.origin,
            **_error_headers(error),
        }
        if self._group:
            headers["fsoo-group"] = self._group
        if "fsoo-id" not in message.headers:
            headers["fsoo-id"] = message.id
        timestamp: Any = getattr(message, "timestamp", None)
        if isinstance(timestamp, datetime):
            headers["fsoo-origin-timestamp"] = timestamp.isoformat()
        # Of a letter that fails again the first origin stays, with the last error.
        for first in ("fsoo-origin", "fsoo-origin-timestamp"):
            if first in message.headers and "fsoo-dl-reason" in message.headers:
                headers[first] = message.headers[first]
        return headers


def _error_headers(error: BaseException | None) -> dict[str, str]:
    if error is None:
        return {}
    headers = {
        "fsoo-error-type": error_type(error),
        "fsoo-error-message": str(error),
        "fsoo-error-stack": "".join(traceback.format_exception(error)),
    }
    if error.__cause__ is not None:
        headers["fsoo-error-cause"] = f"{type(error.__cause__).__qualname__}: {error.__cause__}"
    return headers


def _capped(headers: dict[str, str]) -> dict[str, str]:
    """Shorten what is long, the stack first; of a stack the end is what tells."""
    capped = {name: _short(value, _LONGEST, name) for name, value in headers.items()}
    for name in _LARGE:
        excess = sum(len(value.encode("utf-8", "replace")) for value in capped.values()) - _ALL
        if excess > 0 and name in capped:
            capped[name] = _short(capped[name], max(0, len(capped[name]) - excess), name)
    return capped


def _short(value: str, limit: int, name: str) -> str:
    # Lone surrogates and bytes that are no UTF-8 must not make a letter unwritable.
    data = value.encode("utf-8", "replace")
    if len(data) <= limit:
        return data.decode()
    cut = data[-limit:] if name == "fsoo-error-stack" and limit else data[:limit]
    return cut.decode("utf-8", "ignore")
