"""Where answers go: over direct reply-to, to a queue or to an exchange; the same on a real RabbitMQ and on its twin."""

from typing import Any

import pytest

from faststream_oo.rabbit import Binding, Exchange, RabbitMessage
from tests.integration.kinds import of
from tests.integration.rabbit.queues import classic
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


async def test_an_answer_goes_to_the_queue_or_the_exchange_that_a_request_names(world: RabbitWorld) -> None:
    address = await world.create("asked")
    answers, fanout = Exchange(world.name("answers")), Exchange(world.name("all"), type="fanout")
    queue = classic(world, "queue")
    keyed = classic(world, "keyed", Binding(answers, "to.me"), Binding(answers, "a|b"))
    unkeyed = classic(world, "unkeyed", Binding(fanout))

    @world.consumes(address)
    async def ask(self: Any, number: int) -> int:
        return number * 2

    async with world.serving(ask) as served:
        await served.broker.declare(queue, keyed, unkeyed)
        named = [
            queue.name, f"{queue.name}|", f"to.me|{answers.name}", f"a|b|{answers.name}", f"|{fanout.name}",
        ]  # fmt: skip
        for number, reply_to in enumerate(named):
            await world.put(address, b"%d" % number, reply_to=reply_to, correlation_id=f"c-{number}")
        found = [await world.read_until(one.name, count) for one, count in ((queue, 2), (keyed, 2), (unkeyed, 1))]
        routes = [(one.exchange, one.routing_key) for one in await world.messages(keyed.name)]

    assert [[one.body for one in each] for each in found] == [[b"0", b"2"], [b"4", b"6"], [b"8"]]
    assert routes == [(answers.name, "to.me"), (answers.name, "a|b")]


async def test_an_answer_that_has_nowhere_to_go_is_told_and_holds_up_nothing(
    world: RabbitWorld, caplog: pytest.LogCaptureFixture
) -> None:
    address = await world.create("asked")
    answers, missing = Exchange(world.name("answers")), world.name("missing")
    handled: list[int] = []

    @world.consumes(address)
    async def ask(self: Any, number: int) -> int:
        handled.append(number)
        return number

    async with world.serving(ask) as served:
        await served.broker.declare(answers)
        for number, reply_to in enumerate([f"gone|{answers.name}", f"gone|{missing}", "gone|ünwritable", "gone"]):
            await world.put(address, b"%d" % number, reply_to=reply_to)
        await until(lambda: handled == [0, 1, 2, 3])
        await until(lambda: served.subscription.in_flight == 0)

    told = [message for message in caplog.messages if message.startswith("an answer was not taken: ")]
    assert f'no queue takes what is sent to exchange "{answers.name}" with key "gone"' in told[0]
    assert f"no exchange '{missing}'" in told[1]
    assert len(told) == 2
