"""Expiry on an embedded RabbitMQ follows the framework's clock."""

from typing import Any

from dependency_injector import containers, providers

from faststream_oo.rabbit import Queue, RabbitConsumer, RabbitContainer, RabbitMessage, RabbitOutgoing, consumes
from faststream_oo.testing import Harness

LATE = Queue("late")
WAITING = Queue(
    "waiting", message_ttl=60.0, arguments={"x-dead-letter-exchange": "", "x-dead-letter-routing-key": LATE.name}
)


class Late(RabbitConsumer):
    def __init__(self, broker: Any, seen: list[tuple[bytes, int]]) -> None:
        super().__init__(broker)
        self._seen = seen

    @consumes(LATE)
    async def late(self, message: RabbitMessage) -> None:
        raw: Any = message.raw
        self._seen.append((message.body, len(raw.header.properties.headers["x-death"])))


class House(containers.DeclarativeContainer):
    config = providers.Configuration(strict=True)
    rabbit = RabbitContainer(config=config.rabbit)
    seen = providers.Singleton(list[tuple[bytes, int]])
    late = providers.Singleton(Late, broker=rabbit.broker, seen=seen)


async def test_a_queue_s_time_and_a_message_s_own_run_on_virtual_time() -> None:
    async with Harness(House) as h:
        seen = h.container.seen()
        await h.publish(WAITING, 1)
        await h.advance(30.0)
        await h.publish(WAITING, RabbitOutgoing(2, expiration=10.0))
        await h.advance(29.0)
        assert seen == []  # the second is over, and stands behind the first
        await h.advance(2.0)
        assert seen == [(b"1", 1), (b"2", 1)]
