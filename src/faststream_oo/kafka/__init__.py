"""Kafka, through aiokafka, confluent-kafka or embedded in the process: the same user code on all."""

from importlib import import_module
from typing import TYPE_CHECKING

from faststream_oo.kafka.address import Partitions as Partitions
from faststream_oo.kafka.address import Topic as Topic
from faststream_oo.kafka.address import TopicPartition as TopicPartition
from faststream_oo.kafka.address import TopicPattern as TopicPattern
from faststream_oo.kafka.address import Topics as Topics
from faststream_oo.kafka.broker import KafkaBroker as KafkaBroker
from faststream_oo.kafka.classes import KafkaConsumer as KafkaConsumer
from faststream_oo.kafka.classes import KafkaProducer as KafkaProducer
from faststream_oo.kafka.classes import consumes as consumes
from faststream_oo.kafka.classes import produces as produces
from faststream_oo.kafka.classes import requests as requests
from faststream_oo.kafka.message import KafkaMessage as KafkaMessage
from faststream_oo.kafka.message import KafkaOutgoing as KafkaOutgoing
from faststream_oo.kafka.message import KafkaReceipt as KafkaReceipt
from faststream_oo.kafka.message import KafkaSubscription as KafkaSubscription
from faststream_oo.kafka.message import PartitionInfo as PartitionInfo
from faststream_oo.kafka.options import KafkaClassOptions as KafkaClassOptions
from faststream_oo.kafka.options import KafkaConsumeOptions as KafkaConsumeOptions
from faststream_oo.kafka.options import KafkaConsumeSettings as KafkaConsumeSettings
from faststream_oo.kafka.options import KafkaProduceOptions as KafkaProduceOptions
from faststream_oo.kafka.options import KafkaProducerOptions as KafkaProducerOptions
from faststream_oo.kafka.options import KafkaProduceSettings as KafkaProduceSettings
from faststream_oo.kafka.options import KafkaRouteOptions as KafkaRouteOptions
from faststream_oo.kafka.options import KafkaSettings as KafkaSettings

if TYPE_CHECKING:
    from faststream_oo.kafka.container import KafkaContainer as KafkaContainer

__all__ = [
    "KafkaBroker",
    "KafkaClassOptions",
    "KafkaConsumeOptions",
    "KafkaConsumeSettings",
    "KafkaConsumer",
    "KafkaContainer",
    "KafkaMessage",
    "KafkaOutgoing",
    "KafkaProduceOptions",
    "KafkaProduceSettings",
    "KafkaProducer",
    "KafkaProducerOptions",
    "KafkaReceipt",
    "KafkaRouteOptions",
    "KafkaSettings",
    "KafkaSubscription",
    "PartitionInfo",
    "Partitions",
    "Topic",
    "TopicPartition",
    "TopicPattern",
    "Topics",
    "consumes",
    "produces",
    "requests",
]


def __getattr__(name: str) -> object:
    """Load `KafkaContainer` at first use: it needs dependency-injector."""
    if name != "KafkaContainer":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module("faststream_oo.kafka.container").KafkaContainer
