"""Partitions are Kafka's."""

from faststream_oo.nats import NatsConsumer


class Orders(NatsConsumer, group="billing", ordered_by="partition"): ...  # E
