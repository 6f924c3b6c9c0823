"""RabbitMQ, through aio-pika's protocol layer or embedded in the process: the same user code on both."""

from importlib import import_module
from typing import TYPE_CHECKING

from faststream_oo.rabbit.address import Arguments as Arguments
from faststream_oo.rabbit.address import Binding as Binding
from faststream_oo.rabbit.address import Exchange as Exchange
from faststream_oo.rabbit.address import Queue as Queue
from faststream_oo.rabbit.broker import RabbitBroker as RabbitBroker
from faststream_oo.rabbit.classes import RabbitConsumer as RabbitConsumer
from faststream_oo.rabbit.classes import RabbitProducer as RabbitProducer
from faststream_oo.rabbit.classes import consumes as consumes
from faststream_oo.rabbit.classes import produces as produces
from faststream_oo.rabbit.classes import requests as requests
from faststream_oo.rabbit.message import RabbitMessage as RabbitMessage
from faststream_oo.rabbit.message import RabbitOutgoing as RabbitOutgoing
from faststream_oo.rabbit.options import RabbitClassOptions as RabbitClassOptions
from faststream_oo.rabbit.options import RabbitConsumeOptions as RabbitConsumeOptions
from faststream_oo.rabbit.options import RabbitConsumeSettings as RabbitConsumeSettings
from faststream_oo.rabbit.options import RabbitProduceOptions as RabbitProduceOptions
from faststream_oo.rabbit.options import RabbitProducerOptions as RabbitProducerOptions
from faststream_oo.rabbit.options import RabbitProduceSettings as RabbitProduceSettings
from faststream_oo.rabbit.options import RabbitRouteOptions as RabbitRouteOptions
from faststream_oo.rabbit.options import RabbitSettings as RabbitSettings

if TYPE_CHECKING:
    from faststream_oo.rabbit.container import RabbitContainer as RabbitContainer

__all__ = [
    "Arguments",
    "Binding",
    "Exchange",
    "Queue",
    "RabbitBroker",
    "RabbitClassOptions",
    "RabbitConsumeOptions",
    "RabbitConsumeSettings",
    "RabbitConsumer",
    "RabbitContainer",
    "RabbitMessage",
    "RabbitOutgoing",
    "RabbitProduceOptions",
    "RabbitProduceSettings",
    "RabbitProducer",
    "RabbitProducerOptions",
    "RabbitRouteOptions",
    "RabbitSettings",
    "consumes",
    "produces",
    "requests",
]


def __getattr__(name: str) -> object:
    """Load `RabbitContainer` at first use: it needs dependency-injector."""
    if name != "RabbitContainer":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module("faststream_oo.rabbit.container").RabbitContainer
