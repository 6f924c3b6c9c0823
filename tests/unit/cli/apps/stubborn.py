"""Handles one message until it is cancelled."""

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from faststream_oo import Application
from faststream_oo.kafka import KafkaBroker, KafkaConsumer, KafkaSettings, consumes


class Stubborn(KafkaConsumer, group="stubborn"):
    @consumes("work")
    async def work(self, body: bytes) -> None:
        if body == b"exit":
            raise SystemExit(1)
        print("handling", file=sys.stderr, flush=True)
        await asyncio.Event().wait()


@asynccontextmanager
async def feeding(broker: KafkaBroker, body: bytes) -> AsyncGenerator[None]:
    await broker.publish("work", body)
    yield


@asynccontextmanager
async def connected(tables: set[str]) -> AsyncGenerator[None]:
    if "orders" not in tables:
        raise ValueError("no such table")
    yield


def stubborn() -> Application:
    broker = KafkaBroker(KafkaSettings())
    return Application(consumers=[Stubborn(broker)], serving=feeding(broker, b"wait"), drain_timeout=30.0)


def hasty() -> Application:
    broker = KafkaBroker(KafkaSettings())
    return Application(consumers=[Stubborn(broker)], serving=feeding(broker, b"wait"), drain_timeout=0.1)


def leaving() -> Application:
    broker = KafkaBroker(KafkaSettings())
    return Application(consumers=[Stubborn(broker)], serving=feeding(broker, b"exit"))


def broken() -> Application:
    return Application(consumers=[Stubborn(KafkaBroker(KafkaSettings()))], lifespan=connected(set()))


def unreachable() -> Application:
    return Application(consumers=[Stubborn(KafkaBroker(KafkaSettings(servers=["localhost:1"])))], connect_timeout=0.3)


def unreachable_for_long() -> Application:
    return Application(consumers=[Stubborn(KafkaBroker(KafkaSettings(servers=["localhost:1"])))], connect_timeout=300.0)


def unreachable_twice() -> Application:
    brokers = [KafkaBroker(KafkaSettings(servers=[server])) for server in ("localhost:1", "localhost:2")]
    return Application(consumers=[], brokers=brokers, connect_timeout=0.3)
