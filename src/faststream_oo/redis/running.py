"""Pipelines: messages and commands that go to the server together."""

from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Self

from faststream_oo.address import Address
from faststream_oo.errors import LifecycleError, PublishError
from faststream_oo.redis.address import RedisAddress
from faststream_oo.redis.envelope import encoded
from faststream_oo.redis.transport import Piped


class RedisPipeline:
    """Commands sent together when its block ends, as one transaction; nothing is sent when the block raises.

    It goes at once, also while a message is being handled: what belongs to the handler's success is published by
    `publish`.

    Args:
        make: Returns the messages of a body, encoded, each with its whole address.
        send: Sends messages and commands together.
    """

    def __init__(
        self,
        make: "Callable[[str | Address, object], Awaitable[Sequence[Piped]]]",
        send: Callable[[Sequence[Piped]], Awaitable[None]],
    ) -> None:
        self._make = make
        self._send = send
        self._gathered: list[Callable[[], Awaitable[Sequence[Piped]]]] = []
        self._entered = self._over = False

    async def __aenter__(self) -> Self:
        """Begin to gather."""
        if self._entered:
            raise LifecycleError("this pipeline was entered before; broker.pipeline() opens another")
        self._entered = True
        return self

    async def __aexit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None:
        """Send what was gathered, in order; nothing after an error. Raises PublishError."""
        self._over = True
        if error is not None:
            return
        made = [piped for make in self._gathered for piped in await make()]
        if made:
            await self._send(made)

    def publish(self, address: str | RedisAddress, body: object, /) -> None:
        """Add a message: a body, a `RedisOutgoing`, or a `Batch` of either."""
        self._require_open()
        self._gathered.append(lambda: self._make(address, body))

    def command(self, *parts: str | bytes | float) -> None:
        """Add any other command: `pipe.command("INCR", "orders:count")`; the broker's prefix is not put before its keys.

        Raises:
            PublishError: A part is neither text, bytes nor a number.
        """
        self._require_open()
        if not parts:
            raise PublishError("a command has a name")
        written = [encoded(part) for part in parts]

        async def plain() -> Sequence[Piped]:
            return [written]

        self._gathered.append(plain)

    def _require_open(self) -> None:
        if self._over or not self._entered:
            raise LifecycleError("this pipeline is not open: async with broker.pipeline() as pipe")
