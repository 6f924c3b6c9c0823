"""A bucket is written by its client: nothing is published to it."""

from shop import Order

from faststream_oo.nats import KeyValue, NatsProducer, produces


class Shop(NatsProducer):
    @produces(KeyValue("orders"))  # E
    async def placed(self, order: Order) -> Order:
        return order
