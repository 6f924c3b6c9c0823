"""Declared queues and exchanges of an embedded server: made, or compared with what is there."""

from collections.abc import Iterator, Sequence

from attrs import evolve

from faststream_oo.errors import TransportError
from faststream_oo.options import Topology
from faststream_oo.rabbit.address import Exchange, Queue
from faststream_oo.rabbit.declared import Declared
from faststream_oo.rabbit.transports.memory.queues import MODELLED
from faststream_oo.rabbit.transports.memory.vhost import MemoryServer

_WITHOUT_EFFECT = frozenset({
    "x-queue-mode", "x-queue-version", "x-queue-leader-locator", "x-queue-master-locator", "x-quorum-initial-group-size",
    "x-dead-letter-strategy",
})  # fmt: skip
"""Arguments that a consumer of one server does not notice."""


def declare(server: MemoryServer, wanted: Declared, mode: Topology, owner: object, *, foreign: bool) -> Sequence[str]:
    """Apply the mode and return the differences, one sentence each.

    Args:
        server: What is compared or changed.
        wanted: What the application declares.
        mode: "verify" changes nothing, "create" makes what is missing, "off" does neither.
        owner: The connection, to which exclusive queues belong.
        foreign: Whether external ones are made too: nobody else makes them in a world of tests.
    """
    if mode == "off":
        return []
    found: list[str] = []
    for exchange in wanted.exchanges:
        found += _exchange(server, exchange, mode, foreign=foreign)
    for queue in wanted.queues:
        found += _queue(server, queue, mode, owner, foreign=foreign)
    if mode == "create":
        everything: list[Queue | Exchange] = [*wanted.exchanges, *wanted.queues]
        for one in everything:
            for binding in one.bind:
                try:
                    server.bind(one, binding)
                except TransportError as error:
                    found.append(f'"{one.name}" cannot be bound to "{binding.source.name}": {error}')
    return found


def _exchange(server: MemoryServer, exchange: Exchange, mode: Topology, *, foreign: bool) -> Iterator[str]:
    there = server.exchanges.get(exchange.name)
    if there is not None:
        if not exchange.external:
            yield from _difference(f'exchange "{exchange.name}"', _facts(exchange), _facts(there.declared))
    elif mode == "verify" or (exchange.external and not foreign):
        yield f'exchange "{exchange.name}" does not exist'
    else:
        # Of one that is known by its name alone nobody tells the type; a topic exchange routes as a direct one, too.
        unknown = exchange.external and exchange.type == "direct"
        server.declare_exchange(evolve(exchange, type="topic") if unknown else exchange)


def _queue(server: MemoryServer, queue: Queue, mode: Topology, owner: object, *, foreign: bool) -> Iterator[str]:
    there = server.queues.get(queue.name)
    if there is not None:
        if not queue.external:
            yield from _difference(f'queue "{queue.name}"', _facts(queue), _facts(there.declared))
    elif mode == "verify" or (queue.external and not foreign):
        yield f'queue "{queue.name}" does not exist'
        return
    else:
        for name in sorted(set(queue.native_arguments) - MODELLED - _WITHOUT_EFFECT):
            yield f'the embedded RabbitMQ does nothing about {name} of queue "{queue.name}"'
    try:
        server.declare_queue(queue, owner)
    except TransportError as error:
        yield f'queue "{queue.name}": {error}'


def _facts(one: Queue | Exchange) -> dict[str, object]:
    if isinstance(one, Exchange):
        return {"type": one.type, "durable": one.durable, "auto_delete": one.auto_delete, **one.arguments}
    return {"durable": one.durable, "auto_delete": one.auto_delete, **one.native_arguments}


def _difference(what: str, wanted: dict[str, object], there: dict[str, object]) -> Iterator[str]:
    """Say how something differs; as a server does, the first difference only."""
    for name in {**wanted, **there}:
        mine, its = wanted.get(name), there.get(name)
        if mine != its:
            yield f"{what} has {name} {_text(its)}, declared is {_text(mine)}"
            return


def _text(value: object) -> str:
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
