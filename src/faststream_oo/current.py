"""The context variables: the attempt that is running, and the embedding that transports are made in."""

from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from faststream_oo.clock import Clock, LoopClock
from faststream_oo.message import Message


class Attempt:
    """One call of a handler with everything around it, or a block inside `Application.scope`.

    Publishes are held in `outbox` while `open`; the scope's objects are in `scoped`.
    """

    __slots__ = ("held", "message", "open", "outbox", "scoped")

    def __init__(self, message: Message | None, held: bool = True) -> None:
        self.message = message
        self.held = held
        """Whether publishes wait for the end of the attempt."""
        self.open = True
        self.outbox: list[Any] | None = None
        """What waits to be sent (`outbox.Held`), in order; None while there is nothing."""
        self.scoped: dict[object, object] | None = None
        """Message-scoped objects by their provider, for those called from user code."""


CURRENT: ContextVar[Attempt | None] = ContextVar("faststream_oo_attempt", default=None)


class Embedding:
    """What `Harness` and `--memory` put below an application: a clock, and one world of embedded brokers.

    Args:
        clock: Where time comes from.
        memory: True gives every broker its memory transport, whatever its `driver` says.
        prefix: Put before the prefix of every broker.
    """

    def __init__(self, clock: Clock, *, memory: bool = True, prefix: str = "") -> None:
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
def embedded(embedding: Embedding) -> Iterator[Embedding]:
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
