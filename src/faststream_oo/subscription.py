"""The running binding of handlers to an address."""

from typing import Literal, Protocol, TypeAlias

State: TypeAlias = Literal["new", "starting", "running", "degraded", "paused", "draining", "stopped", "failed"]
"""Of an application, a broker or a subscription. `degraded`: reconnecting."""


class Subscription(Protocol):
    """One running subscription; its name (`Orders.placed`) is the same in settings, logs, metrics and the CLI."""

    @property
    def name(self) -> str:
        """`Class.method`, or `Class.method[address]` when a method has several."""
        ...

    @property
    def address(self) -> str:
        """Name of the address, prefixes included."""
        ...

    @property
    def group(self) -> str | None:
        """Workers that share its messages, prefix included."""
        ...

    @property
    def state(self) -> State:
        """Where it stands in its life."""
        ...

    @property
    def in_flight(self) -> int:
        """Messages received and not yet settled."""
        ...

    async def lag(self) -> int | None:
        """Messages that wait at the broker, or None where it does not tell."""
        ...

    async def pause(self, reason: str = "operator") -> None:
        """Stop taking messages, keeping the seat; running handlers go on. Survives reconnects and rebalances."""

    async def resume(self, reason: str = "operator") -> None:
        """Take one reason away; messages are taken again when none is left."""

    async def drain(self) -> None:
        """Stop taking messages and return when none is in flight."""
