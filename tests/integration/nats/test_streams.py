"""Streams as an application meets them: the same on a real server and on the embedded one."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import Annotated, Any, cast

import pytest

from faststream_oo import Application, DeadLetter, Key, Message, Path, Retry, RetryPolicy
from faststream_oo.errors import LifecycleError, PublishError, SetupError, TransportError
from faststream_oo.nats import (
    JetStream,
    NatsConsumer,
    NatsMessage,
    NatsOutgoing,
    NatsReceipt,
    Pull,
    Push,
    Subject,
    Subjects,
    consumes,
)
from faststream_oo.nats.message import Received
from faststream_oo.nats.place import place_of
from tests.integration.kinds import of
from tests.integration.nats.worlds import StreamWorld, stored
from tests.integration.worlds import until

pytestmark = of("nats-stream")

QUICK = RetryPolicy(attempts=2, delay=0.01)
WAYS = [Pull(), Push()]


def collecting(address: str, into: list[int]) -> Any:
    """Return a method that notes the numbers of an address."""

    @consumes(stored(address))
    async def number(self: Any, number: int) -> None:
        into.append(number)

    return number


# Reading --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("via", WAYS)
async def test_a_message_tells_its_place(world: StreamWorld, via: Pull | Push) -> None:
    address = await world.create("place")
    seen: list[NatsMessage] = []

    @consumes(Subject(f"{address}.{{region}}", stream=address))
    async def take(self: Any, region: Annotated[str, Path()], message: NatsMessage) -> None:
        seen.append(message)

    async with world.serving(take, via=via):
        await world.put(f"{address}.eu", b"1")
        await world.put(f"{address}.us", b"2")
        await until(lambda: len(seen) == 2)

    assert [(one.subject, one.stream, one.sequence) for one in seen] == [
        (f"{address}.eu", address, 1),
        (f"{address}.us", address, 2),
    ]
    assert [dict(one.path) for one in seen] == [{"region": "eu"}, {"region": "us"}]
    assert seen[0].origin == f"nats://{address}/1?subject={address}.eu"
    assert seen[0].id == f"{address}-1"


@pytest.mark.parametrize("via", WAYS)
async def test_workers_of_one_group_share_and_another_group_gets_everything(
    world: StreamWorld, via: Pull | Push
) -> None:
    address = await world.create("shared")
    first: list[int] = []
    second: list[int] = []
    other: list[int] = []
    workers = [collecting(address, into) for into in (first, second, other)]

    async with (
        world.serving(workers[0], via=via),
        world.serving(workers[1], via=via) as served,
        world.serving(workers[2], group="others"),
    ):
        await asyncio.gather(*(served.publish(address, number) for number in range(300)))
        await until(lambda: len(first) + len(second) >= 300 and len(other) >= 300)

    assert sorted(first + second) == sorted(other) == list(range(300))


@pytest.mark.parametrize("via", WAYS)
async def test_one_consumer_reads_several_subjects(world: StreamWorld, via: Pull | Push) -> None:
    address = await world.create("several")
    seen: list[str] = []

    @consumes(Subjects(f"{address}.a", f"{address}.b.*", stream=address))
    async def take(self: Any, message: NatsMessage) -> None:
        seen.append(message.subject.removeprefix(address))

    async with world.serving(take, via=via):
        for tail in (".a", ".b.x", ".c", ".b", ".a"):
            await world.put(address + tail, b"1")
        await until(lambda: len(seen) == 3)

    assert seen == [".a", ".b.x", ".a"]


@pytest.mark.parametrize(
    ("start", "expected"),
    [("earliest", [0, 1, 2, 9]), ("latest", [9]), ("last_per_subject", [2, 9]), (2, [1, 2, 9])],
)
async def test_a_new_durable_begins_where_it_is_told(world: StreamWorld, start: Any, expected: list[int]) -> None:
    address = await world.create("start")
    for number in range(3):
        await world.put(address, str(number).encode())
    seen: list[int] = []

    async with world.serving(collecting(address, seen), start=start):
        await world.put(address, b"9")
        await until(lambda: 9 in seen)

    assert seen == expected


async def test_a_durable_that_begins_later_than_there_is_waits_for_that_place(world: StreamWorld) -> None:
    address = await world.create("later")
    await world.put(address, b"1")
    seen: list[int] = []

    async with world.serving(collecting(address, seen), start=3):
        await world.put(address, b"2")
        await world.put(address, b"3")
        await until(lambda: seen)

    assert seen == [3]


async def test_a_durable_begins_at_a_time(world: StreamWorld) -> None:
    address = await world.create("time")
    await world.put(address, b"0")
    await asyncio.sleep(0.05)
    middle = datetime.now(UTC)
    await world.put(address, b"1")
    seen: list[int] = []

    async with world.serving(collecting(address, seen), start=middle):
        await until(lambda: seen)

    assert seen == [1]


async def test_a_durable_that_begins_at_a_time_before_the_stream_begins_with_the_stream(world: StreamWorld) -> None:
    address = await world.create("before")
    for number in range(2):
        await world.put(address, str(number).encode())
    seen: list[int] = []

    async with world.serving(collecting(address, seen), start=datetime(2020, 1, 1, tzinfo=UTC)):
        await until(lambda: len(seen) == 2)

    assert seen == [0, 1]


@pytest.mark.parametrize("via", WAYS)
async def test_what_a_pause_finds_on_its_way_is_given_back(world: StreamWorld, via: Pull | Push) -> None:
    address = await world.create("paused")
    seen: list[int] = []

    async with world.serving(collecting(address, seen), via=via) as served:
        await served.subscription.pause()
        for number in range(5):
            await world.put(address, str(number).encode())
        assert seen == []
        assert served.subscription.in_flight == 0
        await served.subscription.resume()
        await until(lambda: len(seen) == 5)

    assert seen == list(range(5))


async def test_lag_is_what_the_group_was_not_given(world: StreamWorld) -> None:
    address = await world.create("lag")

    async with world.serving(collecting(address, [])) as served:
        await served.subscription.pause()
        for number in range(4):
            await world.put(address, str(number).encode())
        assert await served.subscription.lag() == 4


# Ordered --------------------------------------------------------------------------------------------------------------


async def test_an_ordered_consumer_gives_everything_to_every_process(world: StreamWorld) -> None:
    address = await world.create("alone")
    first: list[int] = []
    second: list[int] = []
    for number in range(100):
        await world.put(address, str(number).encode())

    options: dict[str, Any] = {"via": Push(ordered=True)}
    async with (
        world.serving_alone(collecting(address, first), **options) as served,
        world.serving_alone(collecting(address, second), **options),
    ):
        await served.publish(address, 100)
        await until(lambda: len(first) >= 101 and len(second) >= 101)

    assert first == second == list(range(101))


async def test_an_ordered_consumer_goes_on_where_a_pause_left_it(world: StreamWorld) -> None:
    address = await world.create("goes-on")
    seen: list[int] = []

    async with world.serving_alone(collecting(address, seen), via=Push(ordered=True), start="latest") as served:
        await served.publish(address, 0)
        await until(lambda: seen)
        await served.subscription.pause()
        await served.publish(address, 1)
        await served.subscription.resume()
        await until(lambda: len(seen) == 2)

    assert seen == [0, 1]


async def test_only_the_headers_are_pushed(world: StreamWorld) -> None:
    address = await world.create("headers")
    seen: list[Message] = []

    @consumes(stored(address))
    async def take(self: Any, message: NatsMessage) -> None:
        seen.append(message)

    async with world.serving(take, via=Push(headers_only=True)) as served:
        await served.publish(address, "long", headers={"x": "y"})
        await until(lambda: seen)

    assert (seen[0].body, seen[0].headers["x"], seen[0].headers["Nats-Msg-Size"]) == (b"", "y", "4")


# Settling -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("via", [Pull(ack_wait=0.6), Push(ack_wait=0.6)])
async def test_what_is_held_longer_than_ack_wait_is_handled_once(world: StreamWorld, via: Pull | Push) -> None:
    address = await world.create("lease")
    calls: Counter[int] = Counter()

    @consumes(stored(address))
    async def slow(self: Any, number: int) -> None:
        calls[number] += 1
        await asyncio.sleep(1.5 if number == 0 else 0)

    async with world.serving(slow, via=via) as served:
        for number in range(3):  # the last two wait behind the first
            await served.publish(address, number)
        await until(lambda: len(calls) == 3)
        await until(lambda: served.subscription.in_flight == 0)

    assert calls == {0: 1, 1: 1, 2: 1}


async def test_what_waits_for_a_retry_is_not_delivered_elsewhere(world: StreamWorld) -> None:
    address = await world.create("parked")
    attempts: list[tuple[str, int]] = []

    def failing(name: str) -> Any:
        @consumes(stored(address))
        async def number(self: Any, number: int, message: NatsMessage) -> Retry | None:
            attempts.append((name, message.attempt))
            return Retry(after=1.5) if message.attempt == 1 else None

        return number

    options: dict[str, Any] = {"via": Pull(ack_wait=0.6)}
    async with world.serving(failing("a"), **options) as one, world.serving(failing("b"), **options):
        await one.publish(address, 1)
        await until(lambda: len(attempts) == 2)

    assert len({name for name, _ in attempts}) == 1
    assert [attempt for _, attempt in attempts] == [1, 2]


@pytest.mark.parametrize("via", WAYS)
async def test_no_more_is_held_than_the_budget_when_all_of_it_waits_for_one_key(
    world: StreamWorld, via: Pull | Push
) -> None:
    address = await world.create("full")

    @consumes(stored(address))
    async def failing(self: Any, number: int) -> Retry:
        return Retry(after=600.0)

    async with world.serving(failing, via=via, ordered_by=Key(), concurrency=2, prefetch=8) as served:
        for number in range(20):
            await served.publish(address, number, key="k")
        await until(lambda: served.subscription.in_flight == 8)
        await served.broker.ping()
        assert served.subscription.in_flight == 8
        if isinstance(via, Pull):  # by push the rest may wait in the client
            assert (await world.unsettled(address), await served.subscription.lag()) == (8, 12)


@pytest.mark.parametrize("via", WAYS)
async def test_the_server_holds_what_a_stop_gave_back_for_the_rest_of_its_delay(
    world: StreamWorld, via: Pull | Push
) -> None:
    address = await world.create("held")
    failed: list[float] = []
    again: list[tuple[float, int]] = []

    @consumes(stored(address))
    async def failing(self: Any, number: int) -> Retry:
        failed.append(time.monotonic())
        return Retry(after=3.0)

    @consumes(stored(address))
    async def number(self: Any, number: int, message: NatsMessage) -> None:
        again.append((time.monotonic(), place_of(cast(Received, message.raw).reply).deliveries))

    async with world.serving(failing, via=via) as served:
        await served.publish(address, 1)
        await until(lambda: failed)
    assert await world.unsettled(address) == 1
    async with world.serving(number, via=via):
        await until(lambda: again)

    ((when, deliveries),) = again
    assert when - failed[-1] >= 2.9
    assert deliveries == 2
    assert await world.unsettled(address) == 0


async def test_a_message_may_be_renewed_by_hand(world: StreamWorld) -> None:
    address = await world.create("by-hand")
    done: list[int] = []

    @consumes(stored(address))
    async def number(self: Any, number: int, message: NatsMessage) -> None:
        await message.in_progress()
        done.append(number)

    async with world.serving(number) as served:
        await served.publish(address, 1)
        await until(lambda: done)
    assert done == [1]


async def test_an_ordered_message_has_nothing_to_renew(world: StreamWorld) -> None:
    address = await world.create("nothing")
    refused: list[str] = []

    @consumes(stored(address))
    async def number(self: Any, number: int, message: NatsMessage) -> None:
        try:
            await message.in_progress()
        except LifecycleError as error:
            refused.append(str(error))

    async with world.serving_alone(number, via=Push(ordered=True)) as served:
        await served.publish(address, 1)
        await until(lambda: refused)
    assert "acknowledges nothing" in refused[0]


async def test_a_work_queue_is_empty_when_its_work_is_done(world: StreamWorld) -> None:
    address = world.name("work")
    stream = JetStream(address, subjects=[address], retention="workqueue")
    seen: list[int] = []

    @consumes(Subject(address, stream=stream))
    async def number(self: Any, number: int) -> DeadLetter | None:
        seen.append(number)
        return DeadLetter("not wanted") if number == 1 else None

    async with world.serving(number) as served:
        for one in range(3):
            await served.broker.publish(Subject(address, stream=stream), one)
        await until(lambda: len(seen) == 3)
        await world.letters_until(address, 1)

    assert [one.body for one in await world.read(address)] == []


async def test_at_most_once_is_acknowledged_before_it_is_handled(world: StreamWorld) -> None:
    address = await world.create("once")
    started: list[int] = []

    @consumes(stored(address))
    async def number(self: Any, number: int) -> None:
        started.append(number)
        await asyncio.Event().wait()

    async with world.serving(number, delivery="at_most_once", drain_timeout=0.1, **world.impatient) as served:
        await served.publish(address, 1)
        await until(lambda: started)
    seen: list[int] = []
    async with world.serving(collecting(address, seen), **world.impatient) as served:
        await served.publish(address, 2)
        await until(lambda: 2 in seen)

    assert (started, seen) == ([1], [2])


# Dead letters ---------------------------------------------------------------------------------------------------------


async def test_the_letters_of_two_groups_are_kept_apart_in_one_stream(world: StreamWorld) -> None:
    address = await world.create("two")
    other = f"{world.group}-other"

    @consumes(stored(address))
    async def number(self: Any, number: int) -> None:
        raise ValueError("never")

    async with world.serving(number, retry=QUICK) as served, world.serving(number, retry=QUICK, group=other):
        await served.publish(address, 1)
        (mine,) = await world.letters_until(address, 1)
        await until_async(lambda: world.stored(f"DLQ_{address}", f"dlq.{other}.{address}"))

    assert mine.texts["fsoo-group"] == world.group
    assert mine.texts["fsoo-origin"] == f"nats://{address}/1?subject={address}"


async def test_a_letter_may_go_to_a_stream_of_its_own(world: StreamWorld) -> None:
    address, lost = await world.create("own"), await world.create("lost")

    @consumes(stored(address))
    async def number(self: Any, number: int) -> None:
        raise ValueError("never")

    async with world.serving(number, retry=QUICK, dead_letter=stored(lost)) as served:
        await served.publish(address, 1, id="the-one")
        (letter,) = await world.read_until(lost, 1)

    assert (letter.body, letter.texts["fsoo-id"]) == (b"1", "the-one")


async def test_what_told_the_server_about_the_original_is_not_told_again(world: StreamWorld) -> None:
    address = await world.create("controls")

    @consumes(stored(address))
    async def number(self: Any, number: int) -> None:
        raise ValueError("never")

    async with world.serving(number, retry=QUICK) as served:
        await served.publish(address, 1, expected_sequence=0)
        (letter,) = await world.letters_until(address, 1)

    assert "Nats-Expected-Last-Sequence" not in letter.texts


async def until_async(read: Any) -> None:
    while not await read():  # noqa: ASYNC110 - the test has a time-out
        await asyncio.sleep(0.05)


# Publishing -----------------------------------------------------------------------------------------------------------


async def test_a_receipt_tells_where_a_message_is_stored_and_an_identity_is_stored_once(world: StreamWorld) -> None:
    address = await world.create("receipt")

    async with world.serving() as served:
        found = [
            await served.broker.send_now(address, NatsOutgoing(number, id=identity))
            for number, identity in enumerate(["a", "b", "a"])
        ]

    assert found == [
        NatsReceipt(stream=address, sequence=1),
        NatsReceipt(stream=address, sequence=2),
        NatsReceipt(stream=address, sequence=1, duplicate=True),
    ]
    assert [one.texts["Nats-Msg-Id"] for one in await world.read(address)] == ["a", "b"]


async def test_an_identity_is_known_by_its_case_and_until_its_window_is_over(world: StreamWorld) -> None:
    address = world.name("window")
    subject = Subject(address, stream=JetStream(address, subjects=[address], duplicate_window=0.5))

    async with world.serving() as served:

        async def sent(body: str, identity: str) -> tuple[int, bool]:
            receipt = await served.broker.send_now(subject, NatsOutgoing(body, id=identity))
            return receipt.sequence, receipt.duplicate

        assert [await sent("1", "a"), await sent("2", "A")] == [(1, False), (2, False)]
        await world.purge(address)
        assert await sent("other", "a") == (1, True)
        await until_async(lambda: is_new(sent("other", "a")))
        assert await sent("other", "a") == (3, True)


async def is_new(sent: Awaitable[tuple[int, bool]]) -> bool:
    _, duplicate = await sent
    return not duplicate


@pytest.mark.parametrize("header", [("nats-msg-id", "1"), ("Nats-Msg-Id", "")])
async def test_only_a_whole_identity_under_its_own_name_is_known_again(
    world: StreamWorld, header: tuple[str, str]
) -> None:
    address = await world.create("whole")
    for body in (b"1", b"2"):
        await world.put(address, body, None, [header])

    assert [one.body for one in await world.read(address)] == [b"1", b"2"]


async def test_a_sequence_that_was_not_expected_is_a_publish_error(world: StreamWorld) -> None:
    address = await world.create("expected")

    async with world.serving() as served:
        await served.publish(address, 1, expected_sequence=0)
        with pytest.raises(PublishError, match="wrong last sequence: 1"):
            await served.publish(address, 2, expected_sequence=0)

    assert len(await world.read(address)) == 1


@pytest.mark.parametrize(
    ("header", "text"),
    [
        (("Nats-Expected-Stream", "other"), r"expected stream does not match \(10060\)"),
        (("Nats-Expected-Last-Sequence", "0"), r"wrong last sequence: 1 \(10071\)"),
        (("Nats-Expected-Last-Subject-Sequence", "0"), r"wrong last sequence: 1 \(10071\)"),
        (("Nats-Expected-Last-Msg-Id", "other"), r"wrong last msg ID: first \(10070\)"),
    ],
)
async def test_what_a_header_expects_and_is_not_so_is_a_publish_error(
    world: StreamWorld, header: tuple[str, str], text: str
) -> None:
    address = await world.create("expects")

    async with world.serving() as served:
        await served.publish(address, 1, id="first")
        with pytest.raises(PublishError, match=text):
            await served.publish(address, 2, headers=dict([header]))


async def test_what_was_expected_counts_before_an_identity_that_is_known(world: StreamWorld) -> None:
    address = await world.create("before-known")

    async with world.serving() as served:
        await served.publish(address, 1, id="a", expected_sequence=0)
        with pytest.raises(PublishError, match=r"wrong last sequence: 1 \(10071\)"):
            await served.publish(address, 1, id="a", expected_sequence=0)
        await served.publish(address, 1, id="a")

    assert len(await world.read(address)) == 1


async def test_a_request_to_what_a_stream_stores_is_answered_with_where_it_lies(world: StreamWorld) -> None:
    address = await world.create("asked")

    async with world.serving() as served:
        answer: dict[str, Any] = await served.broker.request(Subject(address), 1, reply=dict[str, Any])

    assert (answer["stream"], answer["seq"]) == (address, 1)


async def test_a_message_with_a_ttl_is_not_kept_longer(world: StreamWorld) -> None:
    address = world.name("ttl")

    async with world.serving() as served:
        await served.publish(address, 1, ttl=1.0)
        await served.publish(address, 2)
        assert len(await world.read(address)) == 2
        await until_async(lambda: gone(world, address))

    assert [one.body for one in await world.read(address)] == [b"2"]


async def gone(world: StreamWorld, address: str) -> bool:
    return len(await world.read(address)) == 1


async def test_options_of_streams_are_refused_on_core_nats(world: StreamWorld) -> None:
    async with world.serving() as served:
        with pytest.raises(PublishError, match="is of no stream"):
            await served.broker.publish(Subject(world.name("core")), NatsOutgoing(1, ttl=1.0))


async def test_what_no_stream_stores_is_a_publish_error(world: StreamWorld) -> None:
    address = await world.create("nowhere")

    async with world.serving() as served:
        await served.publish(address, 1)
        await world.remove(address)
        with pytest.raises(PublishError, match=f'no stream stores "{address}"'):
            await served.publish(address, 2)


async def test_a_stream_that_is_full_refuses(world: StreamWorld) -> None:
    address = world.name("full")
    full = Subject(address, stream=JetStream(address, subjects=[address], max_messages=1, discard="new"))

    async with world.serving() as served:
        await served.broker.publish(full, 1)
        with pytest.raises(PublishError, match="maximum messages exceeded"):
            await served.broker.publish(full, 2)


async def test_more_than_may_fly_is_stored_in_order(world: StreamWorld) -> None:
    address = await world.create("many")

    async with world.serving() as served:
        await asyncio.gather(*(served.publish(address, number) for number in range(5_000)))

    assert [int(one.body or b"") for one in await world.read(address)] == list(range(5_000))


# Topology -------------------------------------------------------------------------------------------------------------


async def test_a_stream_that_is_only_named_stores_what_is_used_of_it(world: StreamWorld) -> None:
    name = world.name("NAMED")
    seen: list[str] = []

    @consumes(Subject(f"{name}.a", stream=name))
    async def take(self: Any, message: NatsMessage) -> None:
        seen.append(message.subject)

    async with world.serving(take) as served:
        await served.broker.publish(Subject(f"{name}.b", stream=name), 1)
        await served.broker.publish(Subject(f"{name}.a", stream=name), 1)
        await until(lambda: seen)

    assert len(await world.stored(name, f"{name}.b")) == 1


async def test_a_stream_that_is_described_otherwise_is_said(
    world: StreamWorld, caplog: pytest.LogCaptureFixture
) -> None:
    name = world.name("DIFFERS")
    async with world.serving() as served:
        await served.broker.declare(JetStream(name, subjects=[name]))
        await served.broker.declare(JetStream(name, subjects=[name]))
        with pytest.raises(TransportError, match="max_age is without a limit, not 60"):
            await served.broker.declare(JetStream(name, subjects=[name], max_age=60.0))


# Readers --------------------------------------------------------------------------------------------------------------


async def test_a_reader_without_a_group_sees_everything_and_acknowledges_nothing(world: StreamWorld) -> None:
    address = await world.create("reader")
    async with world.serving() as served:
        for number in range(3):
            await served.publish(address, number)
        for _ in range(2):
            async with served.broker.reader(address, int, start="earliest") as reader:
                assert [(await reader.get()).value for _ in range(3)] == [0, 1, 2]
                assert await reader.get(timeout=0.1) is None


async def test_a_reader_with_a_group_goes_on_behind_what_was_settled(world: StreamWorld) -> None:
    address = await world.create("group")
    async with world.serving() as served:
        for number in range(3):
            await served.publish(address, number)
        for expected in ([0, 1], [2]):
            async with served.broker.reader(address, int, group=world.group, start="earliest") as reader:
                for number in expected:
                    message = await reader.get()
                    assert message.value == number
                    await message.settle(DeadLetter("by hand"))
        assert len(await world.letters_until(address, 3)) == 3


async def test_a_reader_is_refused_what_nats_would_refuse(world: StreamWorld) -> None:
    broker = world.broker_of(topology="create")
    with pytest.raises(SetupError, match="start='earliest' is of streams"):
        broker.reader(Subject("orders"), int, start="earliest")
    with pytest.raises(SetupError, match="is no name of a durable"):
        broker.reader(Subject("orders", stream="ORDERS"), int, group="a.b")


class Orders(NatsConsumer, group="prefixed"):
    """Reads under whatever prefix its broker has."""

    seen: list[tuple[str, str | None]]

    @consumes(Subject("orders.*", stream=JetStream("ORDERS", subjects=["orders.>"])))
    async def take(self, message: NatsMessage) -> None:
        self.seen.append((message.subject, message.stream))


async def test_a_prefix_stands_before_subjects_streams_and_durables(world: StreamWorld) -> None:
    prefix = f"{world.name('p')}."
    word = prefix.replace(".", "_")
    broker = world.broker_of(prefix=prefix)
    orders = Orders(broker)
    orders.seen = []
    with world.below():
        async with Application(consumers=[orders], brokers=[broker]):
            await broker.publish(Subject("orders.a", stream=JetStream("ORDERS", subjects=["orders.>"])), 1)
            await until(lambda: orders.seen)
            assert broker.running[0].group == f"{word}prefixed"
    world.forget(f"{word}ORDERS", f"{word}DLQ_ORDERS")

    assert orders.seen == [(f"{prefix}orders.a", f"{word}ORDERS")]
