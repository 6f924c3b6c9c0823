"""Requests and replies with those who know NATS alone, and what the server itself answers."""

import asyncio
from typing import Any

import orjson
import pytest

from faststream_oo.errors import PublishError, RequestTimeoutError
from faststream_oo.nats import NatsMessage, NatsProducer, requests
from tests.integration.kinds import of
from tests.integration.nats.worlds import NatsWorld
from tests.integration.worlds import until

pytestmark = of("nats")


async def test_a_request_that_nobody_listens_to_fails_at_once(world: NatsWorld) -> None:
    subject = await world.create("nobody")
    with world.below():
        async with world.broker() as broker:
            with pytest.raises(PublishError, match=f"nobody listens on x.{subject}"):
                await broker.request(f"x.{subject}", 1, reply=int, timeout=30.0)
            assert not broker.requests.waiting


async def test_a_request_that_is_heard_and_not_answered_is_silence(world: NatsWorld) -> None:
    subject = await world.create("silent")
    with world.below():
        async with world.broker() as broker:
            with pytest.raises(RequestTimeoutError):
                await broker.request(subject, 1, reply=int, timeout=0.1)


async def test_an_answer_of_whoever_knows_nothing_of_us_is_taken(world: NatsWorld) -> None:
    subject = await world.create("foreign")
    heard = await world.listen(subject)
    with world.below():
        async with world.broker() as broker:
            asking = asyncio.create_task(broker.request(subject, 20, reply=int))
            await until(lambda: heard)
            assert (heard[0].data, heard[0].reply.startswith("_INBOX.")) == (b"20", True)
            assert "fsoo-reply-to" not in (heard[0].headers or {})
            await world.send(heard[0].reply, b"41")
            await world.send(heard[0].reply, b"42")
            assert await asking == 41
            await until(lambda: broker.requests.unknown == 1)


async def test_of_two_who_answer_the_first_is_heard(world: NatsWorld) -> None:
    subject = await world.create("both")
    go = asyncio.Event()

    async def quick(self: Any, number: int) -> int:
        return number

    async def slow(self: Any, number: int) -> int:
        await go.wait()
        return -number

    async with (
        world.serving(world.consumes(subject)(quick)) as served,
        world.serving(world.consumes(subject)(slow), group=f"other-{world.group}"),
    ):
        assert await served.broker.request(subject, 1, reply=int) == 1
        go.set()
        await until(lambda: served.broker.requests.unknown == 1)


async def test_whoever_knows_nothing_of_us_is_answered(world: NatsWorld) -> None:
    subject = await world.create("served")
    answers = await world.listen(f"inbox.{subject}")

    async def double(self: Any, number: int, message: NatsMessage) -> int:
        return number * 2

    async with world.serving(world.consumes(subject)(double)):
        await world.send(subject, b"21", None, f"inbox.{subject}")
        await until(lambda: answers)

    assert orjson.loads(answers[0].data) == 42
    assert (answers[0].headers or {})["fsoo-status"] == "ok"


async def test_a_typed_client_asks_by_its_methods(world: NatsWorld) -> None:
    subject = await world.create("typed")

    class Calculator(NatsProducer):
        @requests(f"{subject}.{{operation}}", reply=int, timeout=10.0)
        async def ask(self, operation: str, number: int) -> dict[str, Any]:
            return {"operation": operation, "number": number}

    async def calculate(self: Any, operation: str, number: int) -> int:
        return number * 2 if operation == "double" else -number

    async with world.serving(world.consumes(f"{subject}.*")(calculate)) as served:
        calculator = Calculator(served.broker)
        assert await calculator.ask("double", 4) == 8
        assert await calculator.ask("negate", 4) == -4


async def test_replies_arrive_below_the_inbox_prefix_and_without_the_brokers(world: NatsWorld) -> None:
    subject = await world.create("own")
    heard = await world.listen(f"env.{subject}")
    settings = type(world.settings)(servers=world.settings.servers, prefix="env.", inbox_prefix=f"mine.{subject}")
    with world.below():
        async with type(world.broker())(settings) as broker:
            asking = asyncio.create_task(broker.request(subject, 1, reply=int))
            await until(lambda: heard)
            assert heard[0].reply.startswith(f"mine.{subject}.")
            await world.send(heard[0].reply, b"2")
            assert await asking == 2
