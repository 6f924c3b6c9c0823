"""The intake of one subscription, whatever it reads: a connection of its own, made again when it is lost, and its end."""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Coroutine
from typing import Any, Final

from faststream_oo.clock import Backoff
from faststream_oo.current import clock
from faststream_oo.errors import LifecycleError, TransportError
from faststream_oo.redis.client.commands import (
    Answer,
    Command,
    CommandError,
    Connection,
    Link,
    LostError,
    NotReadyError,
)
from faststream_oo.redis.client.wire import ANSWER_SECONDS, Wire
from faststream_oo.transport import Capabilities, Claim, Sink
from faststream_oo.waiting import bounded, cancelled

_log: Final = logging.getLogger("faststream_oo")

BLOCK_SECONDS: Final = 5
"""A read that finds nothing ends after so long."""

_GRACE_SECONDS: Final = 10.0
"""A read that takes so much longer has lost its server."""

STOP_SECONDS: Final = 2.0
"""Longest time that a blocked read may take to be ended."""

_UNBLOCK_SECONDS: Final = 0.05
"""After so long a read that is still blocked is unblocked once more: the first time may have been before it began."""


class ClientSource(ABC):
    """Reads over a connection of its own, as there is room.

    Args:
        name: Of the address, for people.
        link: Where to.
        wire: What everything but the reads goes over.
    """

    def __init__(self, name: str, link: Link, wire: Wire) -> None:
        self._name = name
        self._link = link
        self._wire = wire
        self._clock = clock()
        self._go = asyncio.Event()
        self._go.set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._stopping = False
        self._client: Answer = None
        self._entered: Sink | None = None
        self._connected: Connection | None = None
        self._reader: asyncio.Task[None] | None = None
        self._keepers: list[asyncio.Task[None]] = []

    # What each kind adds ------------------------------------------------------------------------------------------

    @property
    @abstractmethod
    def capabilities(self) -> Capabilities:
        """What the core may rely on."""

    @abstractmethod
    async def _prepare(self) -> None:
        """Make or check what is read, and assign its claims to the sink. Raises TransportError."""

    @abstractmethod
    async def _begin(self, *, again: bool) -> None:
        """Begin on a new connection, `again` after a lost one. Raises TransportError."""

    @abstractmethod
    async def _read(self, room: int) -> None:
        """Read once, at most so many messages, and feed them. Raises TransportError; a CommandError is fatal."""

    @abstractmethod
    async def _leave(self) -> None:
        """End the claims: nothing is held any more. Raises TransportError."""

    @abstractmethod
    async def flush(self) -> None:
        """Return when every settle so far is with the server. Raises TransportError."""

    @abstractmethod
    async def lag(self) -> int | None:
        """Return how many messages wait, None where that is not told."""

    # Life ---------------------------------------------------------------------------------------------------------

    async def start(self, sink: Sink, /) -> None:
        """Begin to read. Raises TransportError, also when the server does not serve us for long."""
        self._entered = sink
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._prepare()
                await self._connect(again=False)
        except BaseException as error:
            await cancelled(self._keepers)
            await self._disconnect()
            if isinstance(error, TimeoutError):
                what = f'"{self._name}" cannot be read, tried for {ANSWER_SECONDS:g} s: {self._wire.reason}'
                raise TransportError(what) from error
            raise
        self._reader = self._spawn(self._run(), "reader")

    async def stop(self) -> None:
        """Feed no more; what is held goes on, and is kept."""
        self._stopping = True
        reader, self._reader = self._reader, None
        if reader is not None:
            await bounded(self._unblock(), STOP_SECONDS)
            await cancelled([reader])
        await self._disconnect()

    async def close(self) -> None:
        """Leave; what is not settled goes back."""
        await self.stop()
        keepers, self._keepers = self._keepers, []
        await cancelled(keepers)
        error = await bounded(self._leave(), STOP_SECONDS)
        if error is not None:
            _log.debug("%s left without saying so: %r", self._name, error)

    async def pause(self, claim: Claim | None = None, /) -> None:
        """Stop reading, also what is blocked already; not for one claim alone, as there is no other."""
        if claim is None:
            self._go.clear()
            await bounded(self._unblock(), STOP_SECONDS)

    async def resume(self, claim: Claim | None = None, /) -> None:
        """Read again."""
        if claim is None:
            self._go.set()

    @property
    def _sink(self) -> Sink:
        if self._entered is None:
            raise LifecycleError(f"the source of {self._name} was not started")
        return self._entered

    def _spawn(self, call: Coroutine[Any, Any, None], what: str) -> asyncio.Task[None]:
        """Run something beside, watched."""
        task = asyncio.create_task(call, name=f"redis {self._name} {what}")

        def done(ended: asyncio.Task[None]) -> None:
            if not ended.cancelled() and (error := ended.exception()) is not None:
                self._sink.fail(error)

        task.add_done_callback(done)
        return task

    def _keep(self, call: Coroutine[Any, Any, None], what: str) -> None:
        """Run something beside until this is closed, also while what is held is drained."""
        self._keepers.append(self._spawn(call, what))

    # Reading ------------------------------------------------------------------------------------------------------

    async def _connect(self, *, again: bool) -> None:
        self._connected = await self._link.connect()
        self._client = await self._ask(("CLIENT", "ID"))
        if again:
            await self._ask(("PING",))  # a server that is still loading has told the number, and lets nobody read
        await self._begin(again=again)

    async def _disconnect(self) -> None:
        connection, self._connected = self._connected, None
        if connection is not None:
            await connection.close()

    async def _run(self) -> None:
        while not self._stopping:
            try:
                await self._read(await self._room())
                await asyncio.sleep(0)  # once what was fed is handled there is room again
            except CommandError:
                raise
            except TransportError as error:
                self._sink.degrade(str(error))
                await self._reconnect()
                self._sink.degrade(None)

    async def _reconnect(self) -> None:
        backoff = Backoff(self._clock)
        while True:
            await self._disconnect()
            await backoff.wait()
            try:
                return await self._connect(again=True)
            except CommandError:
                raise
            except TransportError as error:
                _log.debug("%s: still away: %s", self._name, error)

    async def _room(self) -> int:
        """Return the room once there is some and nothing is paused."""
        while True:
            await self._go.wait()
            room = await self._sink.ready()
            if self._go.is_set():
                return room

    @property
    def _connection(self) -> Connection:
        if self._connected is None:
            raise LostError("the connection is closed")
        return self._connected

    async def _ask(self, command: Command, block: float = 0.0) -> Answer:
        """Return the answer to one command over the own connection. Raises LostError, and CommandError.

        Args:
            command: What is asked.
            block: Seconds that the server may wait before it answers; such a read is left out when it was paused.
        """
        if block and (self._stopping or not self._go.is_set()):
            return None
        answers: list[Answer] = []
        self._idle.clear()
        try:
            async with asyncio.timeout(None) as limit:
                late = self._clock.call_later(block + _GRACE_SECONDS, lambda: limit.reschedule(0.0))
                try:
                    await self._connection.send([command])
                    await self._connection.receive(1, answers)
                finally:
                    late.cancel()
        except TimeoutError as error:
            raise LostError(f"no answer in {block + _GRACE_SECONDS:g} s") from error
        finally:
            self._idle.set()
        answer = answers[0]
        if isinstance(answer, CommandError):
            raise NotReadyError(str(answer)) if answer.passes else answer
        return answer

    async def _unblock(self) -> None:
        """Return when no read is blocked; one that is cancelled instead might get a message that nobody handles."""
        while not self._idle.is_set() and isinstance(self._client, int):
            await self._wire.ask(("CLIENT", "UNBLOCK", self._client), again=False)
            await bounded(self._idle.wait(), _UNBLOCK_SECONDS)
