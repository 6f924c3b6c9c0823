"""@consumes in a class that is no Consumer."""

from shop import Order

from faststream_oo.kafka import consumes


class Orders:
    @consumes("orders")  # E
    async def placed(self, order: Order) -> None: ...
