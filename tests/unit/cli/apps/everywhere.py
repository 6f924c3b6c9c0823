"""A container for each kind of source: its application publishes a message when it serves, and handles that."""

import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from dependency_injector import containers, providers

from faststream_oo import Application
from faststream_oo.address import Address
from faststream_oo.broker import Broker
from faststream_oo.nats import JetStream, NatsConsumer, NatsContainer, Subject
from faststream_oo.nats import consumes as of_nats
from faststream_oo.rabbit import Queue, RabbitConsumer, RabbitContainer
from faststream_oo.rabbit import consumes as of_rabbit
from faststream_oo.redis import Channel, List, RedisConsumer, RedisContainer, Stream
from faststream_oo.redis import consumes as of_redis

QUEUE = Queue("parcels")
SUBJECT = Subject("parcels")
STORED = Subject("parcels", stream=JetStream("PARCELS", subjects=["parcels"]))
STREAM, LIST, CHANNEL = Stream("parcels"), List("parcels"), Channel("parcels")


@asynccontextmanager
async def feeding(broker: Broker, address: Address) -> AsyncGenerator[None]:
    await broker.publish_to(address, 7)
    yield


def tell(broker: Broker, number: int) -> None:
    print(f"handled {number} of {broker.place}", file=sys.stderr, flush=True)


class Queued(RabbitConsumer):
    @of_rabbit(QUEUE)
    async def parcel(self, number: int) -> None:
        tell(self.broker, number)


class Heard(NatsConsumer, group="parcels"):
    @of_nats(SUBJECT)
    async def parcel(self, number: int) -> None:
        tell(self.broker, number)


class Stored(NatsConsumer, group="parcels"):
    @of_nats(STORED)
    async def parcel(self, number: int) -> None:
        tell(self.broker, number)


class Streamed(RedisConsumer, group="parcels"):
    @of_redis(STREAM)
    async def parcel(self, number: int) -> None:
        tell(self.broker, number)


class Listed(RedisConsumer):
    @of_redis(LIST)
    async def parcel(self, number: int) -> None:
        tell(self.broker, number)


class Broadcast(RedisConsumer):
    @of_redis(CHANNEL)
    async def parcel(self, number: int) -> None:
        tell(self.broker, number)


class OverRabbit(containers.DeclarativeContainer):
    config = providers.Configuration(strict=True)
    rabbit = RabbitContainer(config=config.rabbit)
    parcels = providers.Factory(Queued, broker=rabbit.broker)
    app = providers.Singleton(Application, serving=providers.Factory(feeding, rabbit.broker, QUEUE))


class OverNats(containers.DeclarativeContainer):
    config = providers.Configuration(strict=True)
    nats = NatsContainer(config=config.nats)
    parcels: providers.Factory[NatsConsumer] = providers.Factory(Heard, broker=nats.broker)
    app = providers.Singleton(Application, serving=providers.Factory(feeding, nats.broker, SUBJECT))


class OverJetStream(OverNats):
    parcels = providers.Factory(Stored, broker=OverNats.nats.broker)
    app = providers.Singleton(Application, serving=providers.Factory(feeding, OverNats.nats.broker, STORED))


class OverStreams(containers.DeclarativeContainer):
    config = providers.Configuration(strict=True)
    redis = RedisContainer(config=config.redis)
    parcels: providers.Factory[RedisConsumer] = providers.Factory(Streamed, broker=redis.broker)
    app = providers.Singleton(Application, serving=providers.Factory(feeding, redis.broker, STREAM))


class OverLists(OverStreams):
    parcels = providers.Factory(Listed, broker=OverStreams.redis.broker)
    app = providers.Singleton(Application, serving=providers.Factory(feeding, OverStreams.redis.broker, LIST))


class OverChannels(OverStreams):
    parcels = providers.Factory(Broadcast, broker=OverStreams.redis.broker)
    app = providers.Singleton(Application, serving=providers.Factory(feeding, OverStreams.redis.broker, CHANNEL))
