"""What a RabbitMQ refuses, in its own words where it has some; the same on a real RabbitMQ and on its twin."""

from collections.abc import Mapping
from typing import Any

import pytest
from attrs import evolve

from faststream_oo.errors import PublishError, TransportError
from faststream_oo.rabbit import Binding, Exchange, Queue
from tests.integration.kinds import of
from tests.integration.rabbit.holding import holding
from tests.integration.rabbit.queues import classic, opened, past_declaring
from tests.integration.rabbit.worlds import RabbitWorld

pytestmark = of("rabbit")


async def test_a_queue_that_is_not_there(world: RabbitWorld) -> None:
    queue = Queue(world.name("noq"), type="classic", external=True)
    found = f"NOT_FOUND - no queue '{queue.name}'"
    async with opened(world) as broker:
        with pytest.raises(TransportError, match=found):
            await broker.purge(queue)
        with pytest.raises(TransportError, match=found):
            await broker.bind(queue, Binding(Exchange("amq.topic"), "x"))
        with pytest.raises(TransportError, match=found):
            await broker.transport.source(queue, {}).lag()
        with pytest.raises(TransportError, match=found):
            async with holding(broker, queue, 1):
                pass


async def test_an_exchange_that_is_not_there(world: RabbitWorld) -> None:
    exchange = Exchange(world.name("nox"), external=True)
    queue = classic(world, "bound")
    found = f"NOT_FOUND - no exchange '{exchange.name}'"
    async with opened(world) as broker:
        await broker.declare(queue)
        with pytest.raises(TransportError, match=found):
            await broker.bind(queue, Binding(exchange, "x"))
        with pytest.raises(PublishError, match=found):
            await past_declaring(broker, exchange)


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({"durable": False}, "has durable true, declared is false"),
        ({"auto_delete": True}, "has auto_delete false, declared is true"),
        ({"max_priority": 5}, "has x-max-priority none, declared is 5"),
        ({"message_ttl": 2.0}, "has x-message-ttl 1000, declared is 2000"),
        ({"message_ttl": None}, "has x-message-ttl 1000, declared is none"),
    ],
    ids=repr,
)
async def test_a_queue_that_is_declared_otherwise(world: RabbitWorld, facts: Mapping[str, Any], told: str) -> None:
    queue = classic(world, "there", message_ttl=1.0)
    async with opened(world) as broker, opened(world) as other:
        await broker.declare(queue)
        with pytest.raises(TransportError, match=f'queue "{queue.name}" {told}'):
            await other.declare(evolve(queue, **facts))
        await other.declare(evolve(queue, external=True, **facts))


async def test_an_exchange_that_is_declared_otherwise(world: RabbitWorld) -> None:
    exchange = Exchange(world.name("there"))
    async with opened(world) as broker, opened(world) as other:
        await broker.declare(exchange)
        with pytest.raises(TransportError, match=f'exchange "{exchange.name}" has type direct, declared is fanout'):
            await other.declare(evolve(exchange, type="fanout"))


async def test_an_exclusive_consumer_of_a_single_active_queue(world: RabbitWorld) -> None:
    queue = classic(world, "single", single_active=True)

    @world.consumes(queue, exclusive=True)
    async def number(self: Any, number: int) -> None: ...

    with pytest.raises(TransportError, match="in exclusive use"):
        async with world.serving(number):
            pass
