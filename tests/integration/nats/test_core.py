"""Core NATS as an application meets it: the same on the embedded one and on a real server."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from typing import Annotated, Any

import pytest
from dependency_injector import containers, providers

from faststream_oo import Application, Key, Path, Retry, RetryPolicy
from faststream_oo.errors import PublishError, SetupError
from faststream_oo.nats import (
    NatsBroker,
    NatsConsumer,
    NatsContainer,
    NatsMessage,
    NatsOutgoing,
    NatsProducer,
    Subjects,
    consumes,
    produces,
)
from faststream_oo.nats.claim import Limits
from faststream_oo.testing import Harness
from tests.integration.kinds import of
from tests.integration.nats.worlds import EmbeddedWorld, NatsWorld, RealWorld
from tests.integration.worlds import until

pytestmark = of("nats")

NEVER = RetryPolicy(attempts=1)


@pytest.mark.parametrize(
    ("pattern", "taken", "not_taken"),
    [
        ("a.*", ["a.b"], ["a", "a.b.c"]),
        ("a.>", ["a.b", "a.b.c"], ["a"]),
        ("*.b.>", ["a.b.c"], ["a.b"]),
        ("*.*", ["a.b"], ["a", "a.b.c"]),
        ("a.*.c", ["a.b.c"], ["a.b.d"]),
        ("a.*.>", ["a.b.c", "a.b.c.d"], ["a.b"]),
        ("A.b", ["A.b"], ["a.b"]),
        ("ü.a", ["ü.a"], ["u.a"]),
    ],
)
async def test_a_wildcard_takes_the_subjects_that_it_should(
    world: NatsWorld, pattern: str, taken: list[str], not_taken: list[str]
) -> None:
    base = await world.create("wild")
    seen: list[str] = []

    @consumes(f"{base}.{pattern}")
    async def take(self: Any, message: NatsMessage) -> None:
        seen.append(message.subject)

    async with world.serving(take):
        for subject in [*not_taken, *taken]:
            await world.send(f"{base}.{subject}")
        await until(lambda: len(seen) == len(taken))

    assert seen == [f"{base}.{subject}" for subject in taken]


@pytest.fixture
async def alone(world: NatsWorld, request: pytest.FixtureRequest) -> AsyncGenerator[NatsWorld]:
    """A server that nobody else uses."""
    if isinstance(world, EmbeddedWorld):
        yield world
        return
    async with RealWorld(request.getfixturevalue("private_broker")("nats").address) as own:
        yield own


async def test_the_widest_wildcard_takes_every_subject(alone: NatsWorld) -> None:
    seen: list[str] = []

    class Everything(NatsConsumer):
        @consumes(">")
        async def take(self, message: NatsMessage) -> None:
            seen.append(message.subject)

    with alone.below():
        async with Application(consumers=[Everything(alone.broker())]):
            for subject in ("a", "a.b.c"):
                await alone.send(subject)
            await until(lambda: "a.b.c" in seen)

    assert seen == ["a", "a.b.c"]


@pytest.mark.parametrize(
    "subject", ["a*", "a.b*", "a..b", ".a", "a.", "a b", "", "a\tb", "a\r\nb", "a.>.b", ">.a"], ids=repr
)
async def test_what_cannot_be_subscribed_to_is_refused_at_the_start(world: NatsWorld, subject: str) -> None:
    @consumes(subject)
    async def take(self: Any) -> None: ...

    with pytest.raises(SetupError, match=r"is no subject|wildcard that is no whole token|> that is not its last"):
        async with world.serving(take):
            pass


async def test_named_tokens_are_parts_of_the_path(world: NatsWorld) -> None:
    base = await world.create("path")
    seen: list[tuple[str, int, dict[str, str]]] = []

    @consumes(f"{base}.{{region}}.*.{{number}}")
    async def take(
        self: Any, region: Annotated[str, Path()], count: Annotated[int, Path("number")], message: NatsMessage
    ) -> None:
        seen.append((region, count, dict(message.path)))

    async with world.serving(take):
        await world.send(f"{base}.eu.x.7")
        await until(lambda: seen)

    assert seen == [("eu", 7, {"region": "eu", "number": "7"})]


async def test_several_subjects_are_one_subscription(world: NatsWorld) -> None:
    one, other = await world.create("one"), await world.create("other")
    seen: list[tuple[str, str]] = []

    @consumes(Subjects(f"{one}.{{region}}", f"x.{other}.{{region}}"))
    async def take(self: Any, region: Annotated[str, Path()], message: NatsMessage) -> None:
        seen.append((message.subject, region))

    async with world.serving(take) as served:
        await world.send(f"{one}.eu")
        await world.send(f"x.{other}.us")
        await until(lambda: len(seen) == 2)
        assert len(served.broker.subscriptions) == 1

    assert sorted(seen) == sorted([(f"{one}.eu", "eu"), (f"x.{other}.us", "us")])


async def test_what_was_published_before_anybody_listened_is_gone(world: NatsWorld) -> None:
    subject = await world.create("early")
    seen: list[int] = []

    @consumes(subject)
    async def take(self: Any, number: int) -> None:
        seen.append(number)

    await world.put(subject, b"1")
    async with world.serving(take):
        await world.put(subject, b"2")
        await until(lambda: seen)

    assert seen == [2]


async def test_a_broker_hears_what_it_publishes_itself(world: NatsWorld) -> None:
    subject = await world.create("own")
    seen: list[int] = []

    @consumes(subject)
    async def take(self: Any, number: int) -> None:
        seen.append(number)

    async with world.serving(take) as served:
        await served.publish(subject, 1)
        await until(lambda: seen)

    assert seen == [1]


def counting(subject: str, seen: Counter[int], **options: Any) -> type[NatsConsumer]:
    class Counting(NatsConsumer, **options):
        @consumes(subject)
        async def take(self, number: int) -> None:
            seen[number] += 1

    return Counting


async def test_each_message_goes_to_one_member_of_a_group_and_to_everybody_else(world: NatsWorld) -> None:
    subject = await world.create("group")
    shared: list[Counter[int]] = [Counter(), Counter(), Counter()]
    other: Counter[int] = Counter()
    alone: Counter[int] = Counter()

    async with AsyncExitStack() as stack:
        stack.enter_context(world.below())
        for seen in shared:
            member = counting(subject, seen, group=world.group)(world.broker())
            await stack.enter_async_context(Application(consumers=[member]))
        broker = world.broker()
        others = [counting(subject, other, group=f"other-{world.group}"), counting(subject, alone)]
        await stack.enter_async_context(
            Application(
                consumers=[cls(broker, name=name) for cls, name in zip(others, ("Other", "Alone"), strict=True)]
            )
        )
        for number in range(300):
            await broker.publish(subject, number)
        await until(lambda: all(sum(one.total() for one in group) >= 300 for group in (shared, [other], [alone])))

    assert shared[0] + shared[1] + shared[2] == Counter(range(300))
    assert all(len(seen) > 30 for seen in shared)
    assert other == alone == Counter(range(300))


async def test_one_group_on_a_wildcard_and_on_a_subject_below_it_is_one_group(world: NatsWorld) -> None:
    base = await world.create("overlap")
    wide: Counter[int] = Counter()
    narrow: Counter[int] = Counter()

    async with AsyncExitStack() as stack:
        stack.enter_context(world.below())
        for subject, seen in ((f"{base}.*", wide), (f"{base}.1", narrow)):
            member = counting(subject, seen, group=world.group)(world.broker())
            await stack.enter_async_context(Application(consumers=[member]))
        for number in range(100):
            await world.put(f"{base}.1", str(number).encode())
        await until(lambda: wide.total() + narrow.total() >= 100)

    assert wide + narrow == Counter(range(100))
    assert min(len(wide), len(narrow)) > 10


async def test_a_slow_handler_holds_up_its_own_subscription_alone(world: NatsWorld) -> None:
    subject = await world.create("slow")
    gate = asyncio.Event()
    slow: list[int] = []
    quick: list[int] = []

    class Slow(NatsConsumer, prefetch=1):
        @consumes(subject)
        async def take(self, number: int) -> None:
            await gate.wait()
            slow.append(number)

    class Quick(NatsConsumer):
        @consumes(subject)
        async def take(self, number: int) -> None:
            quick.append(number)

    with world.below():
        broker = world.broker()
        async with Application(consumers=[Slow(broker), Quick(broker)]):
            for number in range(50):
                await broker.publish(subject, number)
            await until(lambda: len(quick) == 50)
            assert slow == []
            gate.set()
            await until(lambda: len(slow) == 50)

    assert slow == quick == list(range(50))


async def test_header_names_keep_their_case_and_values_lose_the_space_around_them(world: NatsWorld) -> None:
    subject = await world.create("headers")
    seen: list[NatsMessage] = []

    @consumes(subject)
    async def take(self: Any, number: int, message: NatsMessage) -> None:
        seen.append(message)

    async with world.serving(take) as served:
        await served.publish(subject, 1, headers={"a": "1", "A": "2", "s": " v ", "n": "x\r\ny", "e": "", "u": "ü"})
        await until(lambda: seen)

    headers = {name: text for name, text in seen[0].headers.items() if name != "fsoo-id"}
    assert headers.get("S") is seen[0].headers.get("S") is None
    assert headers == {"a": "1", "A": "2", "s": "v", "n": "x  y", "e": "", "u": "ü"}


async def test_a_message_as_large_as_the_server_takes_arrives_and_a_larger_one_is_refused(world: NatsWorld) -> None:
    subject = await world.create("large")
    seen: list[int] = []

    @consumes(subject)
    async def take(self: Any, body: bytes, message: NatsMessage) -> None:
        seen.append(len(body))

    async with world.serving(take) as served:
        block = "NATS/1.0\r\ncontent-type: application/octet-stream\r\nfsoo-id: x\r\n\r\n"
        room = 1_048_576 - len(block)
        await served.publish(subject, b"x" * room, id="x")
        with pytest.raises(PublishError, match=r"1,048,577 bytes, headers included, 1,048,576 is the limit"):
            await served.publish(subject, b"x" * (room + 1), id="x")
        await served.publish(subject, b"after")
        await until(lambda: len(seen) == 2)

    assert seen == [room, 5]


async def test_a_reply_subject_is_the_messages_own(world: NatsWorld) -> None:
    subject = await world.create("reply")
    seen: list[str | None] = []

    @consumes(subject)
    async def take(self: Any, message: NatsMessage) -> None:
        seen.append(message.reply_to)

    async with world.serving(take):
        await world.send(subject, b"", None, "somewhere.else")
        await world.send(subject)
        await until(lambda: len(seen) == 2)

    assert seen == ["somewhere.else", None]


async def test_a_request_that_nobody_takes_is_answered_by_the_server(world: NatsWorld) -> None:
    subject = await world.create("nobody")
    inbox = await world.listen(f"inbox.{subject}")
    await world.send(f"x.{subject}", b"anybody?", None, f"inbox.{subject}")
    await until(lambda: inbox)

    assert inbox[0].data == b""
    assert (inbox[0].headers or {})["Status"] == "503"


async def test_a_failing_message_is_tried_again_in_place(world: NatsWorld) -> None:
    subject = await world.create("again")
    attempts: list[int] = []

    @consumes(subject)
    async def take(self: Any, number: int, message: NatsMessage) -> None:
        attempts.append(message.attempt)
        if message.attempt < 3:
            raise ConnectionError("not yet")

    async with world.serving(take, retry=RetryPolicy(attempts=3, delay=0.01)) as served:
        await served.publish(subject, 1)
        await until(lambda: attempts == [1, 2, 3])


async def test_what_is_given_up_without_a_dead_letter_address_is_dropped_told_and_counted(
    world: NatsWorld, caplog: pytest.LogCaptureFixture
) -> None:
    subject = await world.create("dropped")
    handled: list[int] = []

    class Failing(NatsConsumer, retry=NEVER):
        @consumes(subject)
        async def take(self, number: int) -> None:
            if number == 0:
                raise ValueError("never")
            handled.append(number)

    with world.below(), caplog.at_level(logging.ERROR, "faststream_oo"):
        broker = world.broker()
        async with Application(consumers=[Failing(broker)]):
            await broker.publish(subject, 0)
            await broker.publish(subject, 1)
            await until(lambda: handled == [1])
            await world.put(subject, b"{")
            await until(lambda: broker.subscriptions[0].lost == 2)

    lines = [record for record in caplog.records if record.message == "dropped, there is no dead-letter address"]
    assert [record.__dict__["fields"]["reason"] for record in lines] == ["exhausted", "undecodable"]
    assert [record.__dict__["fields"]["address"] for record in lines] == [subject, subject]


async def test_a_start_says_that_it_is_at_most_once(world: NatsWorld, caplog: pytest.LogCaptureFixture) -> None:
    subject = await world.create("said")

    @consumes(subject)
    async def take(self: Any, number: int) -> None: ...

    with caplog.at_level(logging.INFO, "faststream_oo"):
        async with world.serving(take):
            pass

    assert f"Handlers.take consumes {subject}, at most once" in caplog.messages


async def test_what_arrives_during_a_pause_waits_and_more_than_the_buffer_is_dropped_and_counted(
    world: NatsWorld, caplog: pytest.LogCaptureFixture
) -> None:
    subject = await world.create("overflow")
    handled: list[int] = []

    class Paused(NatsConsumer, prefetch=1):
        @consumes(subject)
        async def take(self, number: int) -> None:
            handled.append(number)

    with world.below(), caplog.at_level(logging.ERROR, "faststream_oo"):
        broker = world.broker(Limits(messages=3))
        async with Application(consumers=[Paused(broker)]):
            (subscription,) = broker.subscriptions
            await subscription.pause()
            for number in range(10):
                await world.put(subject, str(number).encode())
            await until(lambda: subscription.lost >= 6)
            await subscription.resume()
            await until(lambda: len(handled) == 10 - subscription.lost)

    # One more than the buffer holds is in the hand of whoever waits for room.
    assert handled == list(range(len(handled)))
    assert 3 <= len(handled) <= 4
    assert any("are lost, core NATS keeps nothing: the buffer" in message for message in caplog.messages)


async def test_a_stop_handles_what_has_arrived(world: NatsWorld) -> None:
    subject = await world.create("stop")
    gate = asyncio.Event()
    handled: list[int] = []

    @consumes(subject)
    async def take(self: Any, number: int) -> None:
        await gate.wait()
        handled.append(number)

    async with world.serving(take, prefetch=2) as served:
        for number in range(20):
            await world.put(subject, str(number).encode())
        await until(lambda: served.subscription.in_flight == 2)
        asyncio.get_running_loop().call_later(0.05, gate.set)

    assert handled == list(range(20))


async def test_a_stop_handles_what_waits_behind_another_message_of_its_key(world: NatsWorld) -> None:
    subject = await world.create("keys")
    gate = asyncio.Event()
    handled: list[int] = []

    @consumes(subject)
    async def take(self: Any, number: int) -> None:
        await gate.wait()
        handled.append(number)

    async with world.serving(take, concurrency=2, ordered_by=Key()) as served:
        for number in range(10):
            await world.put(subject, str(number).encode(), b"same")
        await until(lambda: served.subscription.in_flight == 10)
        asyncio.get_running_loop().call_later(0.05, gate.set)

    assert handled == list(range(10))


async def test_what_is_not_handled_when_the_drain_is_over_is_told_and_counted(
    world: NatsWorld, caplog: pytest.LogCaptureFixture
) -> None:
    subject = await world.create("late")

    @consumes(subject)
    async def take(self: Any, number: int) -> None:
        await asyncio.Event().wait()

    with caplog.at_level(logging.ERROR, "faststream_oo"):
        async with world.serving(take, drain_timeout=0.05) as served:
            for number in range(3):
                await world.put(subject, str(number).encode())
            await until(lambda: served.subscription.in_flight == 3)

    told = [record.__dict__["fields"] for record in caplog.records if "are lost" in record.message]
    assert told[-1]["lost"] == 3


async def test_a_retry_that_waits_at_the_stop_is_told_and_counted(
    world: NatsWorld, caplog: pytest.LogCaptureFixture
) -> None:
    subject = await world.create("parked")
    called: list[int] = []

    @consumes(subject)
    async def take(self: Any, number: int) -> Retry:
        called.append(number)
        return Retry(after=100.0)

    with caplog.at_level(logging.ERROR, "faststream_oo"):
        async with world.serving(take):
            await world.put(subject, b"1")
            await until(lambda: called)

    assert called == [1]
    assert any("1 messages are lost" in message for message in caplog.messages)


async def test_a_prefix_is_put_before_subjects_and_groups(world: NatsWorld) -> None:
    base = await world.create("prefixed")
    heard = await world.listen(f"{base}.test.out")
    seen: list[tuple[str, str | None]] = []

    class Out(NatsProducer):
        @produces("out")
        async def sent(self, number: int) -> int:
            return number

    class In(NatsConsumer, group="workers"):
        @consumes("in.{region}")
        async def take(self, number: int, message: NatsMessage) -> None:
            seen.append((message.subject, message.subscription.group))

    with world.below():
        broker = NatsBroker(type(world.settings)(servers=world.settings.servers, prefix=f"{base}.test."))
        async with Application(consumers=[In(broker)]):
            await Out(broker).sent(1)
            await broker.publish("in.eu", 2)
            await until(lambda: seen and heard)

    assert seen == [(f"{base}.test.in.eu", f"{base}.test.workers")]
    assert heard[0].subject == f"{base}.test.out"


async def test_a_field_of_the_body_stands_in_the_subject(world: NatsWorld) -> None:
    base = await world.create("field")
    heard = await world.listen(f"{base}.>")

    class Orders(NatsProducer):
        @produces(f"{base}.{{region}}.placed", key="region")
        async def placed(self, region: str) -> dict[str, str]:
            return {"region": region}

    with world.below():
        async with world.broker() as broker:
            orders = Orders(broker)
            await orders.placed("eu")
            for region in ("", "a b", "*", "a..b"):
                with pytest.raises(PublishError):
                    await orders.placed(region)
    await until(lambda: heard)

    assert [(one.subject, (one.headers or {})["fsoo-key"]) for one in heard] == [(f"{base}.eu.placed", "eu")]


async def test_what_is_published_outside_a_handler_is_sent_before_the_broker_closes(world: NatsWorld) -> None:
    subject = await world.create("closing")
    heard = await world.listen(subject)
    with world.below():
        async with world.broker() as broker:
            for number in range(5000):
                await broker.publish(subject, number)
            await broker.send_now(subject, NatsOutgoing(5000))
    await until(lambda: len(heard) == 5001)

    assert [int(one.data) for one in heard] == list(range(5001))


async def test_a_harness_settles_on_a_real_server(world: NatsWorld) -> None:
    subject = await world.create("harness")

    class Doubling(NatsConsumer, group="doubling"):
        @consumes(f"{subject}.in")
        @produces(f"{subject}.out")
        async def double(self, number: int) -> int:
            return number * 2

    class House(containers.DeclarativeContainer):
        nats = NatsContainer(settings=providers.Object(world.settings))
        doubling = providers.Singleton(Doubling, broker=nats.broker)

    async with Harness(House, real=isinstance(world, RealWorld)) as h:
        for number in range(50):
            await h.publish(f"{subject}.in", number)
        await h.settled()
        assert h.published(int, to=f"{subject}.out") == [number * 2 for number in range(50)]
