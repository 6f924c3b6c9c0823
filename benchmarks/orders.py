"""What every side sends and handles: some 300 bytes of JSON of one attrs class, by one converter."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import orjson
from attrs import frozen

from faststream_oo.codecs import make_converter


@frozen
class Order:
    order_id: str
    customer: str
    amount: int
    price: float
    paid: bool
    note: str


IN_FLIGHT: Final = 100
"""Publishes that are under way at once."""


def orders(count: int) -> Sequence[Order]:
    """Return so many orders, each with a key of its own."""
    return [Order(f"order-{n:06}", "customer-42", 3, 19.99, paid=True, note="x" * 190) for n in range(count)]


def portions(count: int) -> Iterator[Sequence[Order]]:
    """Return so many orders, in portions that are under way at once."""
    every = orders(count)
    return iter([every[first : first + IN_FLIGHT] for first in range(0, count, IN_FLIGHT)])


def encoder() -> Callable[[Order], bytes]:
    """Return what a careful user encodes an order with: the hook at hand, as `JsonCodec` has it."""
    hook = make_converter().copy(detailed_validation=False).get_unstructure_hook(Order)
    dumps = orjson.dumps
    return lambda order: dumps(hook(order))


def decoder() -> Callable[[bytes], Order]:
    """Return what a careful user decodes an order with."""
    hook = make_converter().copy(detailed_validation=False).get_structure_hook(Order)
    loads = orjson.loads

    def decode(body: bytes) -> Order:
        order: Order = hook(loads(body), Order)
        return order

    return decode
