"""What a request and its reply do: the same on every broker, embedded and real."""

import asyncio
from typing import Any

import pytest
from attrs import frozen

from faststream_oo import Drop, Message, Outgoing, RetryPolicy
from faststream_oo.errors import RemoteError, RequestTimeoutError, TransportError
from tests.integration.kinds import KINDS, Mortal
from tests.integration.worlds import World, until

ONCE = RetryPolicy(attempts=1)


@frozen
class Ask:
    number: int


@frozen
class Answer:
    number: int


async def test_two_thousand_requests_in_flight_each_get_their_own_answer(world: World) -> None:
    address = await world.create("ask")

    @world.consumes(address)
    async def double(self: Any, ask: Ask) -> Answer:
        await asyncio.sleep(ask.number % 7 / 1000)
        return Answer(ask.number * 2)

    async with world.serving(double, concurrency=32, ordered_by=None) as served:
        flying = asyncio.Semaphore(100)

        async def asked(number: int) -> int:
            async with flying:
                answer: Answer = await served.broker.request(address, Ask(number), reply=Answer)
            return answer.number

        found = await asyncio.gather(*(asked(number) for number in range(2000)))

        assert found == [number * 2 for number in range(2000)]
        assert served.broker.requests.unknown == 0
        assert not served.broker.requests.waiting


async def test_request_and_reply_carry_what_belongs_together(world: World) -> None:
    address = await world.create("facts")
    seen: list[Message] = []

    @world.consumes(address)
    async def ask(self: Any, ask: Ask, message: Message) -> Outgoing[Answer]:
        seen.append(message)
        return world.outgoing(Answer(1), headers={"x-from": "here"})

    async with world.serving(ask) as served:
        outgoing = world.outgoing(Ask(1), headers={"x-a": "b"}, correlation_id="talk")
        assert await served.broker.request(address, outgoing, reply=Answer) == Answer(1)

    (message,) = seen
    assert message.reply_to
    assert (message.headers["x-a"], message.correlation_id) == ("b", "talk")
    assert message.headers["fsoo-request-id"] == message.id
    assert message.headers["fsoo-deadline"].isdecimal()


async def test_a_failed_request_is_answered_with_a_fault(world: World) -> None:
    address = await world.create("faults")

    @world.consumes(address)
    async def ask(self: Any, ask: Ask) -> Answer | Drop:
        if ask.number == 1:
            raise ValueError("ü and\nmore")
        return Drop("seen before")

    async with world.serving(ask, retry=ONCE) as served:
        faults: list[tuple[str, str]] = []
        for body in (Ask(1), Ask(2), "no Ask at all"):
            with pytest.raises(RemoteError) as failed:
                await served.broker.request(address, body, reply=Answer)
            faults.append((failed.value.error_type, str(failed.value)))

    assert [kind for kind, _ in faults] == ["ValueError", "Drop", "faststream_oo.errors.DecodeError"]
    assert faults[0][1] == f"{address} answered with ValueError: ü and\nmore"


async def test_a_handler_that_returns_nothing_answers_with_nothing(world: World) -> None:
    address = await world.create("none")

    @world.consumes(address)
    async def ask(self: Any, ask: Ask) -> None: ...

    async with world.serving(ask) as served:
        assert await served.broker.request(address, Ask(1), reply=type(None)) is None


async def test_a_request_without_a_body_is_answered(world: World) -> None:
    address = await world.create("ping")

    @world.consumes(address)
    async def ping(self: Any, message: Message) -> str:
        return f"pong {len(message.body)}"

    async with world.serving(ping) as served:
        assert await served.broker.request(address, None, reply=str) == "pong 0"


async def test_silence_and_cancellation_free_the_slot_and_a_late_reply_is_counted(world: World) -> None:
    address = await world.create("late")
    gate, started = asyncio.Event(), asyncio.Event()

    @world.consumes(address)
    async def ask(self: Any, ask: Ask) -> Answer:
        started.set()
        if ask.number < 2:
            await gate.wait()
        return Answer(ask.number)

    async with world.serving(ask, concurrency=4, ordered_by=None) as served:
        broker = served.broker
        cancelled = asyncio.create_task(broker.request(address, Ask(0), reply=Answer))
        await started.wait()
        cancelled.cancel()
        started.clear()
        silent = asyncio.create_task(broker.request(address, Ask(1), reply=Answer, timeout=0.5))
        await started.wait()
        with pytest.raises(RequestTimeoutError):
            await silent
        assert not broker.requests.waiting
        assert broker.requests.unknown == 0

        gate.set()
        await until(lambda: broker.requests.unknown == 2)
        assert await broker.request(address, Ask(2), reply=Answer) == Answer(2)


async def test_a_handler_that_answers_nothing_lets_the_request_time_out(world: World) -> None:
    address = await world.create("silent")
    handled: list[int] = []

    @world.consumes(address)
    async def ask(self: Any, ask: Ask) -> Answer:
        handled.append(ask.number)
        return Answer(ask.number)

    async with world.serving(ask, reply=False) as served:
        with pytest.raises(RequestTimeoutError):
            await served.broker.request(address, Ask(1), reply=Answer, timeout=0.5)
        await until(lambda: handled == [1])
        assert served.broker.requests.unknown == 0


async def test_a_request_that_nobody_waits_for_any_more_is_not_handled(world: World) -> None:
    address = await world.create("expired")
    handled: list[int] = []

    @world.consumes(address)
    async def ask(self: Any, ask: Ask) -> Answer:
        handled.append(ask.number)
        return Answer(ask.number)

    async with world.serving(ask) as served:
        await served.subscription.pause()
        with pytest.raises(RequestTimeoutError):
            await served.broker.request(address, Ask(1), reply=Answer, timeout=0.3)
        # By then its deadline, which is in whole milliseconds, has passed on every clock here.
        with pytest.raises(RequestTimeoutError):
            await served.broker.request(address, Ask(2), reply=Answer, timeout=0.05)
        await asyncio.sleep(0.05)
        await served.subscription.resume()
        assert await served.broker.request(address, Ask(3), reply=Answer) == Answer(3)

    assert handled == [3]


async def test_two_instances_do_not_take_each_other_s_replies(world: World) -> None:
    address = await world.create("two")

    @world.consumes(address)
    async def ask(self: Any, ask: Ask) -> Answer:
        return Answer(ask.number)

    async with world.serving(ask, concurrency=8, ordered_by=None) as served, world.broker() as second:
        brokers: list[Any] = [served.broker, second]
        asking = [
            broker.request(address, Ask(2 * number + side), reply=Answer)
            for number in range(100)
            for side, broker in enumerate(brokers)
        ]
        assert await asyncio.gather(*asking) == [Answer(number) for number in range(200)]


async def test_a_request_while_handling_does_not_wait_for_the_outbox(world: World) -> None:
    address, inner, out = await world.create("outer"), await world.create("inner"), await world.create("out")
    events: list[str] = []

    @world.consumes(address)
    async def outer(self: Any, ask: Ask, message: Message) -> Answer:
        await self.broker.publish(out, ask.number)
        answer: Answer = await self.broker.request(inner, ask, reply=Answer)
        events.append("asked")
        return answer

    @world.consumes(inner)
    async def served_by(self: Any, ask: Ask) -> Answer:
        return Answer(ask.number + 1)

    @world.consumes(out)
    async def published(self: Any, number: int) -> None:
        events.append("published")

    async with world.serving(outer, served_by, published) as served:
        assert await served.broker.request(address, Ask(1), reply=Answer) == Answer(2)
        await until(lambda: len(events) == 2)

    assert events == ["asked", "published"]


@pytest.mark.timeout(180)
@pytest.mark.parametrize("mortal", list(KINDS), indirect=True)
async def test_the_inbox_is_there_again_after_the_broker_was_killed(mortal: Mortal) -> None:
    async with mortal.world() as world:
        address = await world.create("back")

        @world.consumes(address)
        async def ask(self: Any, ask: Ask) -> Answer:
            return Answer(ask.number)

        async with world.serving(ask) as served:
            broker = served.broker
            assert await broker.request(address, Ask(1), reply=Answer) == Answer(1)
            await mortal.kill()
            with pytest.raises(TransportError):
                await broker.request(address, Ask(2), reply=Answer, timeout=2.0)
            await mortal.restart()

            async def back() -> None:
                while True:
                    try:
                        assert await broker.request(address, Ask(3), reply=Answer, timeout=2.0) == Answer(3)
                        return
                    except TransportError:
                        await asyncio.sleep(0.1)

            async with asyncio.timeout(90):
                await back()
            found = await asyncio.gather(*(broker.request(address, Ask(n), reply=Answer) for n in range(100)))

    assert found == [Answer(number) for number in range(100)]
