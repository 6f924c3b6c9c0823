"""The budgets of one message: out by at most 5 files and 10 functions of ours, in by at most 6 files and 14 functions."""

from typing import Any

import pytest
from attrs import frozen

from faststream_oo import Batch, Message
from faststream_oo.middleware import ConsumeNext
from tests.crossings import Crossings
from tests.integration.worlds import World, until

MANY = 200
OUT = (5, 10)
IN = (6, 14)


@frozen
class Order:
    order_id: str
    amount: int


ORDERS = [Order(f"o-{number}", number) for number in range(MANY)]


class Passing:
    """A middleware that does nothing."""

    async def consume(self, message: Message, call_next: ConsumeNext) -> object:
        return await call_next(message)


async def handled(world: World, **options: Any) -> Crossings:
    """Return what messages cross that wait when their subscription begins to take them."""
    address = await world.create("crossed")
    seen: list[Order] = []

    @world.consumes(address)
    async def placed(self: Any, order: Order) -> None:
        seen.append(order)

    async with world.serving(placed, **options) as served:
        await served.publish(address, ORDERS[0])
        await until(lambda: seen)
        await served.subscription.pause()
        for order in ORDERS:
            await world.put(address, b'{"order_id":"%s","amount":%d}' % (order.order_id.encode(), order.amount))
        with Crossings(MANY) as crossings:
            await served.subscription.resume()
            await until(lambda: len(seen) > MANY)
    return crossings


async def test_a_message_crosses_few_functions_on_its_way_in(world: World) -> None:
    crossings = await handled(world)

    assert crossings.functions
    assert len(crossings.files) <= IN[0], crossings.files
    assert len(crossings.functions) <= IN[1], crossings.functions


async def test_a_message_crosses_few_functions_on_its_way_out(world: World) -> None:
    address = await world.create("crossed")
    async with world.serving() as served:
        await served.publish(address, ORDERS[0])
        with Crossings(MANY) as crossings:
            await served.publish(address, Batch(ORDERS))

    assert crossings.functions
    assert len(crossings.files) <= OUT[0], crossings.files
    assert len(crossings.functions) <= OUT[1], crossings.functions


@pytest.mark.parametrize("world", ["kafka-memory"], indirect=True)
async def test_a_longer_way_in_is_seen(world: World) -> None:
    plain, longer = await handled(world), await handled(world, middlewares=[Passing()])

    assert len(longer.functions) > len(plain.functions)
