"""The context variables: the attempt that is running, and the embedding that transports are made in."""

from collections.abc import Awaitable, Callable, Generator, Mapping, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

from faststream_oo.address import Address
from faststream_oo.clock import Clock, LoopClock
from faststream_oo.message import Message
from faststream_oo.outcome import Outcome
from faststream_oo.transport import Frame


class Attempt:
    """One call of a handler with everything around it, or a block inside `Application.scope`.

    One is made for every message, so its fields begin as class attributes and nothing is called to make it.
    """

    message: Message | None = None
    """What is being handled; None in a scope opened by hand."""
    held = True
    """Whether publishes wait for the end of the attempt."""
    open = True
    """False once it ended: a publish that comes later is refused."""
    outbox: list[Any] | None = None
    """What waits to be sent (`outbox.Held`), in order; None while there is nothing."""
    scoped: dict[object, object] | None = None
    """Message-scoped objects by their provider, for those called from user code."""
    target: Any = None
    """What was built for this attempt: the consumer, then the middlewares."""

    def hold(self, held: object, /) -> None:
        """Keep something (`outbox.Held`) until the attempt has ended well."""
        if self.outbox is None:
            self.outbox = [held]
        else:
            self.outbox.append(held)


CURRENT: ContextVar[Attempt | None] = ContextVar("faststream_oo_attempt", default=None)


class Observer(Protocol):
    """Hears what an application does; compiled in only where there is one."""

    def sent(self, address: Address, frame: Frame, confirmed: Awaitable[Any] | None, /) -> None:
        """A message went to the broker; `confirmed` is its confirm."""

    def ended(self, handler: str, message: Message, outcome: Outcome, /) -> None:
        """An attempt ended."""

    def buried(self, subscription: str, message: Message, headers: Mapping[str, str], /) -> None:
        """A dead letter was written, with these diagnostics."""


class Embedding:
    """What `Harness` and `--memory` put below an application: a clock, and one world of embedded brokers.

    Args:
        clock: Where time comes from.
        memory: True gives every broker its memory transport, whatever its `driver` says.
        prefix: Put before the prefix of every broker.
        observer: Hears what the applications inside do.
    """

    def __init__(
        self, clock: Clock, *, memory: bool = True, prefix: str = "", observer: Observer | None = None
    ) -> None:
        self.observer = observer
        self.clock = clock
        self.memory = memory
        self.prefix = prefix
        self._clusters: MutableMapping[object, Any] = {}

    def cluster(self, key: object, make: Callable[[Clock], Any], /) -> Any:
        """Return the embedded cluster of a key (protocol and servers), made at the first call."""
        if key not in self._clusters:
            self._clusters[key] = make(self.clock)
        return self._clusters[key]


EMBEDDING: ContextVar[Embedding | None] = ContextVar("faststream_oo_embedding", default=None)


@contextmanager
def embedded(embedding: Embedding) -> Generator[Embedding]:
    """Make every broker that is opened inside the block use an embedding."""
    token = EMBEDDING.set(embedding)
    try:
        yield embedding
    finally:
        EMBEDDING.reset(token)


def clock() -> Clock:
    """Return the embedding's clock, else the event loop's."""
    embedding = EMBEDDING.get()
    return LoopClock() if embedding is None else embedding.clock
