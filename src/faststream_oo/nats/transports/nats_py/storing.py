"""Publishing to streams: each message is confirmed, at an inbox of the connection, by whichever stream stored it."""

import asyncio
from collections import deque
from itertools import count
from typing import Final, TypeAlias

import orjson
from nats import errors
from nats.aio.msg import Msg

from faststream_oo.errors import PublishError, TransportError
from faststream_oo.nats.address import concrete_problem
from faststream_oo.nats.message import NatsReceipt
from faststream_oo.nats.packets import Packet, stored_packet
from faststream_oo.nats.transports.nats_py.connection import NatsConnection
from faststream_oo.nats.transports.nats_py.refusals import describe
from faststream_oo.nats.transports.nats_py.sending import Publisher
from faststream_oo.transport import Frame

Confirmed: TypeAlias = asyncio.Future[NatsReceipt | None]
"""Done when a stream has stored a message; the receipt is read only where it was asked for."""

_FLYING: Final = 4_000
"""Messages that may wait for their confirmation; a server refuses more than 10,000 of one stream that it has not written."""

_TTL: Final = (2, 11)
"""First version of a server that knows how long to keep a message."""

_STORED: Final = b'{"stream":'
_REFUSED: Final = b'{"error":'
"""What an answer of a stream begins with; whoever else listens on a subject may answer too."""


Flying: TypeAlias = tuple[Confirmed, Packet, bool]
"""A message that is not confirmed yet: what waits for it, what was sent, and whether its receipt is read."""


class Confirmations:
    """Sends what streams are to store, each with a reply subject of its own, and hears there what became of it.

    Args:
        connection: Where.
        publisher: Of the connection.
    """

    def __init__(self, connection: NatsConnection, publisher: Publisher) -> None:
        self.publisher = publisher
        self.inbox = connection.client.new_inbox()
        self.number = count().__next__
        self.flying: dict[str, Flying] = {}
        """What is not confirmed yet, by reply subjects, in the order of the calls."""
        self.fresh: list[Packet] = []
        """What was not sent yet; whoever adds the first calls `arm`."""
        self.over: str | None = None
        """Why nothing more is stored."""
        self._connection = connection
        self._waiting: deque[Packet] = deque()
        self._loop = asyncio.get_running_loop()
        self._opened = False

    def check_version(self, option: str, least: tuple[int, int], /) -> None:
        """Raise PublishError where the server is older: it would take an option that it does not know, and ignore it."""
        version = self._connection.client.connected_server_version
        if (version.major, version.minor) < least:
            raise PublishError(f"{option}= needs server {least[0]}.{least[1]}, this is {version.major}.{version.minor}")

    def arm(self) -> None:
        """Send at the end of this turn."""
        if not self._opened:
            self._open()
        self._loop.call_soon(self._send)

    def _send(self) -> None:
        fresh, self.fresh = self.fresh, []
        if self._waiting or len(self.flying) > _FLYING:
            self._waiting.extend(fresh)
            self.flying = {reply: one for reply, one in self.flying.items() if not one[0].done()}
            self._next()
        else:
            self.publisher.hand(fresh)

    def _next(self) -> None:
        """Send as many as may fly of those that wait."""
        free = _FLYING - (len(self.flying) - len(self._waiting))
        going = [self._waiting.popleft() for _ in range(min(free, len(self._waiting)))]
        if going:
            self.publisher.hand(one for one in going if one[2] in self.flying)

    def _open(self) -> None:
        self._opened = True
        self._connection.tell(self)
        self._connection.denied.append(self._denied)
        self.publisher.first(self._listen)

    async def _listen(self) -> None:
        try:
            await self._connection.client.subscribe(  # pyright: ignore[reportUnknownMemberType] - `future`
                f"{self.inbox}.*", cb=self._take, pending_msgs_limit=0, pending_bytes_limit=0
            )
        except errors.Error as error:
            self._fail(f"confirmations cannot be received: {describe(error)}")

    async def _take(self, received: Msg) -> None:
        one = self.flying.pop(received.subject, None)
        if one is None or one[0].done():
            return  # given up, or sent twice
        if not one[2] and received.data.startswith(_STORED):
            one[0].set_result(None)
        elif not _read(one, received):
            self.flying[received.subject] = (
                one  # somebody who listens there answers everything: the stream's is to come
            )
            return
        if self._waiting:
            self._next()

    def _denied(self, what: str) -> None:
        """Fail what the server says that it may not be published."""
        for confirmed, (subject, *_), _ in self.flying.values():
            if f'publish to "{subject}"'.lower() in what and not confirmed.done():
                _refuse(confirmed, what)

    async def close(self, seconds: float, /) -> None:
        """Wait so long for what is not confirmed; what is not by then fails."""
        open_ = [confirmed for confirmed, _, _ in self.flying.values() if not confirmed.done()]
        if open_ and self._connection.online.is_set():
            await asyncio.wait(open_, timeout=seconds)
        self._fail("the NATS transport was closed before a stream confirmed it")

    def _fail(self, why: str) -> None:
        self.over = self.over or why
        for confirmed, _, _ in self.flying.values():
            if not confirmed.done():
                _refuse(confirmed, why)
        self.flying.clear()
        self._waiting.clear()

    # What the connection tells --------------------------------------------------------------------------------------

    def away(self, reason: str, /) -> None:
        """Wait: what is not confirmed is sent again."""

    def back(self) -> None:
        """Send again what may not have arrived: a stream stores an identity once in its duplicate window."""
        self.flying = {reply: one for reply, one in self.flying.items() if not one[0].done()}
        unsent = {ready[2] for ready in (*self._waiting, *self.fresh)}
        self.publisher.again([ready for reply, (_, ready, _) in self.flying.items() if reply not in unsent])

    def ended(self, error: TransportError, /) -> None:
        """Give up."""
        self._fail(str(error))

    def overflowed(self, _subscription: object, /) -> None:
        """Do nothing: the buffer of confirmations has no limit."""


class StreamSender:
    """Publishes to one subject of a stream.

    Args:
        confirmations: Of the connection.
        subject: Where to.
    """

    def __init__(self, confirmations: Confirmations, subject: str) -> None:
        self._confirmations = confirmations
        self._subject = subject
        self._problem = concrete_problem(subject)
        self._loop = asyncio.get_running_loop()

    def send(self, frame: Frame, /) -> Confirmed:
        """Accept a message, in call order, and return its confirmation. Raises PublishError."""
        owner = self._confirmations
        if (problem := self._problem or owner.over) is not None:
            raise PublishError(problem)
        if "ttl" in frame.options:
            owner.check_version("ttl", _TTL)
        publisher, reply = owner.publisher, f"{owner.inbox}.{owner.number():x}"
        ready = stored_packet(self._subject, reply, frame, publisher.largest, publisher.shapes)
        confirmed: Confirmed = self._loop.create_future()
        owner.flying[reply] = confirmed, ready, frame.receipt
        if not owner.fresh:
            owner.arm()
        owner.fresh.append(ready)
        return confirmed


def _read(one: Flying, received: Msg) -> bool:
    """Read what a stream, or the server in its place, says of a message; False for what is said by anybody else."""
    confirmed, (subject, *_), _ = one
    if (received.headers or {}).get("Status") == "503":
        _refuse(confirmed, f'no stream stores "{subject}"')
        return True
    if not received.data.startswith((_STORED, _REFUSED)):
        return False
    told = orjson.loads(received.data)
    if error := told.get("error"):
        _refuse(confirmed, f'"{subject}": {error.get("description")} ({error.get("err_code")})')
        return True
    duplicate = bool(told.get("duplicate", False))
    confirmed.set_result(NatsReceipt(stream=told["stream"], sequence=told["seq"], duplicate=duplicate))
    return True


def _refuse(confirmed: Confirmed, why: str) -> None:
    confirmed.set_exception(PublishError(why))
    confirmed.exception()  # nobody has to wait for it
