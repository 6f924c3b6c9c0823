"""Pulling messages one by one, without a consumer."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from types import TracebackType
from typing import Any, Final, Generic, Self, cast

from typing_extensions import TypeVar

from faststream_oo.broker import Broker
from faststream_oo.clock import Clock
from faststream_oo.deadletters import DeadLetterWriter
from faststream_oo.errors import LifecycleError
from faststream_oo.message import Message
from faststream_oo.outcome import DeadLetter, Outcome, Retry
from faststream_oo.transport import Claim, Source

M_co = TypeVar("M_co", bound=Message, covariant=True, default=Message)

_log: Final = logging.getLogger("faststream_oo")
_BACK: Final = Retry(0)
PREFETCH: Final = 100
"""Messages that a reader holds at most."""


class Pulled:
    """The sink of a reader: what was read waits here until it is asked for, and then until it is settled.

    Args:
        letters: Where dead letters go.
        decode: Gives `Message.value`.
        clock: Where time comes from.
    """

    def __init__(self, letters: DeadLetterWriter, decode: Callable[[Message], Any], clock: Clock) -> None:
        self._letters = letters
        self._decode = decode
        self._clock = clock
        self._waiting: deque[Message] = deque()
        self._open: set[Message] = set()
        self._changed = asyncio.Event()
        self._error: BaseException | None = None
        self._closed = False

    async def next(self, timeout: float | None) -> Message | None:  # noqa: ASYNC109 - by the framework's clock
        """Return the next message, None when none came in so many seconds or the reader is closed."""
        over = False

        def end() -> None:
            nonlocal over
            over = True
            self._changed.set()

        timer = None if timeout is None else self._clock.call_later(timeout, end)
        try:
            while not self._waiting:
                if self._error is not None:
                    raise self._error
                if over or self._closed:
                    return None
                self._changed.clear()
                await self._changed.wait()
        finally:
            if timer is not None:
                timer.cancel()
        message = self._waiting.popleft()
        self._open.add(message)
        return message

    async def settle(self, message: Message, outcome: Outcome) -> None:
        """Settle a message; the first outcome wins, and one whose claim is over is unheard."""
        if isinstance(outcome, Retry):
            raise LifecycleError("settle(Retry(…)) is not possible; what is not settled comes again")
        if message not in self._open:
            return
        if isinstance(outcome, DeadLetter):
            await self._letters.write(message, outcome.reason, None)
        if message in self._open:
            message.claim.settle(message, outcome)
            self._let_go(message)

    def close(self) -> None:
        """Give everything back."""
        self._closed = True
        for message in self.holding():
            message.claim.settle(message, _BACK)
        self.drop({message.claim for message in (*self._waiting, *self._open)})
        self._changed.set()

    def drop(self, claims: Collection[Claim], /, *, unasked: bool = False) -> None:
        """Let go of what is held under claims, or only of what nobody asked for yet."""
        stays = [message for message in self._waiting if message.claim not in claims]
        self._waiting.clear()
        self._waiting.extend(stays)
        if not unasked:
            self._open -= {message for message in self._open if message.claim in claims}
        self._changed.set()

    def _let_go(self, message: Message) -> None:
        self._open.discard(message)
        self._changed.set()

    # Sink ---------------------------------------------------------------------------------------------------------

    @property
    def room(self) -> int:
        """Messages that may be fed now."""
        return 0 if self._closed else max(0, PREFETCH - len(self._waiting) - len(self._open))

    async def ready(self) -> int:
        """Return the room once there is some; after it ran out, once half the budget is free."""
        while (room := self.room) == 0:
            while self.room * 2 < PREFETCH:
                self._changed.clear()
                await self._changed.wait()
        return room

    def feed(self, messages: Sequence[Message], /) -> None:
        """Take what was read."""
        for message in messages:
            message._decode = self._decode  # noqa: SLF001 - the framework's own state of a message
            message._settle = self.settle  # noqa: SLF001
        self._waiting.extend(messages)
        self._changed.set()

    async def assign(self, claims: Sequence[Claim], /) -> None:
        """New claims; there is nothing to prepare."""

    async def revoke(self, claims: Sequence[Claim], /, *, deadline: float, lost: bool = False) -> bool:
        """Give back what nobody asked for yet, and wait for the rest to be settled."""
        leaving = set(claims)
        self.drop(leaving, unasked=True)
        try:
            if not lost:
                async with asyncio.timeout(deadline):
                    while any(message.claim in leaving for message in self._open):
                        self._changed.clear()
                        await self._changed.wait()
        except TimeoutError:
            _log.warning("a reader did not settle in time what it was given; it comes again")
        ended = not any(message.claim in leaving for message in self._open)
        self.drop(leaving)
        return ended

    def holding(self) -> Iterable[Message]:
        """Return what was not asked for yet, and what is not settled."""
        return [*self._waiting, *self._open]

    def fail(self, error: BaseException, /) -> None:
        """The source cannot go on."""
        self._error = error
        self._changed.set()

    def degrade(self, reason: str | None, /) -> None:
        """The source lost its broker, or it is back; whoever waits goes on waiting."""
        if reason is not None:
            _log.warning("a reader lost its broker, reconnecting: %s", reason, extra={"fields": {"cause": reason}})


class Reader(Generic[M_co]):
    """Pulls messages one by one, without a consumer; each must be settled with `message.settle()`.

    What is not settled when the reader closes goes back to the broker. Use it as an async context manager, and iterate
    over it or call `get`. Made by `broker.reader`.

    Args:
        broker: An open one.
        source: Returns the intake, not started.
        letters: Where dead letters go.
        decode: Gives `Message.value`.
    """

    def __init__(
        self,
        broker: Broker,
        source: Callable[[], Source],
        letters: DeadLetterWriter,
        decode: Callable[[Message], Any],
    ) -> None:
        self._broker = broker
        self._make = source
        self._letters = letters
        self._decode = decode
        self._source: Source | None = None
        self._pulled: Pulled | None = None

    async def __aenter__(self) -> Self:
        """Begin to read. Raises TransportError."""
        if self._source is not None:
            raise LifecycleError("this reader was entered before; broker.reader opens another")
        self._pulled = Pulled(self._letters, self._decode, self._broker.clock)
        self._source = self._make()
        await self._source.start(self._pulled)
        return self

    async def __aexit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None:
        """Give back what is not settled, and leave."""
        if self._source is not None and self._pulled is not None:
            self._pulled.close()
            try:
                await self._source.stop()
                await self._source.flush()
            finally:
                await self._source.close()

    async def get(self, timeout: float = 5.0) -> M_co | None:  # noqa: ASYNC109 - seconds, as everywhere in this API
        """Return the next message, or None when none came in `timeout` seconds.

        Raises:
            TransportError: The broker cannot be read any more.
            LifecycleError: The reader is not open.
        """
        return cast("M_co | None", await self._open.next(timeout))

    def __aiter__(self) -> Self:
        """Iterate over the messages, until the reader is closed."""
        return self

    async def __anext__(self) -> M_co:
        """Return the next message, whenever it comes."""
        message = await self._open.next(None)
        if message is None:
            raise StopAsyncIteration
        return cast("M_co", message)

    @property
    def _open(self) -> Pulled:
        if self._pulled is None:
            raise LifecycleError("this reader is not open: async with broker.reader(…) as reader")
        return self._pulled
