"""What wraps a handler call or a publish; a middleware has one of the two methods, or both."""

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeAlias

from faststream_oo.message import Message, Outgoing

ConsumeNext: TypeAlias = Callable[[Message], Awaitable[object]]
"""The rest of the way to the handler; returns what the handler returned."""

PublishNext: TypeAlias = Callable[[Outgoing], Awaitable[None]]
"""The rest of the way out."""


class ConsumeMiddleware(Protocol):
    """Wraps one attempt: decode, binding and the handler are inside, error rules and settling outside."""

    async def consume(self, message: Message, call_next: ConsumeNext, /) -> object:
        """Return what `call_next` returned, something else in its place (an `Outcome` too), or raise."""


class PublishMiddleware(Protocol):
    """Wraps one message on its way out, before it is encoded: publish, reply and request alike."""

    async def publish(self, outgoing: Outgoing, call_next: PublishNext, /) -> None:
        """Pass the message on, changed or not; `outgoing.to` names its address."""


Middleware: TypeAlias = ConsumeMiddleware | PublishMiddleware
"""Either direction, or both."""
