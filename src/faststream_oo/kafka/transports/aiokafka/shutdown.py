"""Closing aiokafka's clients in a bounded time, whatever the broker does.

`stop()` may wait for ever for a broker that does not answer, and may raise a CancelledError that nobody asked for,
leaving tasks and sockets behind. What it leaves is closed by its parts, which are private: `PRIVATE` lists them, and a
test notices when they change.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from faststream_oo.kafka.client.sender import CLOSE_SECONDS
from faststream_oo.waiting import bounded, cancelled

PRIVATE: Final = {AIOKafkaConsumer: ("_client", "_coordinator", "_fetcher"), AIOKafkaProducer: ("_sender",)}

_PART_SECONDS: Final = 1.0


async def stop_consumer(consumer: AIOKafkaConsumer, /, seconds: float = CLOSE_SECONDS) -> None:
    """Leave the group and disconnect."""
    if await _ended(consumer.stop(), seconds):
        return
    coordinator, fetcher, client = consumer._coordinator, consumer._fetcher, consumer._client  # noqa: SLF001
    if coordinator is not None:
        await cancelled(value for value in vars(coordinator).values() if isinstance(value, asyncio.Task))
    if fetcher is not None:
        await _ended(fetcher.close(), _PART_SECONDS)
    await _ended(client.close(), _PART_SECONDS)


async def stop_producer(producer: AIOKafkaProducer, /, seconds: float = CLOSE_SECONDS) -> None:
    """Send what was accepted, if the broker takes it in time, and disconnect."""
    if await _ended(producer.stop(), seconds):
        return
    # The connections first: the sender waits for the answers to its requests.
    await _ended(producer.client.close(), _PART_SECONDS)
    await _ended(producer._sender.close(), _PART_SECONDS)  # noqa: SLF001
    await _ended(producer.client.close(), _PART_SECONDS)


async def _ended(closing: Coroutine[Any, Any, object], seconds: float) -> bool:
    return await bounded(closing, seconds) is None
