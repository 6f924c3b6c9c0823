"""`reply` takes a type."""

from shop import Order, Payment

from faststream_oo.kafka import KafkaProducer, requests


class Desk(KafkaProducer):
    @requests("payments", reply=Payment("o-1"))  # E
    async def pay(self, order: Order) -> Order:
        return order
