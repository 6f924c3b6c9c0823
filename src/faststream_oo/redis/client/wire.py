"""The connection that everybody shares: what is asked in a turn of the loop goes out in one write, and is answered in order.

Publishing, settling, renewing and declaring go over it. It is made again by itself. What was on its way when it was lost
may have been carried out or not; what may be carried out twice is sent again, in its order, the rest fails.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from typing import Any, Final

from faststream_oo.clock import Backoff
from faststream_oo.current import clock
from faststream_oo.errors import PublishError, TransportError
from faststream_oo.redis.client.commands import (
    Answer,
    Command,
    CommandError,
    Connection,
    Link,
    LostError,
    NotReadyError,
)
from faststream_oo.waiting import cancelled

_log: Final = logging.getLogger("faststream_oo")

ANSWER_SECONDS: Final = 30.0
"""Longest time that the server may take to answer one write; then the connection counts as lost."""

_SILENT_SECONDS: Final = 1.0
"""After so long without an answer the connection is tried before something goes over it that must not be sent twice."""

_MOST: Final = 500
"""Commands of one write."""

_BYTES: Final = 1024 * 1024
"""Bodies of one write, in bytes; what is more goes into the next."""

_LOSSES: Final = 3
"""So many connections may be lost while the same command is the first without an answer; it may be what they are lost for."""


class Asked(asyncio.Future[Any]):
    """Commands on their way, next to each other, and their answers; nobody has to wait for them.

    One is made for every message that is published, so its fields begin as class attributes.
    """

    commands: Sequence[Command] = ()
    """What is asked."""
    size = 0
    """Bytes of it, about."""
    again = True
    """Whether it may be carried out twice."""
    losses = 0

    def answered(self, answers: Sequence[Answer], /) -> None:
        """Take the answers; the first error among them is that of the whole."""
        for answer in answers:
            if isinstance(answer, CommandError):
                return self.refused(answer)
        return self.set_result(answers)

    def refused(self, error: TransportError, /) -> None:
        """Fail."""
        self.set_exception(error)
        self.exception()  # looked at, as nobody has to wait for it


def asking(commands: Sequence[Command], *, again: bool = True) -> Asked:
    """Return commands, to be submitted; `again` says whether they may be carried out twice."""
    asked = Asked()
    asked.commands, asked.again = commands, again
    return asked


class Wire:
    """The shared connection.

    Args:
        link: Where to.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._waiting: deque[Asked] = deque()
        self._flying: Sequence[Asked] = ()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._reason = "the connection was lost"
        self._refused = False

    @property
    def reason(self) -> str:
        """Why a connection was given up last."""
        return self._reason

    async def open(self) -> None:
        """Connect, once. Raises ConnectError."""
        connection = await self._link.connect()
        self._task = asyncio.create_task(self._run(connection), name="redis wire")
        self._task.add_done_callback(self._ended)

    def submit(self, asked: Asked, /) -> None:
        """Accept commands, in the order of the calls. Raises PublishError when this is not open."""
        if self._task is None:
            raise PublishError("the Redis transport is not open")
        self._waiting.append(asked)
        if not self._wake.is_set():
            self._wake.set()

    async def ask(self, *commands: Command, again: bool = True) -> Sequence[Answer]:
        """Return the answers to commands. Raises TransportError, the first CommandError among them."""
        asked = asking(commands, again=again)
        self.submit(asked)
        answers: Sequence[Answer] = await asked
        return answers

    async def close(self, seconds: float, /) -> None:
        """Wait so long for what was accepted; what has no answer by then fails."""
        task, self._task = self._task, None
        if task is None:
            return
        if left := self._open():
            await asyncio.wait(left, timeout=seconds)
        await cancelled([task])
        self._fail(f"not confirmed before the connection was closed; last: {self._reason}")

    def _open(self) -> Sequence[Asked]:
        return [asked for asked in (*self._flying, *self._waiting) if not asked.done()]

    def _fail(self, reason: str) -> None:
        for asked in self._open():
            asked.refused(PublishError(reason))
        self._flying = ()
        self._waiting.clear()

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("nothing more is sent to Redis: %s", error, exc_info=error)
            self._task = None
            self._fail(f"not confirmed: {error}")

    # The connection -----------------------------------------------------------------------------------------------

    async def _run(self, connection: Connection | None) -> None:
        backoff = Backoff(clock())
        while True:
            try:
                connection = connection or await self._link.connect()
                try:
                    await self._use(connection, backoff)
                finally:
                    await connection.close()
            except TransportError as error:
                self._reason = str(error)
                connection = None
                self._take_back(counted=not isinstance(error, NotReadyError))
                if isinstance(error, NotReadyError) and not self._refused:
                    self._refused = True
                    _log.warning(
                        "Redis does not serve us now, trying on: %s", error, extra={"fields": {"cause": str(error)}}
                    )
            await backoff.wait()

    async def _use(self, connection: Connection, backoff: Backoff) -> None:
        """Send what is asked until the connection is lost. Raises LostError."""
        loop = asyncio.get_running_loop()
        heard = loop.time()
        while True:
            asked = self._taken()
            if not asked:
                self._wake.clear()
                await self._wake.wait()
                continue
            if loop.time() - heard > _SILENT_SECONDS and not all(one.again for one in asked):
                self._waiting.extendleft(reversed(asked))
                await _exchange(connection, [("PING",)], [])
                heard = loop.time()
                continue
            self._flying = asked
            answers: list[Answer] = []
            try:
                await _exchange(connection, [command for one in asked for command in one.commands], answers)
            finally:
                self._settle(answers)
            heard = loop.time()
            backoff.reset()
            self._refused = False

    def _taken(self) -> Sequence[Asked]:
        """Take what goes into one write, without what was given up meanwhile."""
        taken: list[Asked] = []
        waiting, size = self._waiting, 0
        while waiting and len(taken) < _MOST and size < _BYTES:
            asked = waiting.popleft()
            if not asked.done():
                taken.append(asked)
                size += asked.size
        return taken

    def _settle(self, answers: Sequence[Answer]) -> None:
        """Hand out answers; who got none stays on its way."""
        at, flying = 0, self._flying
        for place, asked in enumerate(flying):
            end = at + len(asked.commands)
            if end > len(answers):
                self._flying = flying[place:]
                return
            if not asked.done():
                asked.answered(answers[at:end])
            at = end
        self._flying = ()

    def _take_back(self, *, counted: bool) -> None:
        """Send again what was on its way, but for what must not be carried out twice or may be the reason of the loss."""
        left = [asked for asked in self._flying if not asked.done()]
        self._flying = ()
        if left:
            left[0].losses += counted
        for asked in left:
            if not asked.again:
                asked.refused(LostError(f"it is unknown whether it was carried out: {self._reason}"))
            elif asked.losses >= _LOSSES:
                asked.refused(PublishError(f"not confirmed: {self._reason}"))
        self._waiting.extendleft(asked for asked in reversed(left) if not asked.done())


async def _exchange(connection: Connection, commands: Sequence[Command], answers: list[Answer]) -> None:
    """Send commands and append their answers. Raises LostError."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            await connection.send(commands)
            await connection.receive(len(commands), answers)
    except TimeoutError as error:
        raise LostError(f"no answer in {ANSWER_SECONDS:g} s") from error
