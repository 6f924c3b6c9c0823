"""What an application declares: every exchange and queue, each behind what it needs."""

from collections.abc import Iterable, Iterator, Sequence

from attrs import frozen

from faststream_oo.address import Address
from faststream_oo.rabbit.address import Binding, Exchange, Queue


@frozen
class Declared:
    """Exchanges and queues to make or to compare, in this order.

    Attributes:
        exchanges: Each behind those that feed it.
        queues: Each once; one that is only named stands back behind one that says more of the same queue.
    """

    exchanges: Sequence[Exchange]
    queues: Sequence[Queue]


def declared(addresses: Iterable[Address], known: Iterable[Queue] = (), /) -> Declared:
    """Collect what addresses declare; what has a name of its own only later (a template) is left out.

    Args:
        addresses: Whole queues and exchanges.
        known: Queues that are declared already; those of them that are only named now say nothing new.
    """
    fixed = [address for address in addresses if "{" not in address.name]
    queues = list(dict.fromkeys(address for address in fixed if isinstance(address, Queue)))
    said = {queue.name for queue in (*known, *queues) if not _only_named(queue)}
    exchanges: dict[Exchange, None] = {}
    for address in fixed:
        for exchange in _needed(address):
            exchanges.setdefault(exchange)
    return Declared(list(exchanges), [one for one in queues if not (_only_named(one) and one.name in said)])


def _only_named(queue: Queue) -> bool:
    return queue == Queue(queue.name)


def _needed(address: Address) -> Iterator[Exchange]:
    """Every exchange that an address needs, those that feed others first, itself last."""
    bindings: Sequence[Binding] = address.bind if isinstance(address, Queue | Exchange) else ()
    for binding in bindings:
        yield from _needed(binding.source)
    if isinstance(address, Exchange):
        yield address
