"""Kafka by aiokafka."""

from faststream_oo.kafka.transports.aiokafka.config import check_config, check_source_config
from faststream_oo.kafka.transports.aiokafka.transport import AiokafkaTransport

make = AiokafkaTransport

__all__ = ["AiokafkaTransport", "check_config", "check_source_config", "make"]
