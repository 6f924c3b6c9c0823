"""Making what an application declares, saying how it differs, and asking about it."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeVar

from aiormq import exceptions
from aiormq.abc import AbstractChannel
from pamqp.common import FieldTable

from faststream_oo.address import Address
from faststream_oo.errors import TransportError
from faststream_oo.options import Topology
from faststream_oo.rabbit.address import Arguments, Binding, Exchange, Queue
from faststream_oo.rabbit.declared import declared
from faststream_oo.rabbit.transports.aio_pika.link import Link, asking
from faststream_oo.rabbit.transports.aio_pika.reasons import describe

T = TypeVar("T")

_DIFFERENT: Final = re.compile(
    r"inequivalent arg '(?P<arg>[^']+)' for (?P<kind>queue|exchange) '(?P<name>[^']*)'.*"
    r"received (?P<received>.+?) but current is (?P<current>.+)"
)
_REFUSED: Final = (
    exceptions.ChannelPreconditionFailed,
    exceptions.ChannelNotFoundEntity,
    exceptions.ChannelAccessRefused,
    exceptions.ChannelLockedResource,
)

Call = Callable[[AbstractChannel], Awaitable[T]]


class Declarer:
    """Declares over a channel of its own, which the server closes whenever it refuses something.

    Args:
        link: The connection that consumes, so that exclusive queues are its own.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._channel: AbstractChannel | None = None
        self._turn = asyncio.Lock()
        self._made: dict[Queue | Exchange, None] = {}

    async def declare(self, addresses: Sequence[Address], topology: Topology, /) -> Sequence[str]:
        """Create what is missing, if the mode says so, and return the differences. Raises TransportError."""
        if topology == "off":
            return []
        wanted = declared(addresses, [queue for queue in self._made if isinstance(queue, Queue)])
        everything: list[Queue | Exchange] = [*wanted.exchanges, *wanted.queues]
        found = [await self._look(one, topology) for one in everything]
        if topology == "create":
            found += [await self._bound(one, binding) for one in everything for binding in one.bind]
            self._made.update(dict.fromkeys(everything))
        return [difference for difference in found if difference is not None]

    async def restore(self, queue: Queue | None = None, /) -> None:
        """Make again what was made, or one queue of it with what it needs. Raises TransportError."""
        made = list(self._made) if queue is None else [queue] if queue in self._made else []
        if made:
            await self.declare(made, "create")

    async def bind(self, to: Queue | Exchange, binding: Binding, /) -> None:
        """Make a binding. Raises TransportError."""
        await self._ask(lambda channel: _bind(channel, to, binding))

    async def unbind(self, to: Queue | Exchange, binding: Binding, /) -> None:
        """Remove a binding. Raises TransportError."""
        source, key, arguments = binding.source.name, binding.native_key, _table(binding.arguments)
        if isinstance(to, Queue):
            await self._ask(lambda channel: channel.queue_unbind(to.name, source, key, arguments=arguments))
        else:
            await self._ask(lambda channel: channel.exchange_unbind(to.name, source, key, arguments=arguments))

    async def delete(self, address: Queue | Exchange, /, *, if_unused: bool) -> None:
        """Delete a queue or an exchange. Raises TransportError."""
        self._made.pop(address, None)
        if isinstance(address, Queue):
            if if_unused and address.type == "quorum":
                raise TransportError(f'"{address.name}" is a quorum queue: they cannot be deleted only if unused')
            await self._ask(lambda channel: channel.queue_delete(address.name, if_unused=if_unused))
        else:
            await self._ask(lambda channel: channel.exchange_delete(address.name, if_unused=if_unused))

    async def purge(self, name: str, /) -> int:
        """Delete the waiting messages of a queue, and return how many. Raises TransportError."""
        purged = await self._ask(lambda channel: channel.queue_purge(name))
        return purged.message_count or 0

    async def count(self, name: str, /) -> int:
        """Return the messages that wait in a queue. Raises TransportError."""
        there = await self._ask(lambda channel: channel.queue_declare(name, passive=True))
        return there.message_count or 0

    async def ping(self) -> None:
        """Return when the server answers. Raises TransportError."""
        await self._ask(lambda channel: channel.basic_qos(prefetch_count=1))

    async def close(self) -> None:
        """Close the channel."""
        channel, self._channel = self._channel, None
        if channel is not None and not channel.is_closed:
            async with asking("a channel does not close"):
                await channel.close()

    async def _look(self, one: Queue | Exchange, topology: Topology) -> str | None:
        kind = "queue" if isinstance(one, Queue) else "exchange"
        if one.external or topology == "verify":
            missing = await self._refused(lambda channel: _declare(channel, one, passive=True))
            if isinstance(missing, exceptions.ChannelNotFoundEntity):
                return f'{kind} "{one.name}" does not exist'
            if missing is not None or one.external:
                return None if missing is None else f'{kind} "{one.name}": {describe(missing)}'
        error = await self._refused(lambda channel: _declare(channel, one, passive=False))
        return None if error is None else _difference(f'{kind} "{one.name}"', error)

    async def _bound(self, to: Queue | Exchange, binding: Binding) -> str | None:
        error = await self._refused(lambda channel: _bind(channel, to, binding))
        if error is None:
            return None
        return f'"{to.name}" cannot be bound to "{binding.source.name}": {describe(error)}'

    async def _refused(self, call: Call[Any]) -> BaseException | None:
        """Return what the server refuses a call with, None when it does not."""
        try:
            await self._ask(call)
        except TransportError as error:
            if isinstance(error.__cause__, _REFUSED):
                return error.__cause__
            raise
        return None

    async def _ask(self, call: Call[T]) -> T:
        async with self._turn:
            if self._channel is None or self._channel.is_closed:
                self._channel = await self._link.channel()
            try:
                async with asking("RabbitMQ refused"):
                    return await call(self._channel)
            except BaseException:
                self._channel = None
                raise


async def _declare(channel: AbstractChannel, one: Queue | Exchange, *, passive: bool) -> None:
    if isinstance(one, Queue):
        await channel.queue_declare(
            one.name,
            passive=passive,
            durable=one.durable,
            exclusive=one.exclusive,
            auto_delete=one.auto_delete,
            arguments=_table(one.native_arguments),
        )
    else:
        await channel.exchange_declare(
            one.name,
            passive=passive,
            exchange_type=one.type,
            durable=one.durable,
            auto_delete=one.auto_delete,
            arguments=_table(one.arguments),
        )


async def _bind(channel: AbstractChannel, to: Queue | Exchange, binding: Binding) -> None:
    source, key, arguments = binding.source.name, binding.native_key, _table(binding.arguments)
    if isinstance(to, Queue):
        await channel.queue_bind(to.name, source, key, arguments=arguments)
    else:
        await channel.exchange_bind(to.name, source, key, arguments=arguments)


def _table(arguments: Arguments) -> FieldTable:
    return {**arguments}


def _difference(what: str, error: BaseException) -> str:
    """Say how something differs; the server tells the first difference only."""
    found = _DIFFERENT.search(str(error))
    if found is None:
        return f"{what}: {describe(error)}"
    return f"{what} has {found['arg']} {_value(found['current'])}, declared is {_value(found['received'])}"


def _value(text: str) -> str:
    quoted = re.search(r"'([^']*)'", text)
    return quoted[1] if quoted is not None else "none"
