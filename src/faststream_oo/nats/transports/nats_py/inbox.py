"""Replies: everything below an inbox of its own, whose last token says which request is answered."""

from itertools import count

from nats import errors
from nats.aio.msg import Msg

from faststream_oo.errors import TransportError
from faststream_oo.nats.address import Subject
from faststream_oo.nats.claim import Limits, SubjectClaim
from faststream_oo.nats.message import received_reply
from faststream_oo.nats.transports.nats_py.connection import NatsConnection
from faststream_oo.nats.transports.nats_py.refusals import describe
from faststream_oo.transport import Sink


class NatsInbox:
    """Feeds what is sent to it from now on.

    Args:
        connection: Where it is.
        sink: Who is fed.
        limits: Of the client's buffer.
    """

    def __init__(self, connection: NatsConnection, sink: Sink, limits: Limits) -> None:
        self._connection = connection
        self._sink = sink
        self._limits = limits
        self._position = count().__next__
        self._claim: SubjectClaim

    async def open(self) -> str:
        """Subscribe, and return the inbox once the server knows it. Raises TransportError."""
        client = self._connection.client
        inbox = client.new_inbox()
        self._claim = SubjectClaim(Subject(f"{inbox}.*"), lambda _why: None)
        try:
            await client.subscribe(  # pyright: ignore[reportUnknownMemberType] - `future`
                self._claim.subject.name,
                cb=self._take,
                pending_msgs_limit=self._limits.messages,
                pending_bytes_limit=self._limits.bytes,
            )
        except (errors.Error, OSError) as error:
            raise TransportError(f"replies cannot be received: {describe(error)}") from error
        await self._connection.flush()
        self._connection.check_allowed(self._claim.subject.name)
        self._connection.tell(self)
        return inbox

    async def _take(self, received: Msg) -> None:
        self._sink.feed([received_reply(received, self._claim, self._position())])

    def away(self, reason: str, /) -> None:
        """Report that the server is lost; requests wait for their replies until they are over."""
        self._sink.degrade(reason)

    def back(self) -> None:
        """Report that the server is back."""
        self._sink.degrade(None)

    def ended(self, error: TransportError, /) -> None:
        """Report that the client gave up."""
        self._sink.fail(error)

    def overflowed(self, subscription: object, /) -> None:
        """Do nothing: a reply that was dropped is a request that times out."""
