"""What an application does with messages: the same on every broker, embedded and real."""

import asyncio
import random
import time
from collections import defaultdict
from typing import Annotated, Any

import orjson
import pytest
from attrs import frozen

from faststream_oo import DeadLetter, Drop, Header, Key, Message, Outcome, Retry, RetryPolicy
from tests.integration.kinds import at_once, holding, promised, undivided
from tests.integration.worlds import World, until

QUICK = RetryPolicy(attempts=3, delay=0.01)


@frozen
class Order:
    order_id: str
    amount: int


async def test_bodies_keys_and_headers_arrive_as_sent(world: World) -> None:
    address = await world.create("orders")
    seen: list[tuple[Order, Message, str]] = []

    @world.consumes(address)
    async def placed(self: Any, order: Order, message: Message, key: Annotated[str, Key()]) -> None:
        seen.append((order, message, key))

    async with world.serving(placed) as served:
        await served.publish(
            address, Order("ü", 1), key="order-2", headers={"x-a": "b", "x-text": "long " * 40 + "end"}
        )
        await until(lambda: seen)

    order, message, key = seen[0]
    assert (order, key, message.key) == (Order("ü", 1), "order-2", b"order-2")
    assert (message.headers["x-a"], message.headers["x-text"]) == ("b", "long " * 40 + "end")
    assert (message.address, message.attempt, message.type, message.content_type) == (address, 1, None, None)
    assert message.id == message.correlation_id
    assert message.origin.startswith(f"{world.protocol}://")


async def test_what_a_foreign_client_wrote_is_handled(world: World) -> None:
    address = await world.create("foreign")
    seen: list[tuple[int, Message]] = []

    @world.consumes(address)
    async def number(self: Any, number: int, message: Message) -> None:
        seen.append((number, message))

    async with world.serving(number):
        await world.put(address, b" 7 ")
        await until(lambda: seen)

    number_, message = seen[0]
    assert (number_, message.body, message.key, message.reply_to) == (7, b" 7 ", None, None)
    assert message.id
    assert message.correlation_id == message.id


async def test_what_is_published_while_handling_belongs_to_the_same_conversation(world: World) -> None:
    address, out = await world.create("in"), await world.create("out")
    seen: list[Message] = []

    @world.consumes(address)
    async def first(self: Any, number: int, message: Message) -> None:
        seen.append(message)
        await self.broker.publish(out, number)

    @world.consumes(out)
    async def second(self: Any, number: int, message: Message) -> None:
        seen.append(message)

    async with world.serving(first, second) as served:
        await served.publish(address, 1)
        await until(lambda: len(seen) == 2)

    assert seen[0].id != seen[1].id
    assert seen[1].correlation_id == seen[0].id


async def test_messages_of_one_publisher_are_handled_in_order(world: World) -> None:
    address = await world.create("ordered")
    handled: list[int] = []

    @world.consumes(address)
    async def number(self: Any, number: int) -> None:
        handled.append(number)

    async with world.serving(number) as served:
        await asyncio.gather(*(served.publish(address, number) for number in range(200)))
        await until(lambda: len(handled) == 200)

    assert handled == list(range(200))


async def test_keys_keep_their_order_over_sixteen_slots_and_wait_for_what_is_tried_again(world: World) -> None:
    address = await world.create("lanes")
    handled: dict[str, list[int]] = defaultdict(list)
    attempts: dict[int, int] = defaultdict(int)
    running = most = 0

    @world.consumes(address)
    async def number(self: Any, number: int, key: Annotated[str, Key()]) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        attempts[number] += 1
        try:
            await asyncio.sleep(random.random() / 500)
            if number % 11 == 0 and attempts[number] == 1:
                raise ConnectionError("once")
        finally:
            running -= 1
        handled[key].append(number)

    options: dict[str, Any] = {"concurrency": 16, "ordered_by": Key(), "retry": RetryPolicy(delay=0.002)}
    async with world.serving(number, **options) as served:
        await asyncio.gather(*(served.publish(address, n, key=f"k{n % 10}") for n in range(300)))
        await until(lambda: sum(map(len, handled.values())) == 300)

    assert all(numbers == sorted(numbers) for numbers in handled.values())
    assert 1 < most <= 16


@undivided
async def test_others_go_on_while_most_of_the_budget_waits_for_one_key(world: World) -> None:
    address = await world.create("one-key")
    handled: list[int] = []

    @world.consumes(address)
    async def number(self: Any, number: int, message: Message) -> Retry | None:
        if message.key == b"failing":
            return Retry(after=600.0)
        handled.append(number)
        return None

    async with world.serving(number, ordered_by=Key(), concurrency=2, prefetch=8) as served:
        await served.subscription.pause()  # so that the first read brings as much as there is room for
        for each in range(45):
            await served.publish(address, each, key="failing" if each < 5 else "other")
        await served.subscription.resume()
        await until(lambda: len(handled) == 40)
        await until(lambda: served.subscription.in_flight == 5)


async def test_an_exhausted_message_is_a_dead_letter_byte_for_byte_with_diagnostics(world: World) -> None:
    address = await world.create("failing")

    @world.consumes(address)
    async def order(self: Any, order: Order) -> None:
        raise ValueError("never") from KeyError("cause")

    body = b'{"order_id":"o-1",  "amount": 10}'
    async with world.serving(order, retry=QUICK):
        await world.put(address, body, b"key-1", world.hostile)
        (letter,) = await world.letters_until(address, 1)

    names = {name for name, _ in world.hostile}
    assert (letter.body, letter.key) == (body, b"key-1")
    assert [header for header in letter.headers if header[0] in names] == list(world.hostile)
    assert letter.texts["fsoo-dl-reason"] == "exhausted"
    assert letter.texts["fsoo-attempt"] == "3"
    assert letter.texts["fsoo-error-type"] == "ValueError"
    assert letter.texts["fsoo-error-message"] == "never"
    assert letter.texts["fsoo-error-cause"] == "KeyError: 'cause'"
    assert letter.texts["fsoo-consumer"] == "Handlers.order"
    assert letter.texts["fsoo-origin"].startswith(f"{world.protocol}://")


@pytest.mark.parametrize(
    "body",
    [b"{", b"\xff\xfe\x00", b'{"order_id": 5, "amount": 1}', b'{"order_id": "o"}', b'["o", 1]', b"null", b""],
)
async def test_what_cannot_be_decoded_is_a_dead_letter_at_once_and_the_rest_goes_through(
    world: World, body: bytes
) -> None:
    address = await world.create("bad")
    handled: list[str] = []

    @world.consumes(address)
    async def order(self: Any, order: Order) -> None:
        handled.append(order.order_id)

    async with world.serving(order):
        await world.put(address, b'{"order_id": "before", "amount": 1}')
        await world.put(address, body, b"key")
        await world.put(address, b'{"order_id": "after", "amount": 1}')
        await until(lambda: handled == ["before", "after"])
        (letter,) = await world.letters_until(address, 1)

    assert (letter.body, letter.key) == (body, b"key")
    assert letter.texts["fsoo-dl-reason"] == "undecodable"
    assert letter.texts["fsoo-attempt"] == "1"


@pytest.mark.parametrize(
    ("outcome", "reason"), [(DeadLetter("not wanted"), "not wanted"), (Drop("old"), None), (Retry(0.01), "exhausted")]
)
async def test_an_outcome_of_the_handler_is_what_becomes_of_the_message(
    world: World, outcome: Outcome, reason: str | None
) -> None:
    address = await world.create("outcome")
    calls = 0

    @world.consumes(address)
    async def decide(self: Any, number: int) -> Outcome | None:
        nonlocal calls
        calls += 1
        return outcome if number == 0 else None

    async with world.serving(decide, retry=QUICK) as served:
        await served.publish(address, 0)
        await served.publish(address, 1)
        await until(lambda: calls == (4 if isinstance(outcome, Retry) else 2) and served.subscription.in_flight == 0)
        if reason is not None:
            (letter,) = await world.letters_until(address, 1)
            assert letter.texts["fsoo-dl-reason"] == reason
        else:
            assert await world.read(world.letters(address)) == []


async def test_publishes_of_a_failed_attempt_are_never_sent(world: World) -> None:
    address, out = await world.create("in"), await world.create("out")
    sent: list[int] = []

    @world.consumes(address)
    async def first(self: Any, number: int, message: Message) -> None:
        await self.broker.publish(out, message.attempt)
        if message.attempt < 3:
            raise ConnectionError("not yet")

    @world.consumes(out)
    async def second(self: Any, number: int) -> None:
        sent.append(number)

    async with world.serving(first, second, retry=QUICK) as served:
        await served.publish(address, 1)
        await until(lambda: sent)
        await served.publish(out, 4)
        await until(lambda: 4 in sent)

    assert sent == [3, 4]


@promised
async def test_what_was_settled_is_not_handled_again_after_a_stop(world: World) -> None:
    address = await world.create("again")
    handled: list[int] = []

    @world.consumes(address)
    async def number(self: Any, number: int) -> None:
        handled.append(number)

    for turn in range(3):
        async with world.serving(number) as served:
            for number_ in range(5):
                await served.publish(address, turn * 5 + number_)
            await until(lambda: len(handled) == (turn + 1) * 5)  # noqa: B023 - awaited in the turn

    assert handled == list(range(15))


@promised
async def test_a_polite_stop_under_load_loses_and_doubles_nothing(world: World) -> None:
    address = await world.create("polite")
    handled: list[int] = []

    @world.consumes(address)
    async def number(self: Any, number: int) -> None:
        await asyncio.sleep(0.002)
        handled.append(number)

    options: dict[str, Any] = {"concurrency": 8, "ordered_by": Key()}
    for turn in range(3):
        async with world.serving(number, **options) as served:
            numbers = range(turn * 200, turn * 200 + 200)
            await asyncio.gather(*(served.publish(address, n, key=str(n % 13)) for n in numbers))
            await until(lambda: len(handled) > turn * 200 + 50)  # noqa: B023 - awaited in the turn
    async with world.serving(number, **options):
        await until(lambda: len(handled) >= 600)

    assert sorted(handled) == list(range(600))


@promised
async def test_what_a_stop_cancelled_comes_again(world: World) -> None:
    address = await world.create("cancelled")
    started: list[int] = []
    finished: list[int] = []
    blocked = True

    @world.consumes(address)
    async def number(self: Any, number: int, message: Message) -> None:
        started.append(message.attempt)
        if blocked:
            await asyncio.Event().wait()
        finished.append(number)

    async with world.serving(number, drain_timeout=0.1) as served:
        await served.publish(address, 1)
        await until(lambda: started)
    blocked = False
    async with world.serving(number):
        await until(lambda: finished)

    assert (started, finished) == ([1, 1], [1])


@holding
async def test_what_waits_for_a_retry_at_a_stop_comes_again_when_that_was_due(world: World) -> None:
    address = await world.create("due")
    failed: list[float] = []
    handled: list[tuple[float, int, int]] = []

    @world.consumes(address)
    async def failing(self: Any, number: int, message: Message) -> Retry:
        failed.append(time.monotonic())
        return Retry(after=3.0)

    @world.consumes(address)
    async def number(self: Any, number: int, message: Message) -> None:
        handled.append((time.monotonic(), number, message.attempt))

    async with world.serving(failing) as served:
        await served.publish(address, 1)
        await until(lambda: failed)
    async with world.serving(number) as served:
        await served.publish(address, 2)
        await until(lambda: len(handled) == 2)
        await until(lambda: served.subscription.in_flight == 0)

    assert sorted(call[1:] for call in handled) == [(1, 1), (2, 1)]
    assert next(when for when, number, _ in handled if number == 1) - failed[-1] >= 2.9


@holding
async def test_what_fails_during_a_stop_is_not_tried_before_it_is_due_either(world: World) -> None:
    address = await world.create("during")
    begun = asyncio.Event()
    failed: list[float] = []
    handled: list[float] = []

    @world.consumes(address)
    async def failing(self: Any, number: int, message: Message) -> Retry:
        begun.set()
        await until(lambda: message.subscription.state == "draining")
        failed.append(time.monotonic())
        return Retry(after=3.0)

    @world.consumes(address)
    async def number(self: Any, number: int) -> None:
        handled.append(time.monotonic())

    async with world.serving(failing, drain_timeout=0.5) as served:
        await served.publish(address, 1)
        await begun.wait()
    async with world.serving(number):
        await until(lambda: handled)

    assert handled[0] - failed[-1] >= 2.9


@holding
async def test_what_is_behind_it_by_its_key_stays_behind_it(world: World) -> None:
    address = await world.create("behind")
    failed: list[float] = []
    handled: list[tuple[float, int]] = []

    @world.consumes(address)
    async def failing(self: Any, number: int) -> Retry:
        failed.append(time.monotonic())
        return Retry(after=2.0)

    @world.consumes(address)
    async def number(self: Any, number: int) -> None:
        handled.append((time.monotonic(), number))

    options: dict[str, Any] = {"concurrency": 4, "ordered_by": Key()}
    async with world.serving(failing, **options) as served:
        for each in range(3):
            await served.publish(address, each, key="k")
        await until(lambda: served.subscription.in_flight == 3)
        await until(lambda: failed)
    async with world.serving(number, **options):
        await until(lambda: len(handled) == 3)

    assert [number for _, number in handled] == [0, 1, 2]
    assert handled[0][0] - failed[-1] >= 1.9


@at_once
async def test_what_waits_for_a_retry_at_a_stop_comes_again_at_once_where_nothing_holds_it(world: World) -> None:
    address = await world.create("soon")
    attempts: list[int] = []

    @world.consumes(address)
    async def number(self: Any, number: int, message: Message) -> Retry | None:
        attempts.append(message.attempt)
        return Retry(after=600.0) if len(attempts) == 1 else None

    async with world.serving(number) as served:
        await served.publish(address, 1)
        await until(lambda: attempts)
    async with world.serving(number):
        await until(lambda: len(attempts) == 2)

    assert attempts == [1, 1]


@promised
async def test_all_that_is_held_comes_again_when_a_worker_gives_up(world: World) -> None:
    address = await world.create("given-up")
    handled: list[int] = []

    @world.consumes(address)
    async def stuck(self: Any, number: int) -> None:
        await asyncio.Event().wait()

    @world.consumes(address)
    async def number(self: Any, number: int) -> None:
        handled.append(number)

    async with world.serving(stuck) as served:
        for each in range(3):
            await served.publish(address, each)
        await until(lambda: served.subscription.in_flight == 3)
        await served.broker.running[0].give_up()
    async with world.serving(number):
        await until(lambda: len(handled) == 3)

    assert sorted(handled) == [0, 1, 2]


@promised
async def test_what_was_never_settled_by_hand_comes_again_when_a_worker_gives_up(world: World) -> None:
    address = await world.create("given-up-by-hand")
    held: list[int] = []

    @world.consumes(address)
    async def number(self: Any, number: int) -> None:
        held.append(number)

    async with world.serving(number, delivery="manual") as served:
        for each in range(2):
            await served.publish(address, each)
        await until(lambda: len(held) == 2)
        await served.broker.running[0].give_up()
    async with world.serving(number):
        await until(lambda: len(held) == 4)

    assert sorted(held) == [0, 0, 1, 1]


@promised
async def test_by_hand_only_settle_settles(world: World) -> None:
    address = await world.create("manual")
    held: list[Message] = []

    @world.consumes(address)
    async def number(self: Any, number: int, message: Message) -> None:
        held.append(message)

    async with world.serving(number, delivery="manual") as served:
        for number_ in range(3):
            await served.publish(address, number_)
        await until(lambda: len(held) == 3)
        await held[0].settle(DeadLetter("by hand"))
        await held[0].settle(Drop("too late"))
        await held[1].settle(Drop("seen"))
        assert served.subscription.in_flight == 1
        (letter,) = await world.letters_until(address, 1)
        assert letter.texts["fsoo-dl-reason"] == "by hand"
        await held[2].settle(Drop("seen"))
        assert served.subscription.in_flight == 0
    async with world.serving(number, delivery="manual") as served:
        await served.publish(address, 3)
        await until(lambda: len(held) == 4)
        await held[3].settle(Drop("seen"))

    assert [message.body for message in held] == [b"0", b"1", b"2", b"3"]


async def test_a_slow_attempt_is_cancelled_and_counts(world: World) -> None:
    address = await world.create("slow")
    started = 0

    @world.consumes(address)
    async def number(self: Any, number: int) -> None:
        nonlocal started
        started += 1
        await asyncio.Event().wait()

    async with world.serving(number, timeout=0.05, retry=RetryPolicy(attempts=2, delay=0.0)) as served:
        await served.publish(address, 1)
        (letter,) = await world.letters_until(address, 1)

    assert started == 2
    assert letter.texts["fsoo-error-type"] == "TimeoutError"


async def test_several_methods_share_an_address_by_header(world: World) -> None:
    address = await world.create("shared")
    seen: list[str] = []

    @world.consumes(address, when={"kind": "a"})
    async def first(self: Any, number: int, kind: Annotated[str, Header("kind")]) -> None:
        seen.append(f"first {number} {kind}")

    @world.consumes(address, when={"kind": "b"})
    async def second(self: Any, number: int) -> None:
        seen.append(f"second {number}")

    async with world.serving(first, second, unmatched=Drop("other kind")) as served:
        for number, kind in enumerate("abcab"):
            await served.publish(address, number, headers={"kind": kind})
        await until(lambda: len(seen) == 4)

    assert seen == ["first 0 a", "second 1", "first 3 a", "second 4"]


async def test_a_pause_keeps_messages_waiting_until_every_reason_is_gone(world: World) -> None:
    address = await world.create("paused")
    handled: list[int] = []

    @world.consumes(address)
    async def number(self: Any, number: int) -> None:
        handled.append(number)

    async with world.serving(number) as served:
        subscription = served.subscription
        await subscription.pause("operator")
        await subscription.pause("deploy")
        await served.publish(address, 1)
        assert subscription.state == "paused"
        await subscription.resume("operator")
        assert subscription.state == "paused"
        assert handled == []
        await subscription.resume("deploy")
        await until(lambda: handled == [1])


async def test_more_than_the_budget_is_taken_as_there_is_room(world: World) -> None:
    address = await world.create("budget")
    handled: list[int] = []
    most = 0

    @world.consumes(address)
    async def number(self: Any, number: int, message: Message) -> None:
        nonlocal most
        most = max(most, message.subscription.in_flight)
        await asyncio.sleep(0)
        handled.append(number)

    async with world.serving(number, prefetch=10, concurrency=2, ordered_by=None) as served:
        await asyncio.gather(*(served.publish(address, number) for number in range(500)))
        await until(lambda: len(handled) == 500)

    assert sorted(handled) == list(range(500))
    assert most <= 20


async def test_fuzzed_messages_all_end_in_the_dead_letters_and_orders_go_through(world: World) -> None:
    address = await world.create("fuzz")
    generator = random.Random(7)
    handled: list[str] = []

    @world.consumes(address)
    async def order(self: Any, order: Order) -> None:
        handled.append(order.order_id)

    bodies = [generator.randbytes(generator.randrange(1, 60)) for _ in range(world.fuzzed)]
    async with world.serving(order, concurrency=4, ordered_by=None):
        for number, body in enumerate(bodies):
            await world.put(address, body, b"key")
            if number % 10 == 0:
                await world.put(address, orjson.dumps({"order_id": f"o-{number}", "amount": 1}))
        letters = await world.letters_until(address, len(bodies))
        await until(lambda: len(handled) == len(bodies) // 10)

    assert sorted(letter.body or b"" for letter in letters) == sorted(bodies)
