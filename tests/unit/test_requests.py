"""Requests and answers, as an application sees them, on the embedded Kafka."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from attrs import frozen

from faststream_oo import Ack, Application, Batch, DeadLetter, Drop, Outcome, Retry, RetryPolicy, contract
from faststream_oo.errors import DecodeError, LifecycleError, RemoteError, RequestTimeoutError, TransportError
from faststream_oo.kafka import (
    KafkaBroker,
    KafkaConsumer,
    KafkaMessage,
    KafkaOutgoing,
    KafkaProducer,
    KafkaSettings,
    Topic,
    consumes,
    produces,
    requests,
)
from faststream_oo.message import Message, Outgoing
from faststream_oo.middleware import ConsumeNext, PublishNext
from faststream_oo.testing import Harness


@frozen
class Ask:
    sku: str


@frozen
class Price:
    cents: int


@frozen
class Sold:
    sku: str


class Prices(KafkaProducer):
    @requests("prices", reply=Price, timeout=2.0)
    async def of(self, sku: str) -> Ask:
        return Ask(sku)

    @requests("prices", reply=list[Price], timeout=2.0)
    async def all_of(self, sku: str) -> Ask:
        return Ask(sku)


Handle = Callable[[Ask], object]


def desk(handle: Handle, **options: Any) -> Callable[[KafkaBroker], KafkaConsumer]:
    """A consumer of `prices` that answers with what a function returns."""

    class Desk(KafkaConsumer, group="desk", retry=RetryPolicy(attempts=1), **options):
        @consumes("prices")
        async def price(self, ask: Ask) -> object:
            return handle(ask)

    return Desk


@asynccontextmanager
async def serving(
    *consumers: Callable[[KafkaBroker], KafkaConsumer], **broker: Any
) -> AsyncGenerator[tuple[Harness[Any], KafkaBroker, Prices]]:
    made = KafkaBroker(KafkaSettings(), **broker)
    application = Application(consumers=[one(made) for one in consumers], brokers=[made])
    async with Harness(application) as h:
        yield h, made, Prices(made)


async def told(h: Harness[Any], asking: "asyncio.Task[Any]", seconds: float) -> None:
    """Let a request be sent and handled, then let so much time pass."""
    while not asking.done():
        await h.settled()
        if h.application.brokers[0].requests.waiting:
            break
        await asyncio.sleep(0)
    await h.advance(seconds)


async def test_a_request_is_answered_with_what_the_handler_returns() -> None:
    async with serving(desk(lambda ask: Price(len(ask.sku)))) as (h, broker, prices):
        assert await prices.of("abc") == Price(3)
        assert await broker.request("prices", Ask("abcd"), reply=Price) == Price(4)
        assert await h.request("prices", Ask("ab"), reply=Price) == Price(2)

        assert h.published(Ask) == [Ask("abc"), Ask("abcd")]
        assert h.published(Price) == [Price(3), Price(4), Price(2)]


async def test_a_request_from_outside_that_nobody_serves_ends_by_real_time() -> None:
    async with serving(desk(lambda _: None, reply=False)) as (h, broker, _):
        with pytest.raises(RequestTimeoutError, match=r"no reply from prices in 0\.05 s"):
            await h.request("prices", Ask("abc"), reply=Price, timeout=0.05)
        assert not broker.requests.waiting
        await h.settled()


async def test_the_reply_may_be_a_list_a_mapping_or_nothing() -> None:
    answers: dict[str, object] = {"list": [Price(1)], "batch": Batch([Price(2)]), "map": {"a": Price(3)}, "none": None}
    async with serving(desk(lambda ask: answers[ask.sku])) as (_, broker, prices):
        assert await prices.all_of("list") == [Price(1)]
        assert await prices.all_of("batch") == [Price(2)]
        assert await broker.request("prices", Ask("map"), reply=dict[str, Price]) == {"a": Price(3)}
        nothing: object = await broker.request("prices", Ask("none"), reply=type(None))
        assert nothing is None


async def test_the_reply_is_the_contract_that_was_sent() -> None:
    class Answer: ...

    @contract("price.known")
    @frozen
    class Known(Answer):
        cents: int

    @contract("price.unknown")
    @frozen
    class Unknown(Answer):
        why: str

    async with serving(desk(lambda ask: Known(5) if ask.sku == "a" else Unknown("no idea"))) as (_, broker, __):
        assert await broker.request("prices", Ask("a"), reply=Answer) == Known(5)
        assert await broker.request("prices", Ask("b"), reply=Answer) == Unknown("no idea")


async def test_a_reply_that_is_not_what_was_asked_for_is_a_decode_error() -> None:
    async with serving(desk(lambda ask: ask)) as (_, __, prices):
        with pytest.raises(DecodeError):
            await prices.of("abc")


async def test_an_outgoing_answers_with_its_body_and_headers_and_goes_to_whom_it_is_for() -> None:
    def handle(ask: Ask) -> object:
        return KafkaOutgoing(Price(1), headers={"x-source": "cache"}, to="elsewhere", key="k", partition=99)

    async with serving(desk(handle)) as (h, _, prices):
        assert await prices.of("abc") == Price(1)
        (sent,) = h.messages(Price)
        assert (sent.headers["x-source"], sent.address, sent.key) == ("cache", "fsoo-replies", None)


async def test_request_and_reply_tell_what_belongs_together() -> None:
    async with serving(desk(lambda ask: Price(1))) as (h, _, prices):
        await prices.of("abc")
        (asked,), (answered,) = h.messages(Ask), h.messages(Price)

    assert asked.reply_to == "fsoo-replies"
    assert asked.headers["fsoo-reply-partition"] in set("01234567")
    assert asked.headers["fsoo-request-id"] == asked.id
    assert int(asked.headers["fsoo-deadline"]) > 1_700_000_000_000
    assert answered.headers["fsoo-status"] == "ok"
    assert answered.headers["fsoo-request-id"] == asked.id
    assert answered.correlation_id == asked.id
    assert answered.id != asked.id


@pytest.mark.parametrize(
    ("handle", "error_type", "text", "outcome"),
    [
        (lambda _: 1 / 0, "ZeroDivisionError", "division by zero", DeadLetter("exhausted")),
        (lambda _: Drop("seen before"), "Drop", "seen before", Drop("seen before")),
        (lambda _: DeadLetter("never"), "DeadLetter", "never", DeadLetter("never")),
    ],
)
async def test_a_request_that_is_given_up_is_answered_with_a_fault(
    handle: Handle, error_type: str, text: str, outcome: Outcome
) -> None:
    async with serving(desk(handle)) as (h, _, prices):
        with pytest.raises(RemoteError) as failed:
            await prices.of("abc")
        await h.settled()
        assert h.outcomes("Desk.price") == [outcome]
        h.dead_letters()

    assert failed.value.error_type == error_type
    assert str(failed.value) == f"prices answered with {error_type}: {text}"


async def test_an_error_of_a_module_is_told_with_its_module() -> None:
    class OutOfStockError(Exception):
        pass

    def handle(ask: Ask) -> object:
        raise OutOfStockError(ask.sku)

    async with serving(desk(handle)) as (h, _, prices):
        with pytest.raises(RemoteError) as failed:
            await prices.of("abc")
        h.dead_letters()

    assert failed.value.error_type.startswith("tests.unit.test_requests.")
    assert failed.value.error_type.endswith("OutOfStockError")


async def test_undecodable_and_unmatched_requests_are_answered_with_a_fault() -> None:
    class Typed(KafkaConsumer, group="desk"):
        @consumes("prices", when={"kind": "price"})
        async def price(self, ask: Ask) -> Price:
            return Price(1)

    async with serving(Typed) as (h, broker, prices):
        with pytest.raises(RemoteError) as unmatched:
            await prices.of("abc")
        with pytest.raises(RemoteError) as undecodable:
            await broker.request("prices", KafkaOutgoing("text", headers={"kind": "price"}), reply=Price)
        await h.settled()
        assert [letter.reason for letter in h.dead_letters()] == ["unmatched", "undecodable"]

    assert unmatched.value.error_type == "faststream_oo.errors.UnmatchedError"
    assert undecodable.value.error_type == "faststream_oo.errors.DecodeError"


async def test_what_is_tried_again_is_answered_once_it_went_well() -> None:
    attempts: list[int] = []

    class Shaky(KafkaConsumer, group="desk", retry=RetryPolicy(attempts=3, delay=0.1)):
        @consumes("prices")
        async def price(self, ask: Ask, message: KafkaMessage) -> Price | Retry:
            attempts.append(message.attempt)
            return Price(message.attempt) if message.attempt == 3 else Retry()

    async with serving(Shaky) as (h, _, prices):
        asking = asyncio.create_task(prices.of("abc"))
        await told(h, asking, 1.0)
        assert await asking == Price(3)

    assert attempts == [1, 2, 3]


async def test_silence_is_a_timeout_error_that_frees_the_slot_and_a_late_reply_is_counted() -> None:
    gate, started = asyncio.Event(), asyncio.Event()

    class Slow(KafkaConsumer, group="desk"):
        @consumes("prices")
        async def price(self, ask: Ask) -> Price:
            started.set()
            await gate.wait()
            return Price(1)

    async with serving(Slow) as (h, broker, prices):
        asking = asyncio.create_task(prices.of("abc"))
        await started.wait()
        assert h._virtual.run_next(2.0)
        with pytest.raises(RequestTimeoutError, match="no reply from prices in 2 s") as silence:
            await asking
        assert isinstance(silence.value, TimeoutError)
        assert isinstance(silence.value, TransportError)
        assert not broker.requests.waiting

        gate.set()
        await h.settled()
        assert h.published(Price) == [Price(1)]
        assert broker.requests.unknown == 1


async def test_reply_false_answers_nothing_and_does_not_look_at_the_deadline() -> None:
    handled: list[Ask] = []

    async with serving(desk(handled.append, reply=False)) as (h, broker, prices):
        asking = asyncio.create_task(prices.of("abc"))
        await told(h, asking, 2.0)
        with pytest.raises(RequestTimeoutError):
            await asking
        await broker.publish("prices", KafkaOutgoing(Ask("b"), headers={"fsoo-reply-to": "r", "fsoo-deadline": "1"}))
        await h.settled()

    assert handled == [Ask("abc"), Ask("b")]


async def test_an_ack_answers_nothing() -> None:
    async with serving(desk(lambda _: Ack())) as (h, _, prices):
        asking = asyncio.create_task(prices.of("abc"))
        await told(h, asking, 2.0)
        with pytest.raises(RequestTimeoutError):
            await asking


async def test_a_request_that_does_not_get_out_in_time_is_silence_too() -> None:
    stuck, ended = asyncio.Event(), asyncio.Event()

    class Stuck:
        async def publish(self, outgoing: Outgoing, call_next: PublishNext, /) -> None:
            stuck.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

    async with serving(desk(lambda _: Price(1)), middlewares=[Stuck()]) as (h, broker, prices):
        asking = asyncio.create_task(prices.of("abc"))
        await stuck.wait()
        await h.advance(2.0)
        with pytest.raises(RequestTimeoutError):
            await asking
        assert ended.is_set()
        assert not broker.requests.waiting


async def test_a_cancelled_request_frees_the_slot() -> None:
    async with serving(desk(lambda _: None, reply=False)) as (h, broker, prices):
        asking = asyncio.create_task(prices.of("abc"))
        await h.settled()
        assert len(broker.requests.waiting) == 1

        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking

        assert not broker.requests.waiting


async def test_a_request_whose_deadline_passed_is_dropped_without_a_call_or_an_answer() -> None:
    handled: list[Ask] = []

    async with serving(desk(handled.append)) as (h, broker, prices):
        (subscription,) = broker.subscriptions
        await subscription.pause()
        asking = asyncio.create_task(prices.of("abc"))
        await told(h, asking, 2.1)
        with pytest.raises(RequestTimeoutError):
            await asking
        await subscription.resume()
        await h.settled()
        assert h.outcomes("Desk.price") == [Drop("expired")]

    assert handled == []


async def test_a_dead_letter_of_a_request_is_no_request() -> None:
    handled: list[KafkaMessage] = []

    class Letters(KafkaConsumer, group="letters"):
        @consumes("prices.desk.dlq")
        async def letter(self, ask: Ask, message: KafkaMessage) -> Price:
            handled.append(message)
            return Price(1)

    async with serving(desk(lambda _: DeadLetter("never")), Letters) as (h, broker, prices):
        with pytest.raises(RemoteError):
            await prices.of("abc")
        await h.settled()
        late = KafkaOutgoing(Ask("a"), headers={"fsoo-reply-to": "r", "fsoo-deadline": "1", "fsoo-dl-reason": "no"})
        await broker.publish("prices.desk.dlq", late)
        await h.settled()
        h.dead_letters()
        assert h.published(Price) == []
        assert broker.requests.unknown == 0

    assert [message.headers["fsoo-dl-reason"] for message in handled] == ["never", "no"]


@pytest.mark.parametrize("deadline", ["", "soon", "99999999999999"])
async def test_a_request_with_a_strange_or_far_deadline_is_handled(deadline: str) -> None:
    handled: list[Ask] = []
    async with serving(desk(handled.append)) as (h, broker, _):
        headers = {"fsoo-reply-to": "fsoo-replies", "fsoo-deadline": deadline}
        await broker.publish("prices", KafkaOutgoing(Ask("a"), headers=headers))
        await h.settled()

    assert handled == [Ask("a")]


async def test_the_answer_goes_out_before_what_the_method_produces_and_after_its_publishes() -> None:
    class Desk(KafkaConsumer, group="desk"):
        @consumes("prices")
        @produces("told")
        async def price(self, ask: Ask) -> Price:
            await self.broker.publish("sold", Sold(ask.sku))
            return Price(7)

    async with serving(Desk) as (h, _, prices):
        assert await prices.of("abc") == Price(7)
        await h.settled()
        sent = [(one.address.name, one.frame.value) for one in h._recorder.published]

    assert sent[1:] == [("sold", Sold("abc")), ("fsoo-replies", Price(7)), ("told", Price(7))]


async def test_a_failed_handler_answers_with_a_fault_alone() -> None:
    class Desk(KafkaConsumer, group="desk", retry=RetryPolicy(attempts=1)):
        @consumes("prices")
        async def price(self, ask: Ask) -> Price:
            await self.broker.publish("sold", Sold(ask.sku))
            raise ValueError("no")

    async with serving(Desk) as (h, _, prices):
        with pytest.raises(RemoteError):
            await prices.of("abc")
        await h.settled()
        h.dead_letters()
        assert h.published(Sold) == []


async def test_a_request_inside_a_handler_goes_at_once_and_leaves_its_outbox_alone() -> None:
    seen: list[list[Sold]] = []

    class Shop(KafkaConsumer, group="shop"):
        @consumes("orders")
        async def order(self, sku: str, message: KafkaMessage) -> None:
            await self.broker.publish("sold", Sold(sku))
            price = await Prices(self.broker).of(sku)
            seen.append(h.published(Sold))
            await self.broker.publish("charged", price)

    async with serving(Shop, desk(lambda ask: Price(3))) as (h, _, __):
        await h.publish("orders", "abc")
        await h.settled()

        assert seen == [[]]
        assert h.published(Sold) == [Sold("abc")]
        assert h.published(Price, to="charged") == [Price(3)]
        asked, (sold,) = h.messages(Ask)[0], h.messages(Sold)
        assert asked.correlation_id == sold.correlation_id != asked.id


async def test_a_handler_that_waits_for_silence_is_settled_until_the_clock_moves() -> None:
    failed: list[Exception] = []

    class Shop(KafkaConsumer, group="shop"):
        @consumes("orders")
        async def order(self, sku: str) -> None:
            try:
                await Prices(self.broker).of(sku)
            except RequestTimeoutError as error:
                failed.append(error)

    async with serving(Shop, desk(lambda _: None, reply=False)) as (h, _, __):
        await h.publish("orders", "abc")
        await h.publish("orders", "def")
        await h.settled()
        assert failed == []
        await h.advance(2.0)
        assert len(failed) == 1
        await h.advance(2.0)
        assert len(failed) == 2


async def test_middlewares_wrap_requests_replies_and_faults() -> None:
    class Seen:
        def __init__(self) -> None:
            self.sent: list[str] = []

        async def publish(self, outgoing: Outgoing, call_next: PublishNext, /) -> None:
            self.sent.append(outgoing.headers.get("fsoo-status", "asked"))
            await call_next(outgoing.with_headers({"x-seen": "yes"}))

    seen = Seen()

    def handle(ask: Ask) -> object:
        if ask.sku == "bad":
            raise ValueError("bad")
        return Price(1)

    async with serving(desk(handle), middlewares=[seen]) as (h, _, prices):
        await prices.of("abc")
        with pytest.raises(RemoteError):
            await prices.of("bad")
        await h.settled()
        h.dead_letters()
        assert all(one.headers["x-seen"] == "yes" for one in [*h.messages(Ask), *h.messages(Price)])

    assert seen.sent == ["asked", "ok", "asked", "fault"]


async def test_a_handler_s_own_middleware_wraps_its_answers_too() -> None:
    class Both:
        async def consume(self, message: Message, call_next: ConsumeNext, /) -> object:
            return await call_next(message)

        async def publish(self, outgoing: Outgoing, call_next: PublishNext, /) -> None:
            await call_next(outgoing.with_headers({"x-desk": "1"}))

    async with serving(desk(lambda _: Price(1), middlewares=[Both()])) as (h, _, prices):
        await prices.of("abc")
        (answered,) = h.messages(Price)

    assert answered.headers["x-desk"] == "1"


async def test_an_answer_to_nowhere_does_not_hold_up_the_subscription() -> None:
    handled: list[Ask] = []
    async with serving(desk(handled.append)) as (h, broker, _):
        for where in ("no-such-topic", "no topic at all"):
            await broker.publish("prices", KafkaOutgoing(Ask(where), headers={"fsoo-reply-to": where}))
        await h.settled()
        assert [str(one) for one in h.outcomes("Desk.price")] == [str(Ack()), str(Ack())]

    assert len(handled) == 2


async def test_an_answer_that_a_middleware_cannot_make_leaves_the_outcome_alone() -> None:
    class Broken:
        async def publish(self, outgoing: Outgoing, call_next: PublishNext, /) -> None:
            if outgoing.headers.get("fsoo-status") == "fault":
                raise RuntimeError("broken")
            await call_next(outgoing)

    async with serving(desk(lambda _: Drop("no")), middlewares=[Broken()]) as (h, _, prices):
        asking = asyncio.create_task(prices.of("abc"))
        await told(h, asking, 2.0)
        with pytest.raises(RequestTimeoutError):
            await asking
        assert h.outcomes("Desk.price") == [Drop("no")]


async def test_by_hand_the_return_value_answers() -> None:
    class Manual(KafkaConsumer, group="desk", delivery="manual"):
        @consumes("prices")
        async def price(self, ask: Ask, message: KafkaMessage) -> Price:
            await message.settle(Ack())
            return Price(4)

    async with serving(Manual) as (_, __, prices):
        assert await prices.of("abc") == Price(4)


async def test_without_an_outbox_the_answer_goes_at_once() -> None:
    async with serving(desk(lambda _: Price(4), outbox=False)) as (_, __, prices):
        assert await prices.of("abc") == Price(4)


async def test_a_request_may_have_no_body_and_options_of_its_own() -> None:
    seen: list[KafkaMessage] = []

    class Ping(KafkaConsumer, group="desk"):
        @consumes(Topic("ping", partitions=3))
        async def ping(self, message: KafkaMessage) -> int:
            seen.append(message)
            return 1

    async with serving(Ping) as (_, broker, __):
        assert await broker.request("ping", None, reply=int) == 1
        outgoing = KafkaOutgoing(None, key="k", partition=2, headers={"a": "b"}, id="mine")
        assert await broker.request("ping", outgoing, reply=int) == 1

    message = seen[1]
    assert (message.key, message.partition, message.headers["a"], message.id) == (b"k", 2, "b", "mine")
    assert message.headers["fsoo-request-id"] != "mine"


async def test_a_batch_is_no_request() -> None:
    async with serving(desk(lambda _: None)) as (_, broker, __):
        with pytest.raises(LifecycleError, match="one message"):
            await broker.request("prices", Batch([Ask("a")]), reply=Price)


async def test_a_request_to_a_topic_that_refuses_it_fails_at_once() -> None:
    async with serving(desk(lambda _: None)) as (_, broker, __):
        with pytest.raises(TransportError, match="no partition 99"):
            await broker.request("prices", KafkaOutgoing(Ask("a"), partition=99), reply=Price)
        assert not broker.requests.waiting


async def test_requests_need_an_open_broker() -> None:
    with pytest.raises(LifecycleError, match="is not open"):
        await Prices(KafkaBroker(KafkaSettings())).of("abc")


async def test_an_override_asks_once_and_the_base_only_computes() -> None:
    class Upper(Prices):
        async def of(self, sku: str) -> Any:
            asked: Any = await super().of(sku)
            return Ask(asked.sku.upper())

    class Checked(Upper):
        @requests("prices", reply=Price)
        async def of(self, sku: str) -> Any:
            return Ask(f"{sku}-checked")

    asked: list[Ask] = []

    def handle(ask: Ask) -> Price:
        asked.append(ask)
        return Price(1)

    async with serving(desk(handle)) as (_, broker, __):
        assert await Upper(broker).of("abc") == Price(1)
        assert await Checked(broker).of("abc") == Price(1)

    assert asked == [Ask("ABC"), Ask("abc-checked")]


async def test_two_brokers_of_one_cluster_do_not_take_each_other_s_replies() -> None:
    async with serving(desk(lambda ask: Price(len(ask.sku)))) as (_, __, prices), KafkaBroker(KafkaSettings()) as other:
        clients = (prices, Prices(other))
        found = await asyncio.gather(*(one.of("x" * n) for n in range(1, 30) for one in clients))

    assert [price.cents for price in found] == [n for n in range(1, 30) for _ in clients]


async def test_what_waits_fails_when_the_broker_closes() -> None:
    handled = asyncio.Event()
    async with serving(desk(lambda _: handled.set(), reply=False)):
        async with KafkaBroker(KafkaSettings()) as other:
            asking = asyncio.create_task(Prices(other).of("abc"))
            await handled.wait()
        with pytest.raises(LifecycleError, match="closed while a request waited"):
            await asking
