"""Publishing to streams: each message is confirmed, at an inbox of the connection, by whichever stream stored it."""

import asyncio
from collections import deque
from itertools import count
from typing import Final

import orjson
from nats import errors
from nats.aio.msg import Msg

from faststream_oo.errors import PublishError, TransportError
from faststream_oo.nats.address import Subject, concrete_problem
from faststream_oo.nats.message import NatsReceipt
from faststream_oo.nats.packets import Packet, packet
from faststream_oo.nats.transports.nats_py.connection import NatsConnection
from faststream_oo.nats.transports.nats_py.refusals import describe
from faststream_oo.nats.transports.nats_py.sending import Publisher
from faststream_oo.transport import Frame

Confirmed = asyncio.Future[NatsReceipt | None]
"""Done when a stream has stored a message; the receipt is read only where it was asked for."""

_FLYING: Final = 4_000
"""Messages that may wait for their confirmation; a server refuses more than 10,000 of one stream that it has not written."""

_ERROR: Final = b'"error"'


class Stored:
    """A message that is not confirmed yet."""

    __slots__ = ("confirmed", "ready", "receipt")

    def __init__(self, ready: Packet, confirmed: Confirmed, *, receipt: bool) -> None:
        self.ready = ready
        self.confirmed = confirmed
        self.receipt = receipt


class Confirmations:
    """Gives each message to the publisher with a reply subject of its own, and hears there what became of it.

    Args:
        connection: Where.
        publisher: Of the connection.
    """

    def __init__(self, connection: NatsConnection, publisher: Publisher) -> None:
        self._connection = connection
        self._publisher = publisher
        self._inbox = connection.client.new_inbox()
        self._number = count().__next__
        self._flying: dict[str, Stored] = {}
        self._waiting: deque[Stored] = deque()
        self._loop = asyncio.get_running_loop()
        self._over: str | None = None
        self._opened = False

    def store(self, subject: str, frame: Frame, /) -> Confirmed:
        """Send a message and return its confirmation. Raises PublishError."""
        publisher = self._publisher
        if not self._opened:
            self._open()
        if self._over is not None:
            raise PublishError(self._over)
        to, body, _, headers = packet(subject, frame, publisher.largest, publisher.names, stored=True)
        reply = f"{self._inbox}.{self._number():x}"
        confirmed: Confirmed = self._loop.create_future()
        one = Stored((to, body, reply, headers), confirmed, receipt=frame.receipt)
        if len(self._flying) < _FLYING:
            self._flying[reply] = one
            publisher.hand(one.ready)
        else:
            self._wait(one)
        return confirmed

    def _wait(self, one: Stored) -> None:
        """Let one more message wait for those before it, unless they are given up already."""
        self._waiting.append(one)
        if len(self._waiting) % _FLYING == 1:
            self._flying = {reply: stored for reply, stored in self._flying.items() if not stored.confirmed.done()}
            self._next()

    def _next(self) -> None:
        while self._waiting and len(self._flying) < _FLYING:
            one = self._waiting.popleft()
            if not one.confirmed.done():
                self._flying[one.ready[2]] = one
                self._publisher.hand(one.ready)

    def _open(self) -> None:
        self._opened = True
        self._connection.tell(self)
        self._publisher.first(self._listen)

    async def _listen(self) -> None:
        try:
            await self._connection.client.subscribe(  # pyright: ignore[reportUnknownMemberType] - `future`
                f"{self._inbox}.*", cb=self._take, pending_msgs_limit=0, pending_bytes_limit=0
            )
        except errors.Error as error:
            self._fail(f"confirmations cannot be received: {describe(error)}")

    async def _take(self, received: Msg) -> None:
        one = self._flying.pop(received.subject, None)
        if one is None or one.confirmed.done():
            return  # given up, or sent twice
        data = received.data
        if one.receipt or not data or _ERROR in data:
            self._read(one, received)
        else:
            one.confirmed.set_result(None)
        if self._waiting:
            self._next()

    def _read(self, one: Stored, received: Msg) -> None:
        subject = one.ready[0]
        if (received.headers or {}).get("Status") == "503":
            _refuse(one, f'no stream stores "{subject}"')
            return
        told = orjson.loads(received.data or b"{}")
        if error := told.get("error"):
            _refuse(one, f'"{subject}": {error.get("description")} ({error.get("err_code")})')
        elif "seq" not in told:
            _refuse(one, f'"{subject}" is answered by somebody who is no stream')
        else:
            receipt = NatsReceipt(
                stream=told["stream"], sequence=told["seq"], duplicate=bool(told.get("duplicate", False))
            )
            one.confirmed.set_result(receipt)

    async def close(self, seconds: float, /) -> None:
        """Wait so long for what is not confirmed; what is not by then fails."""
        open_ = [one.confirmed for one in (*self._flying.values(), *self._waiting) if not one.confirmed.done()]
        if open_ and self._connection.online.is_set():
            await asyncio.wait(open_, timeout=seconds)
        self._fail("the NATS transport was closed before a stream confirmed it")

    def _fail(self, why: str) -> None:
        self._over = self._over or why
        for one in (*self._flying.values(), *self._waiting):
            if not one.confirmed.done():
                _refuse(one, why)
        self._flying.clear()
        self._waiting.clear()

    # What the connection tells --------------------------------------------------------------------------------------

    def away(self, reason: str, /) -> None:
        """Wait: what is not confirmed is sent again."""

    def back(self) -> None:
        """Send again what may not have arrived: a stream stores an identity once in its duplicate window."""
        self._flying = {reply: one for reply, one in self._flying.items() if not one.confirmed.done()}
        self._publisher.again([one.ready for one in self._flying.values()])

    def ended(self, error: TransportError, /) -> None:
        """Give up."""
        self._fail(str(error))

    def overflowed(self, _subscription: object, /) -> None:
        """Do nothing: the buffer of confirmations has no limit."""


class StreamSender:
    """Publishes to one subject of a stream.

    Args:
        confirmations: Of the connection.
        address: Where to, whole.
    """

    def __init__(self, confirmations: Confirmations, address: Subject) -> None:
        self._store = confirmations.store
        self._subject = address.name
        self._problem = concrete_problem(address.name)

    def send(self, frame: Frame, /) -> Confirmed:
        """Accept a message, in call order, and return its confirmation. Raises PublishError."""
        if self._problem is not None:
            raise PublishError(self._problem)
        return self._store(self._subject, frame)


def _refuse(one: Stored, why: str) -> None:
    one.confirmed.set_exception(PublishError(why))
    one.confirmed.exception()  # nobody has to wait for it
