"""Requests: sent at once, answered through one inbox a broker, ended by their time-out."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final, Protocol

from attrs import evolve, frozen

from faststream_oo.clock import Clock
from faststream_oo.current import CURRENT, Attempt
from faststream_oo.deadlines import Deadlines
from faststream_oo.errors import LifecycleError, PublishError, RemoteError, RequestTimeoutError, TransportError
from faststream_oo.message import Message, Outgoing
from faststream_oo.publishing import Outlet, Publication, is_batch, is_outgoing
from faststream_oo.transport import Claim, Sink

_log: Final = logging.getLogger("faststream_oo")
_ROOM: Final = 10_000


@frozen
class Request:
    """One kind of request, everything that does not depend on the single one bound.

    Attributes:
        publication: Its way out.
        decode: Makes the reply from its message.
        timeout: Seconds until silence is a RequestTimeoutError.
    """

    publication: Publication
    decode: Callable[[Message], Any]
    timeout: float


class Waiting:
    """A request that is not answered yet.

    Args:
        attempt: The attempt that waits for it, if it is one.
    """

    __slots__ = ("attempt", "reply")

    def __init__(self, attempt: Attempt | None) -> None:
        self.attempt = attempt
        self.reply: asyncio.Future[Message | None] = asyncio.get_running_loop().create_future()


class Inbox:
    """Where the replies of a broker's requests arrive: it takes everything, keeps nothing and settles nothing.

    Args:
        clock: Where time-outs are read.
    """

    def __init__(self, clock: Clock) -> None:
        self.waiting: dict[str, Waiting] = {}
        """Requests that are not answered yet, by their ids."""
        self.unknown = 0
        """Replies that nobody waited for: late ones, and those of others that share the address."""
        self.failed: BaseException | None = None
        """Why no more replies arrive."""
        self._deadlines = Deadlines(clock, _silence)

    def expect(self, request_id: str, timeout: float, /) -> asyncio.Future[Message | None]:
        """Return the reply to be; None after `timeout` seconds without one."""
        waiting = self.waiting[request_id] = Waiting(CURRENT.get())
        self._deadlines.add(waiting.reply, timeout)
        return waiting.reply

    def forget(self, request_id: str, reply: "asyncio.Future[Message | None]", /) -> None:
        """Wait no more."""
        self.waiting.pop(request_id, None)
        if not reply.done():
            reply.cancel()
        elif not reply.cancelled():
            reply.exception()  # Looked at, so that one which nobody came to await is not logged as forgotten.

    def close(self, error: BaseException) -> None:
        """Let every request that waits fail."""
        self._deadlines.close()
        for waiting in self.waiting.values():
            if not waiting.reply.done():
                waiting.reply.set_exception(error)

    # Sink ---------------------------------------------------------------------------------------------------------

    @property
    def room(self) -> int:
        """There is always room."""
        return _ROOM

    async def ready(self) -> int:
        """Return the room."""
        return _ROOM

    def feed(self, messages: Sequence[Message], /) -> None:
        """Hand replies to the requests that wait for them."""
        for message in messages:
            request_id = message.headers.get("fsoo-request-id") or message.correlation_id
            waiting = self.waiting.pop(request_id or "", None)
            if waiting is None or waiting.reply.done():
                self.unknown += 1
            else:
                waiting.reply.set_result(message)

    async def assign(self, claims: Sequence[Claim], /) -> None:
        """Nothing is settled, so claims are all the same."""

    async def revoke(self, claims: Sequence[Claim], /, *, deadline: float, lost: bool = False) -> bool:
        """Nothing is held."""
        return True

    def drop(self, claims: Collection[Claim], /) -> None:
        """Nothing waits."""

    def holding(self) -> Iterable[Message]:
        """Nothing is held."""
        return ()

    def fail(self, error: BaseException, /) -> None:
        """No more replies arrive: what waits fails, and the next request opens another inbox."""
        _log.error("replies cannot be received: %s", error, exc_info=error, extra={"fields": {"error": str(error)}})
        self.failed = error
        self.close(TransportError(f"replies cannot be received: {error}"))

    def degrade(self, reason: str | None, /) -> None:
        """The broker went away or came back; requests wait for their replies meanwhile."""
        if reason is not None:
            _log.warning("replies wait for the broker: %s", reason, extra={"fields": {"cause": reason}})


def _silence(reply: "asyncio.Future[Message | None]", _timeout: float) -> None:
    reply.set_result(None)


class Asking(Outlet, Protocol):
    """What requests need of their broker."""

    @property
    def clock(self) -> Clock:
        """Where its time comes from."""
        ...

    async def open_inbox(self, sink: Sink, /) -> str:
        """Begin to receive replies, and return the address to put into `reply_to`."""
        ...

    def asking(self, reply_to: str, /) -> Mapping[str, str]:
        """Return the headers that say where an answer is wanted."""
        ...

    def expiring(self, timeout: float, /) -> Mapping[str, object]:
        """Return the options of a frame that nobody needs after so many seconds."""
        ...


class Requests:
    """The asking side of one broker.

    Args:
        broker: Where requests are sent.
    """

    def __init__(self, broker: Asking) -> None:
        self._broker = broker
        self._clock = broker.clock
        self._inbox = Inbox(self._clock)
        self._opened: Mapping[str, str] | None = None
        self._opening = asyncio.Lock()
        self._unknown = 0

    @property
    def unknown(self) -> int:
        """Replies that nobody waited for, since the broker is open."""
        return self._unknown + self._inbox.unknown

    @property
    def waiting(self) -> Mapping[str, Waiting]:
        """Requests that are not answered yet, by their ids."""
        return self._inbox.waiting

    async def open(self) -> Mapping[str, str]:
        """Have an inbox that receives, and return the headers that name it. Raises TransportError."""
        async with self._opening:
            if self._inbox.failed is not None:
                self._unknown += self._inbox.unknown
                self._inbox, self._opened = Inbox(self._clock), None
            if self._opened is None:
                self._opened = self._broker.asking(await self._broker.open_inbox(self._inbox))
            return self._opened

    def close(self) -> None:
        """Let every request that waits fail."""
        self._inbox.close(LifecycleError("the broker was closed while a request waited for its reply"))

    async def ask(self, request: Request, body: object, /) -> Any:
        """Send a request past any outbox, and return its decoded reply.

        Raises:
            RequestTimeoutError: No reply in time.
            RemoteError: The other side failed.
            PublishError: The request was refused.
            DecodeError: The reply is not what was asked for.
        """
        if is_batch(body):
            raise LifecycleError("a request is one message, not a Batch")
        place = self._opened
        if place is None or self._inbox.failed is not None:
            place = await self.open()
        inbox, timeout = self._inbox, request.timeout
        request_id = self._broker.new_id()
        reply = inbox.expect(request_id, timeout)
        headers = {
            **place,
            "fsoo-request-id": request_id,
            "fsoo-deadline": str(int((self._clock.wall() + timeout) * 1000)),
        }
        outgoing = body if is_outgoing(body) else self._broker.outgoing(body)
        outgoing = evolve(outgoing, headers={**outgoing.headers, **headers}, id=outgoing.id or request_id)
        try:
            sending = self._send(request, outgoing, reply)
            await (sending if request.publication.prompt else _until(reply, sending))
            answer = await reply
        finally:
            inbox.forget(request_id, reply)
        address = request.publication.address.name
        if answer is None:
            raise RequestTimeoutError(f"no reply from {address} in {timeout:g} s")
        told = answer.headers
        if told.get("fsoo-status") == "unrouted":  # said by the transport, where the broker answers itself
            raise PublishError(f"nobody listens on {address}")
        if told.get("fsoo-status") == "fault":
            raise RemoteError(address, told.get("fsoo-error-type", ""), told.get("fsoo-error-message", ""))
        return request.decode(answer)

    async def _send(self, request: Request, outgoing: Outgoing[Any], reply: "asyncio.Future[Any]") -> None:
        """Send a request without waiting for its confirm: the reply tells more."""
        publication = request.publication

        async def last(outgoing: Outgoing[Any]) -> None:
            sender, frame = await publication.prepare(outgoing)
            frame.body = frame.body or b""
            frame.options = {**self._broker.expiring(request.timeout), **frame.options}
            confirmed: Awaitable[Any] | None = sender.send(frame)
            if confirmed is not None:
                watched = self._broker.confirmations.watch(confirmed, publication.terms.timeout)
                watched.add_done_callback(partial(_unsent, reply))

        await publication.through(outgoing, last)


async def _until(reply: "asyncio.Future[Any]", sending: Coroutine[Any, Any, None]) -> None:
    """Send while somebody waits: an address that is looked up first, or a middleware, may take longer than that."""
    task = asyncio.ensure_future(sending)
    try:
        await asyncio.wait({task, reply}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
    if not task.cancelled():
        task.result()


def _unsent(reply: "asyncio.Future[Any]", confirmed: "asyncio.Future[Any]") -> None:
    """A request that the broker refused has no reply."""
    if not confirmed.cancelled() and (error := confirmed.exception()) is not None and not reply.done():
        reply.set_exception(error)
