"""What a handler is given and what becomes of a message: markers, choice among methods, inheritance, error rules."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from attrs import frozen
from dependency_injector import containers, providers

from faststream_oo import Ack, DeadLetter, Drop, Exponential, Field, Header, Key, Path, Retry, RetryPolicy, contract
from faststream_oo.kafka import (
    KafkaConsumer,
    KafkaContainer,
    KafkaMessage,
    KafkaOutgoing,
    TopicPattern,
    Topics,
    consumes,
)
from faststream_oo.testing import Harness
from tests.integration.worlds import until


def serving(cls: type[KafkaConsumer], **settings: object) -> Harness[Any]:
    """Return a harness of one consumer, a Singleton."""

    class Shop(containers.DeclarativeContainer):
        config = providers.Configuration(strict=True)
        kafka = KafkaContainer(config=config.kafka)
        it = providers.Singleton(cls, broker=kafka.broker)

    return Harness(Shop, config={"kafka": settings})


class Noting(KafkaConsumer, abstract=True):
    """Keeps what its handlers were given."""

    seen: list[Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.seen = []


async def seen(h: Harness[Any]) -> list[Any]:
    await h.settled()
    found: list[Any] = h.container.it().seen
    return found


# Binding ------------------------------------------------------------------------------------------------------------


@frozen
class Order:
    order_id: str
    amount: int = 0


class Facts(Noting, group="facts"):
    @consumes("facts")
    async def taken(
        self,
        order_id: str,
        amount: int = 7,
        *,
        key: Annotated[str | None, Key()] = None,
        tenant: Annotated[UUID | None, Header("x-tenant")] = None,
        tries: Annotated[int, Header("tries")] = 1,
        city: Annotated[str, Field("address.city")] = "nowhere",
    ) -> None:
        self.seen.append((order_id, amount, key, tenant, tries, city))


async def test_markers_give_their_types_and_defaults_stand_in_for_what_is_missing() -> None:
    tenant = UUID(int=5)
    headers = {"x-tenant": str(tenant), "tries": "3"}
    body = {"order_id": "o-1", "amount": 2, "address": {"city": "Ghent"}}
    async with serving(Facts) as h:
        await h.publish("facts", KafkaOutgoing(body, key=b"k", headers=headers))
        await h.publish("facts", {"order_id": "o-2"})
        assert await seen(h) == [("o-1", 2, "k", tenant, 3, "Ghent"), ("o-2", 7, None, None, 1, "nowhere")]


GHENT = {"order_id": "o", "address": {"city": "Ghent"}}


class Strict(Noting, group="strict"):
    @consumes("strict")
    async def taken(
        self,
        order: Order,
        *,
        tries: Annotated[int, Header("tries")],
        city: Annotated[str, Field("address.city")],
        key: Annotated[int, Key()] = 0,
    ) -> None:
        self.seen.append((order, tries, city, key))


@pytest.mark.parametrize(
    ("body", "headers", "told"),
    [
        (GHENT, {}, 'missing, and parameter "tries" has no default @ header "tries"'),
        (GHENT, {"tries": "many"}, "expected int, got 'many' @ header \"tries\""),
        (
            {"order_id": "o", "address": {}},
            {"tries": "1"},
            'missing, and parameter "city" has no default @ $.address.city',
        ),
        ({**GHENT, "order_id": 5}, {"tries": "1"}, "expected str, got int 5 @ $.order_id"),
        ({"address": {}}, {"tries": "1"}, "missing @ $.order_id"),
    ],
)
async def test_a_fact_that_is_missing_or_wrong_is_a_dead_letter_that_names_it(
    body: object, headers: Mapping[str, str], told: str
) -> None:
    async with serving(Strict) as h:
        await h.publish("strict", KafkaOutgoing(body, headers=headers))
        assert await seen(h) == []
        (letter,) = h.dead_letters()
        assert letter.reason == "undecodable"
        assert told in f"{letter.error}"


class Regions(Noting, group="regions"):
    @consumes(TopicPattern(r"orders\.(?P<region>\w+)"))
    async def by_region(self, order: Order, *, region: Annotated[str, Path("region")]) -> None:
        self.seen.append((region, order.order_id))

    @consumes(Topics("invoices", "refunds"))
    async def booked(self, message: KafkaMessage[Order]) -> None:
        self.seen.append((message.topic, message.value.order_id))


async def test_a_pattern_gives_its_named_groups_and_several_topics_are_one_subscription() -> None:
    async with serving(Regions) as h:
        for topic in ("orders.eu", "invoices", "refunds"):
            await h.publish(topic, Order("o"))
        assert sorted(await seen(h)) == [("eu", "o"), ("invoices", "o"), ("refunds", "o")]


class ByKeyword(Noting, group="keyword"):
    @consumes("keyword")
    async def taken(self, *, number: int) -> None:
        self.seen.append(number)


async def test_a_body_may_be_given_by_keyword_alone() -> None:
    async with serving(ByKeyword) as h:
        await h.publish("keyword", 5)
        assert await seen(h) == [5]


class Bodies(Noting, group="bodies"):
    @consumes("raw")
    async def raw(self, body: bytes) -> None:
        self.seen.append(body)

    @consumes("text")
    async def text(self, body: str) -> None:
        self.seen.append(body)

    @consumes("none")
    async def none(self) -> None:
        self.seen.append("called")

    @consumes("maybe")
    async def maybe(self, order: Order | None, message: KafkaMessage[Order | None]) -> None:
        self.seen.append((order, message.tombstone, message.key))


async def test_bytes_are_untouched_and_a_tombstone_is_none() -> None:
    async with serving(Bodies) as h:
        await h.publish("raw", b"\xff\x00")
        await h.publish("text", "text")
        await h.publish("none", b"{not json")
        await h.publish("maybe", KafkaOutgoing(None, key=b"k"))
        await h.publish("maybe", Order("o"))
        found = await seen(h)
        assert found[:3] == [b"\xff\x00", "text", "called"]
        assert found[3:] == [(None, True, b"k"), (Order("o"), False, None)]


# Routes -------------------------------------------------------------------------------------------------------------


class Many(Noting, group="many"):
    @consumes("one", concurrency=2)
    @consumes("two", group="other")
    async def taken(self, message: KafkaMessage[int]) -> None:
        self.seen.append((message.subscription.name, message.value))


async def test_several_addresses_on_one_method_are_subscriptions_of_their_own() -> None:
    async with serving(Many, consumers={"Many.taken[two]": {"concurrency": 3}}) as h:
        await h.publish("one", 1)
        await h.publish("two", 2)
        assert sorted(await seen(h)) == [("Many.taken[one]", 1), ("Many.taken[two]", 2)]
        options = {
            one.name: (one.options["group"], one.options["concurrency"]) for one in h.application.plan.subscriptions
        }
        assert options == {"Many.taken[one]": ("many", 2), "Many.taken[two]": ("other", 3)}


class Base(Noting, abstract=True, group="base", prefix="shop.", concurrency=4):
    @consumes("orders")
    async def placed(self, number: int) -> None:
        self.seen.append(("placed", number))

    @consumes("audit")
    async def audited(self, number: int) -> None:
        self.seen.append(("audited", number))


class Child(Base, without=["audited"], concurrency=2):
    async def placed(self, number: int) -> None:
        await super().placed(number * 2)

    @consumes("refunds", concurrency=1)
    async def refunded(self, number: int) -> None:
        self.seen.append(("refunded", number))


async def test_a_subclass_keeps_routes_options_and_prefix_replaces_what_it_overrides_and_leaves_out() -> None:
    async with serving(Child) as h:
        await h.publish("shop.orders", 1)
        await h.publish("shop.refunds", 5)
        assert sorted(await seen(h)) == [("placed", 2), ("refunded", 5)]
        found = {one.name: (one.address.name, one.options["concurrency"]) for one in h.application.plan.subscriptions}
        assert found == {"Child.placed": ("shop.orders", 2), "Child.refunded": ("shop.refunds", 1)}


# Choice -------------------------------------------------------------------------------------------------------------


@contract("placed")
@frozen
class Placed:
    order_id: str
    kind: Literal["placed"] = "placed"


@contract("cancelled")
@frozen
class Cancelled:
    order_id: str
    kind: Literal["cancelled"] = "cancelled"


class Chosen(Noting, group="chosen"):
    @consumes("events", when=lambda message: message.headers.get("test") == "yes")
    async def test(self, message: KafkaMessage[bytes]) -> None:
        self.seen.append("test")

    @consumes("events")
    async def placed(self, event: Placed) -> None:
        self.seen.append(event)

    @consumes("events")
    async def cancelled(self, event: Cancelled) -> None:
        self.seen.append(event)


async def test_a_condition_comes_first_then_the_contract_and_what_nobody_takes_is_unmatched() -> None:
    async with serving(Chosen) as h:
        await h.publish("events", KafkaOutgoing(Placed("o-1"), headers={"test": "yes"}))
        await h.publish("events", Placed("o-2"))
        await h.publish("events", Cancelled("o-3"))
        await h.publish("events", KafkaOutgoing(b"{}", headers={"fsoo-type": "shipped"}))
        await h.publish("events", b"{}")
        assert await seen(h) == ["test", Placed("o-2"), Cancelled("o-3")]
        assert [letter.reason for letter in h.dead_letters()] == ["unmatched", "unmatched"]


class Tagged(Chosen, group="tagged", tag="kind", unmatched=Drop("not ours")):
    """By a field of the body."""


async def test_a_tag_of_the_body_chooses_and_unmatched_may_be_another_outcome() -> None:
    async with serving(Tagged) as h:
        await h.publish("events", b'{"kind": "cancelled", "order_id": "o-1"}')
        await h.publish("events", b'{"kind": "shipped", "order_id": "o-2"}')
        assert await seen(h) == [Cancelled("o-1")]


# Errors -------------------------------------------------------------------------------------------------------------


class FailureError(Exception):
    """Of the bank."""


class ClosedError(FailureError):
    """Nearer than FailureError."""


class Rules(
    Noting,
    group="rules",
    retry=RetryPolicy(attempts=2, delay=1.0),
    errors={
        FailureError: Drop("failed"),
        ClosedError: DeadLetter("closed"),
        KeyError: lambda error: Ack() if error.args[0] == "seen" else RetryPolicy(attempts=3, delay=5.0),
        OSError: Retry(after=10.0),
    },
):
    raising: Exception | None = None

    @consumes("rules")
    async def taken(self, number: int) -> None:
        self.seen.append(number)
        if self.raising is not None:
            raise self.raising


@pytest.mark.parametrize(
    ("error", "outcome", "calls"),
    [
        (FailureError(), Drop("failed"), 1),
        (ClosedError(), DeadLetter("closed"), 1),
        (KeyError("seen"), Ack(), 1),
        (KeyError("new"), DeadLetter("exhausted"), 3),
        (ValueError(), DeadLetter("exhausted"), 2),
    ],
    ids=repr,
)
async def test_the_rule_of_the_nearest_class_decides(error: Exception, outcome: object, calls: int) -> None:
    async with serving(Rules) as h:
        h.container.it().raising = error
        await h.publish("rules", 1)
        await h.settled()
        await h.advance(100.0)
        assert (h.outcomes(Rules.taken)[-1], len(await seen(h))) == (outcome, calls)
        h.dead_letters()


async def test_a_rule_for_the_cause_decides_where_there_is_none_for_the_error() -> None:
    async with serving(Rules) as h:
        error = ValueError()
        error.__cause__ = ClosedError()
        h.container.it().raising = error
        await h.publish("rules", 1)
        await h.settled()
        assert [letter.reason for letter in h.dead_letters()] == ["closed"]


class Method(Rules, group="method"):
    @consumes("method", errors={ClosedError: Drop("of the method")}, retry=RetryPolicy(attempts=1))
    async def nearer(self, number: int) -> None:
        await self.taken(number)


async def test_rules_of_a_method_win_over_those_of_its_class_and_the_others_stay() -> None:
    async with serving(Method) as h:
        for error in (ClosedError(), FailureError()):
            h.container.it().raising = error
            await h.publish("method", 1)
            await h.settled()
        assert h.outcomes(Method.nearer) == [Drop("of the method"), Drop("failed")]


class Slow(Noting, group="slow", timeout=5.0, errors={TimeoutError: Drop("too slow")}):
    @consumes("slow")
    async def taken(self, number: int) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.seen.append("cancelled")
            raise


async def test_an_attempt_that_takes_too_long_is_cancelled_inside_and_a_timeout_error_outside() -> None:
    async with serving(Slow) as h:
        await h.publish("slow", 1)
        await until(lambda: h.application.subscriptions["Slow.taken"].in_flight)
        await h.advance(5.0)
        assert (await seen(h), h.outcomes(Slow.taken)) == (["cancelled"], [Drop("too slow")])


class Failing(Noting, group="failing"):
    @consumes("failing")
    async def taken(self, message: KafkaMessage[int]) -> None:
        self.seen.append(message.attempt)
        raise ValueError


@pytest.mark.parametrize(
    ("retry", "after"),
    [
        ({"attempts": 3, "delay": 1.0}, [1.0, 1.0]),
        ({"attempts": 4, "delay": [1.0, 4]}, [1.0, 4.0, 4.0]),
        ({"attempts": 4, "delay": {"first": 1.0, "cap": 3.0, "jitter": 0.0}}, [1.0, 2.0, 3.0]),
        ({"attempts": 9, "delay": 1.0, "deadline": 2.5}, [1.0, 1.0]),
        ({"attempts": 1}, []),
    ],
    ids=str,
)
async def test_every_form_of_a_policy_in_the_settings_waits_as_long_as_it_says(
    retry: Mapping[str, object], after: list[float]
) -> None:
    async with serving(Failing, consumers={"Failing": {"retry": retry}}) as h:
        await h.publish("failing", 1)
        assert await seen(h) == [1]
        for number, seconds in enumerate(after, start=2):
            await h.advance(seconds - 0.01)
            assert len(await seen(h)) == number - 1
            await h.advance(0.01)
            assert await seen(h) == list(range(1, number + 1))
        assert [letter.reason for letter in h.dead_letters()] == ["exhausted"]


def test_the_default_policy_is_five_attempts_with_a_growing_delay() -> None:
    assert RetryPolicy() == RetryPolicy(attempts=5, delay=Exponential(0.2, cap=10.0, factor=2.0, jitter=0.1))


# Where to begin -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("start", "expected"), [("earliest", [1, 2]), ("latest", [2])])
async def test_a_new_group_begins_where_start_says(start: str, expected: list[int]) -> None:
    class Old(Noting, group="old"):
        @consumes("old")
        async def taken(self, message: KafkaMessage[int]) -> None:
            self.seen.append(message.value)
            assert isinstance(message.timestamp, datetime)

    async with serving(Old, consumers={"Old": {"start": start, "enabled": True}}) as h:
        late = type("Late", (Old,), {}, group="late", start=start)(h.container.kafka.broker())
        await h.publish("old", 1)
        await h.settled()
        await h.application.add(late)
        await h.publish("old", 2)
        await h.settled()
        assert late.seen == expected
