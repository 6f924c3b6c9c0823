"""Sending: what is accepted in one turn of the loop goes to the client by one task, in the order of the calls."""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final

from faststream_oo.errors import PublishError, TransportError
from faststream_oo.nats.address import concrete_problem
from faststream_oo.nats.packets import Packet, Shapes, packet
from faststream_oo.nats.transports.nats_py.connection import NatsConnection
from faststream_oo.nats.transports.nats_py.refusals import describe
from faststream_oo.transport import Frame

_FULL: Final = 2 * 1024 * 1024
"""Bytes that wait for the client; whoever sends more is given something to wait for."""

_ACKS: Final = "$JS.ACK."
"""Begins the subject of an acknowledgement: what is not told comes again, as its subscription says."""

_log = logging.getLogger("faststream_oo")

Accepted = asyncio.Future[None]
"""Done when the client has a message in its buffer."""


class Publisher:
    """Hands messages to the client while it is connected; while it is not they wait here.

    Args:
        connection: What publishes.
    """

    def __init__(self, connection: NatsConnection) -> None:
        self.shapes: Shapes = {}
        """What is known of the headers of earlier messages."""
        self.largest = connection.client.max_payload
        """Bytes of body and headers that the server takes."""
        self._connection = connection
        self._queue: deque[Packet] = deque()
        self._waited: dict[int, Accepted] = {}  # who waits for one of these, by its id
        self._bytes = 0  # of bodies since the queue was empty
        self._online = True
        self._over: str | None = None
        self._idle = True
        self._wake = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()
        self._task: asyncio.Task[None] | None = None
        self._first: list[Callable[[], Awaitable[None]]] = []
        connection.tell(self)

    def publish(self, ready: Packet, /) -> Accepted | None:
        """Accept a message; None when there is nothing to wait for. Raises PublishError when the connection is over."""
        accepted = None
        if not self._online or self._bytes >= _FULL:
            accepted = self._waited[id(ready)] = self._waiting()
        self._bytes += len(ready[1])
        self._queue.append(ready)
        if self._idle:
            self._begin()
        return accepted

    def hand(self, ready: Iterable[Packet], /) -> None:
        """Accept messages that nobody waits for here: acknowledgements, and what a stream confirms."""
        self._queue.extend(ready)
        if self._idle:
            self._begin()

    def again(self, ready: Sequence[Packet], /) -> None:
        """Send before what waits what may not have arrived when the connection was lost."""
        waiting = {one[2] for one in self._queue if one[2]}
        self._queue.extendleft(one for one in reversed(ready) if one[2] not in waiting)
        if self._queue and self._idle:
            self._begin()

    def first(self, call: Callable[[], Awaitable[None]], /) -> None:
        """Do something before anything more is sent."""
        self._first.append(call)

    def _begin(self) -> None:
        self._idle = False
        self._wake.set()
        self._empty.clear()
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="nats publisher")

    async def flush(self, seconds: float, /) -> None:
        """Return when the server has heard everything so far. Raises TransportError."""
        try:
            async with asyncio.timeout(seconds):
                if self._online:
                    await self._empty.wait()
                await self._connection.flush()
        except TimeoutError as error:
            raise TransportError("NATS does not take what is sent to it") from error

    def _waiting(self) -> Accepted:
        if self._over is not None:
            raise PublishError(self._over)
        return asyncio.get_running_loop().create_future()

    async def close(self, seconds: float, /) -> None:
        """Wait so long for what was accepted; what is not with the client by then fails."""
        with contextlib.suppress(TimeoutError):  # then it is given up below
            async with asyncio.timeout(seconds):
                await self._empty.wait()
        self._online, self._over = False, self._over or "the NATS transport is closed"
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        if given_up := sum(not ready[0].startswith(_ACKS) for ready in self._queue):
            fields = {"broker": "nats", "given_up": given_up}
            _log.error("%d messages were not sent: NATS was away until the end", given_up, extra={"fields": fields})
        self._queue.clear()
        for accepted in self._waited.values():
            _fail(accepted, PublishError("NATS was away until the end"))
        self._waited.clear()

    async def _run(self) -> None:
        connection, queue, waited = self._connection, self._queue, self._waited
        publish = connection.client.publish
        while True:
            while queue:
                if not self._online:
                    await connection.online.wait()
                    continue
                while self._first:
                    await self._first.pop(0)()
                ready = queue.popleft()
                accepted = waited.pop(id(ready), None) if waited else None
                if accepted is not None and accepted.done():
                    continue  # given up meanwhile
                try:
                    await publish(*ready)  # type: ignore[arg-type]  # any mapping does
                except Exception as error:  # noqa: BLE001 - whatever it is, it is the answer to who sent this
                    self._refused(ready, accepted, error)
                else:
                    if accepted is not None and not accepted.done():
                        accepted.set_result(None)
            self._bytes = 0
            self._idle = True
            self._wake.clear()
            self._empty.set()
            await self._wake.wait()

    def _refused(self, ready: Packet, accepted: Accepted | None, error: Exception) -> None:
        refusal = PublishError(f'"{ready[0]}": {describe(error)}')
        if accepted is None:
            fields = {"broker": "nats", "address": ready[0], "cause": describe(error)}
            _log.error("a message was not sent: %s", refusal, extra={"fields": fields})
        else:
            _fail(accepted, refusal)

    # What the connection tells --------------------------------------------------------------------------------------

    def away(self, _reason: str, /) -> None:
        """Let what is sent wait from now on."""
        self._online = False

    def back(self) -> None:
        """Send what waited."""
        self.largest = self._connection.client.max_payload
        self._online = True

    def ended(self, error: TransportError, /) -> None:
        """Accept nothing more."""
        self._online, self._over = False, str(error)

    def overflowed(self, _subscription: object, /) -> None:
        """Do nothing: nothing is received here."""


class SubjectSender:
    """Publishes to one subject.

    Args:
        publisher: Of the connection.
        subject: Where to.
    """

    def __init__(self, publisher: Publisher, subject: str) -> None:
        self._publisher = publisher
        self._subject = subject
        self._problem = concrete_problem(subject)

    def send(self, frame: Frame, /) -> Accepted | None:
        """Accept a message, in call order; None when there is nothing to wait for. Raises PublishError."""
        if self._problem is not None:
            raise PublishError(self._problem)
        publisher = self._publisher
        return publisher.publish(packet(self._subject, frame, publisher.largest, publisher.shapes))


def _fail(accepted: Accepted, error: PublishError) -> None:
    if not accepted.done():
        accepted.set_exception(error)
        accepted.exception()  # nobody has to wait for it
