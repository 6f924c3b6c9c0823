"""RabbitMQ by aio-pika's own protocol layer, aiormq."""

from faststream_oo.rabbit.transports.aio_pika.transport import AioPikaTransport

__all__ = ["AioPikaTransport"]
