"""An embedded RabbitMQ: its exchanges and queues, and what a test can do to it."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from attrs import evolve

from faststream_oo.clock import Clock
from faststream_oo.errors import TransportError
from faststream_oo.rabbit.address import Binding, Exchange, Queue
from faststream_oo.rabbit.transports.memory.queues import MemoryQueue
from faststream_oo.rabbit.transports.memory.routing import MemoryExchange, Route, routed
from faststream_oo.rabbit.transports.memory.stored import MemoryProperties, Stored, died

_PREDEFINED: Final = (
    Exchange("amq.direct"),
    Exchange("amq.fanout", type="fanout"),
    Exchange("amq.topic", type="topic"),
    Exchange("amq.headers", type="headers"),
)


class Client(Protocol):
    """A connection."""

    def lost(self) -> None:
        """The server does not answer any more."""

    def found(self) -> None:
        """The server answers again."""


class MemoryServer:
    """A RabbitMQ server with one virtual host inside the process, for as long as the object lives.

    Args:
        clock: Where time comes from.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.exchanges: dict[str, MemoryExchange] = {one.name: MemoryExchange(one) for one in _PREDEFINED}
        """Exchanges by name; the default one has none."""
        self.queues: dict[str, MemoryQueue] = {}
        """Queues by name."""
        self.alone = False
        """Whether nobody else is there: then a message that no queue takes is returned, inside an embedding too."""
        self.replies: dict[str, Callable[[Stored], object]] = {}
        """Who takes direct replies, by address."""
        self.clients: list[Client] = []
        """Who is connected."""
        self.online = asyncio.Event()
        """Set while the server answers."""
        self.online.set()

    def check_online(self) -> None:
        """Raise TransportError while the server does not answer."""
        if not self.online.is_set():
            raise TransportError("the embedded RabbitMQ is down")

    # Declaring ----------------------------------------------------------------------------------------------------

    def declare_queue(self, queue: Queue, owner: object) -> None:
        """Make a queue unless it is there. Raises TransportError when it is another connection's."""
        if queue.name not in self.queues:
            self.queues[queue.name] = MemoryQueue(queue, owner if queue.exclusive else None, self.clock, self._died)
        self.queue(queue.name, owner)

    def declare_exchange(self, exchange: Exchange) -> None:
        """Make an exchange unless it is there."""
        if exchange.name not in self.exchanges:
            self.exchanges[exchange.name] = MemoryExchange(exchange)

    def queue(self, name: str, owner: object = None) -> MemoryQueue:
        """Return a queue. Raises TransportError when there is none, or another connection has it for itself."""
        queue = self.queues.get(name)
        if queue is None:
            raise TransportError(f"NOT_FOUND - no queue '{name}' in vhost '/'")
        if queue.owner is not None and queue.owner is not owner:
            raise TransportError(f"RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '{name}'")
        return queue

    def bind(self, to: Queue | Exchange, binding: Binding) -> None:
        """Make a binding. Raises TransportError when one of its ends is not there, or is the default exchange."""
        route, exchange = self._route(to, binding)
        there = self.queues if isinstance(to, Queue) else self.exchanges
        if to.name not in there:
            raise TransportError(f"NOT_FOUND - no {'queue' if isinstance(to, Queue) else 'exchange'} '{to.name}'")
        if exchange is None:
            raise TransportError(f"NOT_FOUND - no exchange '{binding.source.name}' in vhost '/'")
        exchange.bind(route)

    def unbind(self, to: Queue | Exchange, binding: Binding) -> None:
        """Remove a binding, if it is there. Raises TransportError for the default exchange."""
        route, exchange = self._route(to, binding)
        if exchange is not None and exchange.unbind(route) and exchange.declared.auto_delete:
            self.delete_exchange(exchange.declared.name)

    def _route(self, to: Queue | Exchange, binding: Binding) -> tuple[Route, MemoryExchange | None]:
        if binding.source.name == "":
            raise TransportError("ACCESS_REFUSED - operation not permitted on the default exchange")
        route = Route(to.name, isinstance(to, Exchange), binding.native_key, binding.arguments)
        return route, self.exchanges.get(binding.source.name)

    def delete(self, address: Queue | Exchange, owner: object, *, if_unused: bool) -> None:
        """Delete a queue or an exchange, if it is there. Raises TransportError when it is used and must not be."""
        if isinstance(address, Exchange):
            exchange = self.exchanges.get(address.name)
            if if_unused and exchange is not None and exchange.routes:
                raise TransportError(f"PRECONDITION_FAILED - exchange '{address.name}' in vhost '/' in use")
            self.delete_exchange(address.name)
        elif address.name in self.queues:
            queue = self.queue(address.name, owner)
            if if_unused and queue.declared.type == "quorum":
                raise TransportError(f'"{address.name}" is a quorum queue: they cannot be deleted only if unused')
            if if_unused and queue.takers:
                raise TransportError(f"PRECONDITION_FAILED - queue '{address.name}' in vhost '/' in use")
            self.delete_queue(address.name)

    def delete_queue(self, name: str) -> None:
        """Delete a queue with its messages, if it is there; its consumers are cancelled."""
        queue = self.queues.pop(name, None)
        if queue is None:
            return
        self._forget(name, exchange=False)
        for taker in tuple(queue.takers):
            taker.cancelled()

    def delete_exchange(self, name: str) -> None:
        """Delete an exchange, if it is there."""
        if self.exchanges.pop(name, None) is not None:
            self._forget(name, exchange=True)

    def _forget(self, name: str, *, exchange: bool) -> None:
        """Remove the bindings to something that is gone."""
        for other in tuple(self.exchanges.values()):
            for route in [route for route in other.routes if (route.to, route.exchange) == (name, exchange)]:
                if other.unbind(route) and other.declared.auto_delete:
                    self.delete_exchange(other.declared.name)

    def disconnected(self, owner: object) -> None:
        """Delete the queues that a connection has for itself."""
        for name in [name for name, queue in self.queues.items() if queue.owner is owner]:
            self.delete_queue(name)

    # Publishing ---------------------------------------------------------------------------------------------------

    def targets(self, exchange: str, key: str, headers: Mapping[str, Any]) -> list[MemoryQueue]:
        """Return the queues that a message goes to. Raises TransportError when there is no such exchange."""
        if exchange == "":
            names = [key, *(one for one in headers.get("CC", ()) if isinstance(one, str))]
            return [self.queues[name] for name in dict.fromkeys(names) if name in self.queues]
        if exchange not in self.exchanges:
            raise TransportError(f"NOT_FOUND - no exchange '{exchange}' in vhost '/'")
        return [self.queues[name] for name in routed(self.exchanges, exchange, key, headers) if name in self.queues]

    def publish(self, exchange: str, key: str, properties: MemoryProperties, body: bytes) -> tuple[int, bool]:
        """Put a message into every queue that it goes to.

        Returns:
            How many queues that are, and whether all of them took it.

        Raises:
            TransportError: There is no such exchange.
        """
        if exchange == "" and key in self.replies:
            self.replies[key](Stored(body, exchange, key, properties))
            return 0, True  # the server says of a direct reply that no queue takes it
        queues = self.targets(exchange, key, properties.headers)
        if "BCC" in properties.headers:
            kept = {name: value for name, value in properties.headers.items() if name != "BCC"}
            properties = evolve(properties, headers=kept)
        taken = [queue.put(Stored(body, exchange, key, properties)) for queue in queues]
        return len(queues), all(taken)

    def _died(self, queue: MemoryQueue, stored: Stored, reason: str) -> None:
        """Send a message that a queue gives up to its dead-letter exchange, or drop it."""
        arguments = queue.declared.native_arguments
        exchange = arguments.get("x-dead-letter-exchange")
        if exchange is None:
            return
        key = str(arguments.get("x-dead-letter-routing-key", stored.routing_key))
        properties = died(stored, queue.name, reason, self.now())
        try:
            targets = self.targets(str(exchange), key, properties.headers)
        except TransportError:
            return
        for target in targets:
            if not _in_circle(target.name, properties.headers["x-death"]):
                target.put(Stored(stored.body, str(exchange), key, properties))

    def now(self) -> datetime:
        """Return the wall clock's time."""
        return datetime.fromtimestamp(self.clock.wall(), UTC)

    # What a test does ---------------------------------------------------------------------------------------------

    def down(self) -> None:
        """End as a killed server does: every connection is lost, what is not durable is gone."""
        if not self.online.is_set():
            return
        self.online.clear()
        for client in tuple(self.clients):
            client.lost()
        for queue in tuple(self.queues.values()):
            if queue.declared.durable and queue.owner is None:
                queue.restarted()
            else:
                self.delete_queue(queue.name)
        for exchange in tuple(self.exchanges.values()):
            if not exchange.declared.durable:
                self.delete_exchange(exchange.declared.name)

    def up(self) -> None:
        """Answer again."""
        if not self.online.is_set():
            self.online.set()
            for client in tuple(self.clients):
                client.found()


def _in_circle(queue: str, deaths: list[dict[str, Any]]) -> bool:
    """Whether a message would come round to a queue without anybody having rejected it."""
    return any(death["queue"] == queue for death in deaths) and all(death["reason"] != "rejected" for death in deaths)
