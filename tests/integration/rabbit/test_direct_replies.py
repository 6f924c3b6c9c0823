"""Requests over direct reply-to; the same on a real RabbitMQ and on its twin."""

from typing import Any

from faststream_oo.rabbit import RabbitMessage
from tests.integration.kinds import of
from tests.integration.rabbit.worlds import RabbitWorld
from tests.integration.worlds import until

pytestmark = of("rabbit")


async def test_a_request_names_an_address_of_its_channel_where_more_than_one_reply_arrives(world: RabbitWorld) -> None:
    address = await world.create("asked")
    seen: list[RabbitMessage] = []

    @world.consumes(address)
    async def ask(self: Any, number: int, message: RabbitMessage) -> None:
        seen.append(message)
        for answer in (b"1", b"2"):
            request: Any = message.raw
            await world.put(message.reply_to or "", answer, correlation_id=request.header.properties.correlation_id)

    async with world.serving(ask, reply=False) as served:
        assert await served.broker.request(address, 7, reply=int) == 1
        await until(lambda: served.broker.requests.unknown == 1)

    assert (seen[0].reply_to or "").startswith("amq.rabbitmq.reply-to.")
