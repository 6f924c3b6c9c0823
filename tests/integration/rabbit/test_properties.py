"""Properties and headers of a message, as they are sent and as they arrive; the same on a real RabbitMQ and on its twin."""

from collections.abc import Awaitable
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from faststream_oo.errors import PublishError
from faststream_oo.rabbit import RabbitMessage, RabbitOutgoing
from faststream_oo.transport import Frame
from tests.integration.kinds import of
from tests.integration.rabbit.queues import classic, opened
from tests.integration.rabbit.worlds import RabbitWorld
from tests.integration.worlds import until

pytestmark = of("rabbit")


async def test_what_a_sender_does_not_say_is_not_there(world: RabbitWorld) -> None:
    queue = classic(world, "plain")
    seen: list[RabbitMessage] = []

    @world.consumes(queue)
    async def taken(self: Any, message: RabbitMessage) -> None:
        seen.append(message)

    async with world.serving(taken) as served:
        await served.broker.publish(queue, 1)
        await until(lambda: seen)

    (message,) = seen
    raw: Any = message.raw
    properties: Any = raw.header.properties
    assert (message.body, message.priority, message.key, message.sent_at) == (b"1", 0, None, None)
    assert message.headers == {"fsoo-id": message.id}
    assert (properties.message_id, properties.delivery_mode) == (message.id, 2)
    absent = ("content_type", "priority", "correlation_id", "reply_to", "expiration", "timestamp", "message_type")
    assert [name for name in absent if getattr(properties, name) is not None] == []


async def test_headers_keep_their_types(world: RabbitWorld) -> None:
    address = await world.create("types")
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    elsewhere = timezone(timedelta(hours=2))
    seen: list[dict[str, Any]] = []

    @world.consumes(address)
    async def taken(self: Any, message: RabbitMessage) -> None:
        raw: Any = message.raw
        seen.append(raw.header.properties.headers)

    headers = [
        ("smallest", -(2**31)), ("largest", 2**63 - 1), ("list", [1, "x", [True, None]]), ("precise", at.replace(microsecond=9)),
        ("naive", at.replace(tzinfo=None)), ("elsewhere", at.astimezone(elsewhere)), ("table", {"deep": {"at": at}}),
    ]  # fmt: skip
    async with world.serving(taken):
        await world.put(address, b"x", headers=headers)
        await until(lambda: seen)

    told = {name: seen[0][name] for name, _ in headers}
    assert told == {
        "smallest": -(2**31), "largest": 2**63 - 1, "list": [1, "x", [True, None]], "precise": at,
        "naive": at, "elsewhere": at, "table": {"deep": {"at": at}},
    }  # fmt: skip
    assert [told[name].utcoffset() for name in ("precise", "naive", "elsewhere")] == [timedelta(0)] * 3


async def confirmed(confirm: Awaitable[Any] | None) -> None:
    assert confirm is not None
    await confirm


@pytest.mark.parametrize("value", [b"bytes", {"set"}, ("tuple",), date(2026, 1, 2), 2**63], ids=repr)
async def test_a_header_that_amqp_has_no_type_for_is_refused(world: RabbitWorld, value: Any) -> None:
    queue = classic(world, "refused")
    async with opened(world) as broker:
        with pytest.raises(PublishError, match="the message cannot be written in AMQP"):
            await confirmed(broker.sender(broker.locate(queue)).send(Frame(b"1", {"x": value})))
        with pytest.raises(PublishError, match="names and values of headers are text"):
            await broker.publish(queue, RabbitOutgoing(1, headers={"x": value}))
        await broker.publish(queue, 2)
        (message,) = await world.messages(queue.name)

    assert message.body == b"2"
