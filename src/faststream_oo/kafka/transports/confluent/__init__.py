"""Kafka by confluent-kafka."""

from faststream_oo.kafka.transports.confluent.config import check_config, check_source_config
from faststream_oo.kafka.transports.confluent.transport import ConfluentTransport

make = ConfluentTransport

__all__ = ["ConfluentTransport", "check_config", "check_source_config", "make"]
