"""A Kafka fact on a NATS message."""

from shop import Order

from faststream_oo.nats import NatsConsumer, NatsMessage, consumes


class Orders(NatsConsumer):
    @consumes("orders")
    async def placed(self, order: Order, message: NatsMessage) -> None:
        print(message.partition)  # E
