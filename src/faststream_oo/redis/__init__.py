"""Redis, through redis-py or embedded in the process: streams with groups, lists, channels and patterns, pipelines."""

from importlib import import_module
from typing import TYPE_CHECKING

from faststream_oo.redis.address import Channel as Channel
from faststream_oo.redis.address import List as List
from faststream_oo.redis.address import Stream as Stream
from faststream_oo.redis.broker import RedisBroker as RedisBroker
from faststream_oo.redis.classes import RedisConsumer as RedisConsumer
from faststream_oo.redis.classes import RedisProducer as RedisProducer
from faststream_oo.redis.classes import consumes as consumes
from faststream_oo.redis.classes import produces as produces
from faststream_oo.redis.classes import requests as requests
from faststream_oo.redis.message import RedisMessage as RedisMessage
from faststream_oo.redis.message import RedisOutgoing as RedisOutgoing
from faststream_oo.redis.message import RedisReceipt as RedisReceipt
from faststream_oo.redis.options import RedisClassOptions as RedisClassOptions
from faststream_oo.redis.options import RedisConsumeOptions as RedisConsumeOptions
from faststream_oo.redis.options import RedisConsumeSettings as RedisConsumeSettings
from faststream_oo.redis.options import RedisProduceOptions as RedisProduceOptions
from faststream_oo.redis.options import RedisProducerOptions as RedisProducerOptions
from faststream_oo.redis.options import RedisProduceSettings as RedisProduceSettings
from faststream_oo.redis.options import RedisRouteOptions as RedisRouteOptions
from faststream_oo.redis.options import RedisSettings as RedisSettings
from faststream_oo.redis.running import RedisPipeline as RedisPipeline

if TYPE_CHECKING:
    from faststream_oo.redis.container import RedisContainer as RedisContainer

__all__ = [
    "Channel",
    "List",
    "RedisBroker",
    "RedisClassOptions",
    "RedisConsumeOptions",
    "RedisConsumeSettings",
    "RedisConsumer",
    "RedisContainer",
    "RedisMessage",
    "RedisOutgoing",
    "RedisPipeline",
    "RedisProduceOptions",
    "RedisProduceSettings",
    "RedisProducer",
    "RedisProducerOptions",
    "RedisReceipt",
    "RedisRouteOptions",
    "RedisSettings",
    "Stream",
    "consumes",
    "produces",
    "requests",
]


def __getattr__(name: str) -> object:
    """Load `RedisContainer` at first use: it needs dependency-injector."""
    if name != "RedisContainer":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module("faststream_oo.redis.container").RedisContainer
