"""Durable consumers of a stream that workers share, found or made."""

import logging
from collections.abc import Callable, Sequence
from typing import TypeAlias

from nats.js import api

from faststream_oo.errors import TransportError
from faststream_oo.nats.client.renewing import Renewing
from faststream_oo.nats.leases import StreamClaims
from faststream_oo.nats.options import NatsSourceOptions, Pull
from faststream_oo.nats.transports.nats_py.connection import NatsConnection
from faststream_oo.nats.transports.nats_py.fetching import Fetching
from faststream_oo.nats.transports.nats_py.managing import (
    Manager,
    durable,
    durable_differences,
    durable_refusal,
)
from faststream_oo.nats.transports.nats_py.pushed import Pushed
from faststream_oo.options import Topology
from faststream_oo.transport import Sink

_log = logging.getLogger("faststream_oo")

Seat: TypeAlias = Fetching | Pushed
"""A subscription that is open."""


class Durable:
    """The durable consumer of a group.

    Args:
        connection: Where.
        manager: Asks for it.
        stream: Whole name of the stream.
        patterns: What is read of it.
        options: Of the subscription.
        topology: Whether it may be made.
        tell: Answers flow control.
    """

    def __init__(
        self,
        connection: NatsConnection,
        manager: Manager,
        stream: str,
        patterns: Sequence[str],
        options: NatsSourceOptions,
        topology: Topology,
        tell: Callable[[str, bytes], object],
    ) -> None:
        self.name = options.group or ""
        self.lease: float = options.via.ack_wait
        """Seconds until what is not settled is delivered again."""
        self._connection = connection
        self._manager = manager
        self._stream = stream
        self._options = options
        self._topology = topology
        self._tell = tell
        deliver = f"{connection.inbox_prefix}.push.{stream}.{self.name}"
        self._ours = durable(self.name, patterns, options.start, options.via, deliver)
        self._there = self._ours

    @property
    def place(self) -> tuple[str, str]:
        """Names of the stream and the consumer."""
        return self._stream, self.name

    async def attach(self) -> None:
        """Find it or make it. Raises TransportError."""
        info = await self._manager.consumer(*self.place)
        if info is None:
            if self._topology != "create":
                raise TransportError(f'consumer "{self.name}" of stream "{self._stream}" does not exist')
            self._there = (await self._manager.make_consumer(self._stream, self._ours)).config
        else:
            self._check(info)
        self.lease = self._there.ack_wait or self.lease

    def _check(self, info: api.ConsumerInfo) -> None:
        there = self._there = info.config
        what = f'consumer "{self.name}" of stream "{self._stream}"'
        refusal = durable_refusal(there, self._ours)
        if refusal is None and info.push_bound and not there.deliver_group:
            refusal = "another worker reads it, and it has no deliver group to share it"
        if refusal is not None:
            raise TransportError(f"{what} cannot be read: {refusal}; change or delete it, or choose another group")
        for difference in durable_differences(there, self._ours):
            _log.warning("%s stays as it is: %s", what, difference, extra={"fields": {"consumer": self.name}})

    async def seat(self, claims: StreamClaims, sink: Sink, renewing: Renewing) -> Seat:
        """Return a subscription that is open. Raises TransportError."""
        via, common = self._options.via, (self._connection, claims, sink, renewing, self.place)
        if isinstance(via, Pull):
            fetching = Fetching(*common, via, self._options.prefetch, self._manager)
            await fetching.open()
            return fetching
        pushed = Pushed(*common, via, self._manager, self._tell)
        await pushed.open(self._there.deliver_subject or "", self._there.deliver_group or "")
        return pushed
