"""The reply is `Payment`, not what the method builds."""

from shop import Order, Payment

from faststream_oo.kafka import KafkaBroker, KafkaProducer, requests


class Desk(KafkaProducer):
    @requests("quotes", reply=Payment)
    async def quote(self, order: Order) -> Order:
        return order


async def main(broker: KafkaBroker, order: Order) -> int:
    reply = await Desk(broker).quote(order)
    return reply.amount  # E
