"""A connection to a server, whichever link makes it: a shared one for all that does not wait, and one a source."""

import asyncio
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, cast

from faststream_oo.address import Address
from faststream_oo.errors import PublishError, TransportError
from faststream_oo.options import Topology
from faststream_oo.redis.address import Channel, List, RedisAddress, Stream
from faststream_oo.redis.client.channel import ChannelSource
from faststream_oo.redis.client.commands import Answer, Command, CommandError, Link
from faststream_oo.redis.client.list import ListSource, PoppingSource
from faststream_oo.redis.client.senders import RedisSender
from faststream_oo.redis.client.stream import ReplySource, StreamSource
from faststream_oo.redis.client.wire import Wire
from faststream_oo.redis.envelope import WrappedContent, encoded
from faststream_oo.redis.options import RedisSettings, RedisSourceOptions
from faststream_oo.transport import Frame, Sink, Source

_CLOSE_SECONDS: Final = 5.0
"""Longest time that is waited for what was accepted."""


class ClientTransport:
    """Sources, senders and questions over one link.

    Args:
        settings: Connection and defaults.
        link: Where to.
        creates: Whether a missing stream is made, with its group.
    """

    def __init__(self, settings: RedisSettings, link: Link, creates: Callable[[Stream], bool]) -> None:
        self._settings = settings
        self._link = link
        self._wrapped = WrappedContent(settings.envelope)
        self._creates = creates
        self._wire: Wire | None = None
        self._inboxes: list[ReplySource] = []

    async def open(self) -> None:
        """Connect, once. Raises ConnectError."""
        wire = Wire(self._link)
        await wire.open()
        self._wire = wire

    async def close(self) -> None:
        """Send what was accepted, as far as that is possible in a few seconds, and disconnect."""
        wire, self._wire = self._wire, None
        inboxes, self._inboxes = self._inboxes, []
        await asyncio.gather(*(inbox.close() for inbox in inboxes))
        if wire is not None:
            await wire.close(_CLOSE_SECONDS)

    async def ping(self) -> None:
        """Return when the server answers. Raises TransportError."""
        await self._shared.ask(("PING",))

    def source(self, address: Address, options: Mapping[str, object], /) -> Source:
        """Return the intake of one subscription, not started; the options are those of `RedisSourceOptions`."""
        chosen = RedisSourceOptions(**cast(Any, options))
        match address:
            case Stream():
                return StreamSource(address.name, chosen, self._link, self._shared, creates=self._creates(address))
            case List() if chosen.settles:
                return ListSource(address.name, chosen, self._wrapped, self._link, self._shared)
            case List():
                return PoppingSource(address.name, self._wrapped, self._link, self._shared)
            case Channel():
                return ChannelSource(address, self._wrapped, self._link, self._shared)
            case _:
                raise TransportError(f"{address!r} is no address of Redis")

    def sender(self, address: Address, /) -> RedisSender:
        """Return a sender to one address."""
        if self._wire is None:
            raise PublishError("this Redis transport is not open")
        return RedisSender(self._wire, cast(RedisAddress, address), self._settings.envelope)

    async def inbox(self, sink: Sink, /) -> str:
        """Begin to feed what is written to a stream of this process's own, and return its key. Raises TransportError."""
        key = f"{self._settings.prefix}replies:{secrets.token_hex(8)}"
        source = ReplySource(key, self._link, self._shared)
        await source.start(sink)
        self._inboxes.append(source)
        return key

    async def declare(self, addresses: Sequence[Address], topology: Topology, /) -> Sequence[str]:
        """Return the differences: streams that are missing, and keys of another type.

        A stream comes into being with its group, or with the first entry, so there is nothing to create here.

        Raises:
            TransportError: In the mode "create", when a key has another type or an external stream is missing.
        """
        keys = [one for one in addresses if isinstance(one, Stream | List)]
        if not keys:
            return []
        types = await self._shared.ask(*(("TYPE", encoded(key.name)) for key in keys))
        both = [(key, kind, _difference(key, kind)) for key, kind in zip(keys, types, strict=True)]
        if topology == "verify":
            return [what for _, _, what in both if what is not None]
        made = [key for key, kind, _ in both if kind == b"none" and isinstance(key, Stream) and self._creates(key)]
        if wrong := [what for key, _, what in both if what is not None and key not in made]:
            raise TransportError("; ".join(wrong))
        return []

    async def delete(self, keys: Sequence[str], /) -> None:
        """Delete keys that a test made. Raises TransportError."""
        if keys:
            await self._shared.ask(("DEL", *keys))

    async def execute(self, commands: Sequence[tuple[Address, Frame] | Command], /, *, transaction: bool) -> None:
        """Send messages and commands together. Raises PublishError."""
        made = [self._piped(one) for one in commands]
        if transaction:
            made = [("MULTI",), *made, ("EXEC",)]
        try:
            answers = await self._shared.ask(*made, again=False)
        except TransportError as error:
            raise PublishError(str(error)) from error
        inner = answers[-1] if transaction else ()
        if inner is None:
            raise PublishError("nothing was carried out: a watched key has changed")
        refused = [one for one in inner if isinstance(one, CommandError)] if isinstance(inner, list) else []
        if refused:
            raise PublishError(f"the rest was carried out: {refused[0]}")

    def _piped(self, one: tuple[Address, Frame] | Command) -> Command:
        if len(one) == 2 and isinstance(frame := cast("Sequence[object]", one)[1], Frame):
            return self.sender(cast(Address, one[0])).command(frame)
        return cast(Command, one)

    @property
    def _shared(self) -> Wire:
        if self._wire is None:
            raise TransportError("this Redis transport is not open")
        return self._wire


def _difference(key: Stream | List, kind: Answer) -> str | None:
    """Return how a key differs from what it is taken for."""
    wanted = b"stream" if isinstance(key, Stream) else b"list"
    if kind == b"none":
        return f'stream "{key.name}" does not exist' if isinstance(key, Stream) else None
    if kind != wanted and isinstance(kind, bytes):
        return f'"{key.name}" is a {kind.decode()}, no {wanted.decode()}'
    return None
