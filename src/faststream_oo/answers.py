"""Answers to requests: what a handler returned, or why it failed, to wherever each request wants it."""

import asyncio
import logging
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, Protocol, cast

from attrs import evolve, frozen

from faststream_oo.address import Address
from faststream_oo.clock import Clock
from faststream_oo.current import Attempt
from faststream_oo.errors import TransportError, error_type
from faststream_oo.message import Message, Outgoing
from faststream_oo.outbox import Held
from faststream_oo.outcome import Outcome
from faststream_oo.publishing import Outlet, Publication, Terms, is_batch, is_outgoing
from faststream_oo.transport import Sender

_log: Final = logging.getLogger("faststream_oo")
_LONGEST: Final = 8 * 1024  # Characters of an error's text.
_REQUESTERS: Final = 256  # Senders that are kept: each process that asks may have an address of its own.


class Answering(Outlet, Protocol):
    """What answers need of their broker."""

    def answering(self, message: Message, /) -> tuple[Address, Mapping[str, object]]:
        """Return where the answer to a request goes, never prefixed, and the frame's options there."""
        ...

    def replying(self, address: Address, /) -> Sender[Any]:
        """Return a sender to a requester's address, which is kept nowhere."""
        ...


@frozen
class _Requester:
    """Stands for the address that a request names."""

    name: str = "fsoo-reply-to"
    kind: None = None


class HeldAnswer(Held):
    """An answer on its way: one that the broker refuses is logged and forgotten, as nobody may wait for it any more."""

    __slots__ = ()

    def send(self) -> asyncio.Future[Any] | None:
        """Send it now and return when the broker took or refused it."""
        try:
            confirmed = super().send()
        except TransportError as error:
            self._lost(error)
            return None
        if confirmed is None:
            return None
        ended: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def done(confirmed: asyncio.Future[Any]) -> None:
            if not confirmed.cancelled() and (error := confirmed.exception()) is not None:
                self._lost(error)
            if not ended.done():
                ended.set_result(None)

        confirmed.add_done_callback(done)
        return ended

    def _lost(self, error: BaseException) -> None:
        fields = {"message_id": self.frame.headers.get("fsoo-request-id"), "error": str(error)}
        _log.warning("an answer was not taken: %s", error, extra={"fields": fields})


class Answers(Publication):
    """The way out of one handler's answers.

    Args:
        outlet: The broker.
        terms: How they are made.
    """

    __slots__ = ("_answering", "_sender_of")

    def __init__(self, outlet: Answering, terms: Terms) -> None:
        super().__init__(outlet, _Requester(), terms)
        self._answering = outlet
        # Requesters come and go, and with some protocols each has an address of its own.
        self._sender_of = lru_cache(_REQUESTERS)(outlet.replying)

    async def reply(self, message: Message, result: object, attempt: Attempt, /) -> None:
        """Answer with what the handler returned: in the outbox of its attempt, or at once where there is none."""
        held = await self._held(message, result, {"fsoo-status": "ok"})
        if held is None:
            return
        if attempt.held:
            attempt.hold(held)
        else:
            held.send()

    async def fault(self, message: Message, outcome: Outcome, error: BaseException | None, /) -> Held | None:
        """Return the answer of a request that was given up; one that cannot be made is logged."""
        kind = type(outcome).__name__ if error is None else error_type(error)
        text = outcome.reason if error is None else str(error)
        headers = {"fsoo-status": "fault", "fsoo-error-type": kind, "fsoo-error-message": text[:_LONGEST]}
        try:
            return await self._held(message, None, headers)
        except Exception as failed:  # noqa: BLE001 - the request is given up either way
            _log.exception("a request has no answer: %s", failed, extra={"fields": {"message_id": message.id}})
            return None

    async def _held(self, message: Message, body: object, headers: Mapping[str, str]) -> Held | None:
        """Make an answer; None when a middleware did not pass it on."""
        made: Held | None = None
        address, options = self._answering.answering(message)

        async def last(outgoing: Outgoing[Any]) -> None:
            nonlocal made
            sender, frame = await self.prepare(outgoing)
            frame.body = frame.body or b""
            frame.options = options
            made = HeldAnswer(sender, frame, self.terms.timeout, self._outlet.confirmations)

        if (request_id := message.headers.get("fsoo-request-id")) is not None:
            headers = {**headers, "fsoo-request-id": request_id}
        if is_outgoing(body):
            headers = {**body.headers, **headers}
        outgoing = self._outlet.outgoing(_plain(body))
        outgoing = evolve(outgoing, to=address, headers=headers, correlation_id=message.correlation_id)
        await self.through(outgoing, last)
        return made

    def _address(self, outgoing: Outgoing[Any]) -> Address:
        """Return where an answer goes, as the request named it."""
        to = outgoing.to
        return self.address if to is None else self._outlet.locate(to) if isinstance(to, str) else to

    async def _sender_to(self, address: Address) -> Sender[Any]:
        """Return a sender without declaring anything: the address is the requester's."""
        return self._sender_of(cast(Any, address))


def _plain(body: object) -> object:
    """Return what is encoded: the body inside an Outgoing, the bodies of a Batch."""
    if is_batch(body):
        return [_plain(item) for item in body]
    return body.body if is_outgoing(body) else body


def asks(message: Message, /) -> bool:
    """Whether somebody wants an answer; a dead letter has the headers of its request, and is none any more."""
    return message.reply_to is not None and "fsoo-dl-reason" not in message.headers


def expired(message: Message, clock: Clock, /) -> bool:
    """Whether nobody waits for the answer to a request any more."""
    deadline = message.headers.get("fsoo-deadline", "")
    return deadline.isdecimal() and int(deadline) < clock.wall() * 1000
