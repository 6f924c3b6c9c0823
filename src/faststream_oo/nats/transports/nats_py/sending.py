"""Sending: what is accepted in one turn of the loop goes to the client by one task, in the order of the calls."""

import asyncio
import contextlib
import logging
from collections import deque
from typing import Final

from faststream_oo.errors import PublishError
from faststream_oo.nats.address import concrete_problem
from faststream_oo.nats.packets import Packet, packet
from faststream_oo.nats.transports.nats_py.connection import NatsConnection
from faststream_oo.nats.transports.nats_py.refusals import describe
from faststream_oo.transport import Frame

_FULL: Final = 2 * 1024 * 1024
"""Bytes that wait for the client; whoever sends more is given something to wait for."""

_OVERHEAD: Final = 256
"""Bytes that a message is reckoned to have besides its body."""

_log = logging.getLogger("faststream_oo")

Accepted = asyncio.Future[None]
"""Done when the client has a message in its buffer."""


class Publisher:
    """Hands messages to the client while it is connected; while it is not they wait here.

    Args:
        connection: What publishes.
    """

    def __init__(self, connection: NatsConnection) -> None:
        self.names: set[str] = set()
        """Header names that are known to be right."""
        self._connection = connection
        self._queue: deque[tuple[Packet, Accepted | None]] = deque()
        self._bytes = 0
        self._wake = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def largest(self) -> int:
        """Bytes of body and headers that the server takes."""
        return self._connection.client.max_payload

    def publish(self, ready: Packet, /) -> Accepted | None:
        """Accept a message; None when there is nothing to wait for. Raises PublishError when the connection is over."""
        if self._closed or self._connection.over is not None:
            raise PublishError(str(self._connection.over or "the NATS transport is closed"))
        accepted: Accepted | None = None
        if self._bytes > _FULL or not self._connection.online.is_set():
            accepted = asyncio.get_running_loop().create_future()
        self._bytes += len(ready[1]) + _OVERHEAD
        self._queue.append((ready, accepted))
        if not self._wake.is_set():
            self._wake.set()
            self._empty.clear()
            if self._task is None:
                self._task = asyncio.create_task(self._run(), name="nats publisher")
        return accepted

    async def close(self, seconds: float, /) -> None:
        """Wait so long for what was accepted; what is not with the client by then fails."""
        with contextlib.suppress(TimeoutError):  # then it is given up below
            async with asyncio.timeout(seconds):
                await self._empty.wait()
        self._closed = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        if self._queue:
            given_up = len(self._queue)
            fields = {"broker": "nats", "given_up": given_up}
            _log.error("%d messages were not sent: NATS was away until the end", given_up, extra={"fields": fields})
        while self._queue:
            accepted = self._queue.popleft()[1]
            if accepted is not None:
                _fail(accepted, PublishError("NATS was away until the end"))

    async def _run(self) -> None:
        connection, client, queue = self._connection, self._connection.client, self._queue
        while True:
            while queue:
                if not connection.online.is_set():
                    await connection.online.wait()
                    continue
                ready, accepted = queue.popleft()
                self._bytes -= len(ready[1]) + _OVERHEAD
                if accepted is None or not accepted.done():
                    try:
                        await client.publish(*ready)
                    except Exception as error:  # noqa: BLE001 - whatever it is, it is the answer to who sent this
                        self._refused(ready, accepted, error)
                    else:
                        if accepted is not None and not accepted.done():
                            accepted.set_result(None)
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
        return publisher.publish(packet(self._subject, frame, publisher.largest, publisher.names))


def _fail(accepted: Accepted, error: PublishError) -> None:
    if not accepted.done():
        accepted.set_exception(error)
        accepted.exception()  # nobody has to wait for it
