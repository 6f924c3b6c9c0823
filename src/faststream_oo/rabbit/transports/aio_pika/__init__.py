"""RabbitMQ by aio-pika's own protocol layer, aiormq."""

from faststream_oo.rabbit.transports.aio_pika.login import check_config
from faststream_oo.rabbit.transports.aio_pika.transport import AioPikaTransport

make = AioPikaTransport


__all__ = ["AioPikaTransport", "check_config", "make"]
