"""A bucket has values of one type."""

from shop import Order

from faststream_oo.nats import NatsBroker


async def remember(broker: NatsBroker, order: Order) -> str:
    orders = broker.key_value("orders", Order)
    await orders.put("last", order.order_id)  # E
    found = await orders.get("last")
    return found.value.order_id if found else ""
