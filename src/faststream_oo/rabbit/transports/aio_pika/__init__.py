"""RabbitMQ by aio-pika's own protocol layer, aiormq."""

from collections.abc import Sequence

from faststream_oo.errors import Problem
from faststream_oo.rabbit.options import RabbitSettings
from faststream_oo.rabbit.transports.aio_pika.transport import AioPikaTransport

make = AioPikaTransport


def check_config(settings: RabbitSettings, /) -> Sequence[Problem]:
    """Return nothing: the client takes every setting."""
    return ()


__all__ = ["AioPikaTransport", "check_config", "make"]
