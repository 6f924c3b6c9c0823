"""A broker of another protocol."""

from faststream_oo.kafka import KafkaConsumer
from faststream_oo.nats import NatsBroker


class Orders(KafkaConsumer, group="billing"): ...


def build(broker: NatsBroker) -> Orders:
    return Orders(broker)  # E
