"""A reader gives messages of the type asked for."""

from shop import Order
from faststream_oo.kafka import KafkaBroker

async def main(broker: KafkaBroker) -> None:
    async with broker.reader("orders", Order) as reader:
        async for message in reader:
            print(message.value.total)  # E
