"""NATS and JetStream, through nats-py or embedded in the process: the same user code on both."""

from importlib import import_module
from typing import TYPE_CHECKING

from faststream_oo.nats.address import JetStream as JetStream
from faststream_oo.nats.address import Subject as Subject
from faststream_oo.nats.address import Subjects as Subjects
from faststream_oo.nats.broker import NatsBroker as NatsBroker
from faststream_oo.nats.buckets import Entry as Entry
from faststream_oo.nats.buckets import KeyValue as KeyValue
from faststream_oo.nats.buckets import ObjectInfo as ObjectInfo
from faststream_oo.nats.buckets import ObjectStore as ObjectStore
from faststream_oo.nats.classes import NatsConsumer as NatsConsumer
from faststream_oo.nats.classes import NatsProducer as NatsProducer
from faststream_oo.nats.classes import consumes as consumes
from faststream_oo.nats.classes import produces as produces
from faststream_oo.nats.classes import requests as requests
from faststream_oo.nats.message import NatsMessage as NatsMessage
from faststream_oo.nats.message import NatsOutgoing as NatsOutgoing
from faststream_oo.nats.message import NatsReceipt as NatsReceipt
from faststream_oo.nats.message import NatsSubscription as NatsSubscription
from faststream_oo.nats.options import NatsClassOptions as NatsClassOptions
from faststream_oo.nats.options import NatsConsumeOptions as NatsConsumeOptions
from faststream_oo.nats.options import NatsConsumeSettings as NatsConsumeSettings
from faststream_oo.nats.options import NatsProduceOptions as NatsProduceOptions
from faststream_oo.nats.options import NatsProducerOptions as NatsProducerOptions
from faststream_oo.nats.options import NatsProduceSettings as NatsProduceSettings
from faststream_oo.nats.options import NatsRouteOptions as NatsRouteOptions
from faststream_oo.nats.options import NatsSettings as NatsSettings
from faststream_oo.nats.options import Pull as Pull
from faststream_oo.nats.options import Push as Push
from faststream_oo.nats.stores import KeyValueStore as KeyValueStore
from faststream_oo.nats.stores import ObjectBucket as ObjectBucket

if TYPE_CHECKING:
    from faststream_oo.nats.container import NatsContainer as NatsContainer

__all__ = [
    "Entry",
    "JetStream",
    "KeyValue",
    "KeyValueStore",
    "NatsBroker",
    "NatsClassOptions",
    "NatsConsumeOptions",
    "NatsConsumeSettings",
    "NatsConsumer",
    "NatsContainer",
    "NatsMessage",
    "NatsOutgoing",
    "NatsProduceOptions",
    "NatsProduceSettings",
    "NatsProducer",
    "NatsProducerOptions",
    "NatsReceipt",
    "NatsRouteOptions",
    "NatsSettings",
    "NatsSubscription",
    "ObjectBucket",
    "ObjectInfo",
    "ObjectStore",
    "Pull",
    "Push",
    "Subject",
    "Subjects",
    "consumes",
    "produces",
    "requests",
]


def __getattr__(name: str) -> object:
    """Load `NatsContainer` at first use: it needs dependency-injector."""
    if name != "NatsContainer":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module("faststream_oo.nats.container").NatsContainer
