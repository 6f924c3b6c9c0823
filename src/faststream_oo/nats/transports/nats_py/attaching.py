"""Consumers of a stream, found or made: a durable one that workers share, or an ordered one of this process alone."""

import logging
import secrets
from collections.abc import Callable, Sequence
from typing import TypeAlias

from nats.js import api

from faststream_oo.errors import TransportError
from faststream_oo.nats.leases import StreamClaims
from faststream_oo.nats.options import NatsSourceOptions, Pull, Push, Start
from faststream_oo.nats.transports.nats_py.connection import NatsConnection
from faststream_oo.nats.transports.nats_py.fetching import Fetching
from faststream_oo.nats.transports.nats_py.managing import (
    Manager,
    durable,
    durable_differences,
    durable_refusal,
    filtered,
    place_to_start,
)
from faststream_oo.nats.transports.nats_py.pushed import Ordered, Pushed
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
        self.lease: float | None = options.via.ack_wait
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
        self.lease = self._there.ack_wait

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

    async def seat(self, claims: StreamClaims, sink: Sink) -> Seat:
        """Return a subscription that is open. Raises TransportError."""
        via, common = self._options.via, (self._connection, claims, sink, self.place)
        if isinstance(via, Pull):
            fetching = Fetching(*common, via, self._options.prefetch, self._manager)
            await fetching.open()
            return fetching
        pushed = Pushed(*common, via, self._manager, self._tell)
        await pushed.open(self._there.deliver_subject or "", self._there.deliver_group or "")
        return pushed


class Alone:
    """Ordered consumers, one after the other, of which each goes on where the last one ended.

    Args:
        connection: Where.
        manager: Makes them.
        stream: Whole name of the stream.
        patterns: What is read of it.
        start: Where the first one begins.
        via: How.
        tell: Answers flow control.
    """

    def __init__(
        self,
        connection: NatsConnection,
        manager: Manager,
        stream: str,
        patterns: Sequence[str],
        start: Start,
        via: Push,
        tell: Callable[[str, bytes], object],
    ) -> None:
        self.name = ""
        self.lease: float | None = None
        self._connection = connection
        self._manager = manager
        self._stream = stream
        self._patterns = patterns
        self._start: Start = start
        self._via = via
        self._tell = tell
        self._last: Ordered | None = None

    @property
    def place(self) -> tuple[str, str]:
        """Names of the stream and the consumer."""
        return self._stream, self.name

    async def attach(self) -> None:
        """Do nothing: a consumer is made when its subscription is open."""

    def renew(self) -> None:
        """Begin at the first message again: the stream is a new one."""
        self._start, self._last = "earliest", None

    async def seat(self, claims: StreamClaims, sink: Sink) -> Seat:
        """Return a subscription that is open. Raises TransportError."""
        if self._last is not None and self._last.last is not None:
            self._start = self._last.last + 1
        inbox = self._connection.client.new_inbox()
        self.name = f"ordered-{secrets.token_hex(6)}"
        seat = Ordered(self._connection, claims, sink, self.place, self._via, self._manager, self._tell)
        await seat.open(inbox)
        try:
            info = await self._manager.make_consumer(self._stream, self._config(inbox))
        except TransportError:
            await seat.close()
            raise
        if self._start == "latest" and info.delivered is not None:  # what comes from now on, also after a reconnect
            self._start = info.delivered.stream_seq + 1
        self._last = seat
        return seat

    def _config(self, inbox: str) -> api.ConsumerConfig:
        via = self._via
        return api.ConsumerConfig(
            name=self.name,
            ack_policy=api.AckPolicy.NONE,
            max_deliver=1,
            mem_storage=True,
            num_replicas=1,
            deliver_subject=inbox,
            idle_heartbeat=via.heartbeat,
            flow_control=via.flow_control,
            headers_only=via.headers_only or None,
            inactive_threshold=4 * via.heartbeat,
            **filtered(self._patterns),
            **place_to_start(self._start),
        )
