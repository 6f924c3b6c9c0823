"""A harness starts an application of its own, and leaves nothing behind."""

from collections.abc import Callable
from typing import Any

import pytest
from dependency_injector import containers, providers

from faststream_oo import Ack, Application, DeadLetter, Drop, Retry
from faststream_oo.current import EMBEDDING
from faststream_oo.errors import LifecycleError, SetupError
from faststream_oo.kafka import KafkaBroker, KafkaContainer, KafkaOutgoing, KafkaSettings, Topic
from faststream_oo.testing import Harness
from tests.unit.testing.billing import (
    Audit,
    Billing,
    Gate,
    OrderPlaced,
    Orders,
    PaymentRequested,
    Payments,
    Refusal,
    RushOrderPlaced,
)


def failing(times: int) -> Refusal:
    refusal = Refusal()
    refusal.times = times
    return refusal


def closed() -> Gate:
    gate = Gate()
    gate.open.clear()
    return gate


# Life


async def test_two_harnesses_of_one_container_share_nothing() -> None:
    async with Harness(Billing) as one, Harness(Billing) as other:
        await one.publish("orders.placed", OrderPlaced("o-1", 1))
        await one.settled()
        await other.settled()
        assert len(one.published(PaymentRequested)) == 1
        assert other.published(PaymentRequested) == []
        assert one.container is not other.container


async def test_the_embedding_is_gone_after_the_harness() -> None:
    async with Harness(Billing):
        assert EMBEDDING.get() is not None
    assert EMBEDDING.get() is None


async def test_the_embedding_is_gone_when_the_start_fails() -> None:
    with pytest.raises(Exception, match="strange"):
        async with Harness(Billing, config={"kafka": {"strange": 1}}):
            pass
    assert EMBEDDING.get() is None


async def test_a_misspelled_section_of_its_settings_is_refused() -> None:
    with pytest.raises(SetupError, match=r'kafak: unknown section\. Hint: did you mean "kafka"\?'):
        async with Harness(Billing, config={"kafak": {}}):
            pass


async def test_its_application_is_the_one_that_the_container_names() -> None:
    async with Harness(Billing) as h:
        assert h.application.title == "Billing"
        assert h.application.health().ready
    assert not h.application.health().ready


async def test_config_reaches_the_containers() -> None:
    async with Harness(Billing, config={"kafka": {"prefix": "eu."}}) as h:
        assert h.container.kafka.broker().options.prefix == "eu."
        await h.publish("orders.placed", OrderPlaced("o-1", 1))
        await h.settled()
        assert h.published(PaymentRequested, to="payments.requested") == [PaymentRequested("o-1", 1)]


async def test_an_application_made_by_hand_is_served() -> None:
    broker = KafkaBroker(KafkaSettings())
    async with Harness(Application(consumers=[Audit(broker)])) as h:
        await h.publish("payments.requested", PaymentRequested("o-1", 1))
        await h.settled()
        assert h.outcomes("Audit.seen") == [Ack()]
        with pytest.raises(LifecycleError, match="no container"):
            _ = h.container


async def test_it_is_entered_once() -> None:
    harness = Harness(Billing)
    with pytest.raises(LifecycleError):
        _ = harness.application
    async with harness:
        pass
    with pytest.raises(LifecycleError, match="once"):
        await harness.__aenter__()


# Overriding


async def test_a_value_replaces_a_provider_of_a_nested_container() -> None:
    refusal = failing(1)
    async with Harness(Billing).override(Billing.tools.container.refusal, refusal) as h:
        await h.publish("orders.placed", OrderPlaced("o-1", 1))
        await h.advance(5.0)
        assert h.outcomes(Orders.placed)[-1] == Ack()
        assert refusal.times == 0


async def test_a_replacing_provider_means_the_providers_of_this_harness() -> None:
    class Silent(Payments):
        async def requested(self, order: OrderPlaced) -> PaymentRequested:
            return PaymentRequested(order.order_id, order.amount)

    silent = providers.Singleton(Silent, broker=Billing.kafka.broker)
    async with Harness(Billing).override(Billing.payments, silent) as h:
        assert isinstance(h.container.payments(), Silent)
        assert h.container.payments().broker is h.container.kafka.broker()


async def test_an_override_leaves_the_class_as_it_is() -> None:
    async with Harness(Billing).override(Billing.tools.container.refusal, Refusal()):
        pass
    untouched: list[Any] = [Billing.tools.container.refusal, Billing.payments]
    assert [provider.last_overriding for provider in untouched] == [None, None]


async def test_a_foreign_provider_is_refused() -> None:
    with pytest.raises(LifecycleError, match="not a provider of Billing"):
        Harness(Billing).override(providers.Object(1), 2)


async def test_an_override_after_entering_is_refused() -> None:
    async with Harness(Billing) as h:
        with pytest.raises(LifecycleError, match="before"):
            h.override(Billing.tools.container.refusal, Refusal())


async def test_an_application_made_by_hand_has_no_overrides() -> None:
    application = Application(consumers=[Audit(KafkaBroker(KafkaSettings()))])
    with pytest.raises(LifecycleError, match="no providers"):
        Harness(application).override(Billing.payments, providers.Object(None))


# Publishing


async def test_what_the_test_sends_is_not_among_what_the_application_sent() -> None:
    async with Harness(Billing) as h:
        await h.publish("orders.placed", OrderPlaced("o-1", 1))
        await h.settled()
        assert h.published(OrderPlaced) == []


async def test_key_and_headers_go_out_with_what_the_test_sends() -> None:
    async with Harness(Billing) as h:
        await h.publish(Topic("orders.placed"), KafkaOutgoing(OrderPlaced("o-1", 1), key="k", headers={"x-a": "b"}))
        await h.publish("orders.placed", KafkaOutgoing({"order_id": 5}, key="k", headers={"x-a": "b"}))
        await h.settled()
        (letter,) = h.dead_letters()
        assert (letter.key, letter.headers["x-a"]) == (b"k", "b")


async def test_the_middlewares_of_the_broker_do_not_see_what_the_test_sends() -> None:
    class Stamp:
        async def publish(self, outgoing: Any, call_next: Any) -> None:
            await call_next(outgoing.with_headers({"x-stamp": "1"}))

    class Stamped(containers.DeclarativeContainer):
        config = providers.Configuration(strict=True)
        kafka = KafkaContainer(config=config.kafka, middlewares=[providers.Singleton(Stamp)])
        audit = providers.Singleton(Audit, broker=kafka.broker)

    async with Harness(Stamped) as h:
        await h.publish("payments.requested", {"amount": "much"})
        await h.settled()
        (letter,) = h.dead_letters()
        assert "x-stamp" not in letter.headers


async def test_an_address_that_nobody_declared_is_made() -> None:
    async with Harness(Billing) as h:
        await h.publish("nobody.listens", {"a": 1})
        await h.settled()


async def test_text_that_may_mean_two_brokers_is_refused() -> None:
    class Two(containers.DeclarativeContainer):
        config = providers.Configuration(strict=True)
        east = KafkaContainer(config=config.east)
        west = KafkaContainer(config=config.west)
        one = providers.Singleton(Audit, broker=east.broker, name="East")
        other = providers.Singleton(Audit, broker=west.broker, name="West")

    async with Harness(Two) as h:
        with pytest.raises(LifecycleError, match="no single broker"):
            await h.publish("payments.requested", PaymentRequested("o-1", 1))


# Settling and time


async def test_settled_says_what_is_in_flight() -> None:
    gate = closed()
    async with Harness(Billing).override(Billing.tools.container.gate, gate) as h:
        await h.publish("orders.placed", OrderPlaced("o-1", 1))
        with pytest.raises(TimeoutError, match=r"Orders\.placed has 1 in flight"):
            await h.settled(0.05)
        gate.open.set()
        await h.settled()
        assert h.outcomes(Orders.placed) == [Ack()]


async def test_settled_waits_for_the_subscriptions_that_come_after() -> None:
    async with Harness(Billing) as h:
        for number in range(50):
            await h.publish("orders.placed", OrderPlaced(f"o-{number}", number))
        await h.settled()
        assert len(h.outcomes(Audit.seen)) == 50


async def test_settled_does_not_wait_for_a_retry() -> None:
    async with Harness(Billing).override(Billing.tools.container.refusal, failing(1)) as h:
        await h.publish("orders.placed", OrderPlaced("o-1", 1))
        await h.settled()
        (outcome,) = h.outcomes(Orders.placed)
        assert isinstance(outcome, Retry)


async def test_a_retry_runs_when_the_clock_was_moved() -> None:
    async with Harness(Billing).override(Billing.tools.container.refusal, failing(1)) as h:
        await h.publish("orders.placed", OrderPlaced("o-1", 1))
        await h.advance(10.0)
        assert [type(outcome) for outcome in h.outcomes(Orders.placed)] == [Retry, Ack]
        assert h.published(PaymentRequested) == [PaymentRequested("o-1", 1)]


async def test_time_moves_by_what_was_asked_for() -> None:
    async with Harness(Billing) as h:
        clock = h.container.kafka.broker().clock
        before = clock.time()
        await h.advance(2.5)
        await h.advance(0.5)
        assert clock.time() - before == pytest.approx(3.0)


async def test_real_time_cannot_be_moved() -> None:
    with pytest.raises(LifecycleError, match="real"):
        await Harness(Billing, real=True).advance(1.0)


# Seeing


async def test_a_subclass_is_published_as_its_base_too() -> None:
    async with Harness(Billing) as h:
        await h.container.kafka.broker().publish("orders.rushed", RushOrderPlaced("o-1", 1))
        await h.settled()
        assert h.published(OrderPlaced) == [RushOrderPlaced("o-1", 1)]


async def test_what_was_published_is_told_apart_by_address() -> None:
    async with Harness(Billing) as h:
        await h.container.kafka.broker().publish("elsewhere", PaymentRequested("o-2", 2))
        await h.publish("orders.placed", OrderPlaced("o-1", 1))
        await h.settled()
        assert h.published(PaymentRequested, to="elsewhere") == [PaymentRequested("o-2", 2)]
        assert h.published(PaymentRequested, to=Topic("payments.requested")) == [PaymentRequested("o-1", 1)]


async def test_what_a_failed_attempt_published_was_not_sent() -> None:
    class Late(Payments):
        async def requested(self, order: OrderPlaced) -> PaymentRequested:
            await super().requested(order)
            await self.broker.publish("payments.requested", PaymentRequested(order.order_id, 0))
            raise ConnectionError("too late")

    late = providers.Singleton(Late, broker=Billing.kafka.broker)
    async with Harness(Billing).override(Billing.payments, late) as h:
        await h.publish("orders.placed", OrderPlaced("o-1", 1))
        await h.advance(60.0)
        assert h.published(PaymentRequested) == []
        assert h.dead_letters()


async def test_a_published_message_shows_key_headers_and_address() -> None:
    async with Harness(Billing) as h:
        await h.publish("orders.placed", KafkaOutgoing(OrderPlaced("o-1", 1), correlation_id="c-1"))
        await h.settled()
        (message,) = h.messages(PaymentRequested)
        assert message.key == b"o-1"
        assert message.address == "payments.requested"
        assert message.value == PaymentRequested("o-1", 1)
        assert message.correlation_id == "c-1"


async def test_a_failed_comparison_lists_what_else_was_sent() -> None:
    async with Harness(Billing) as h:
        await h.publish("orders.placed", OrderPlaced("o-1", 1))
        await h.settled()
        shown = repr(h.published(OrderPlaced))
        assert "PaymentRequested" in shown
        assert "payments.requested" in shown


async def test_a_failed_comparison_says_where_the_test_published_when_nothing_came_of_it() -> None:
    async with Harness(Billing) as h:
        await h.publish("orders.plcaed", OrderPlaced("o-1", 1))
        await h.settled()
        assert repr(h.published(PaymentRequested)) == "[] (nothing else was sent; the test published to orders.plcaed)"


async def test_every_attempt_has_an_outcome() -> None:
    async with Harness(Billing).override(Billing.tools.container.refusal, failing(99)) as h:
        await h.publish("orders.placed", OrderPlaced("o-1", 1))
        await h.advance(60.0)
        outcomes = h.outcomes("Orders.placed")
        assert outcomes == h.outcomes(Orders.placed)
        assert [type(outcome) for outcome in outcomes] == [Retry, Retry, Retry, Retry, DeadLetter]
        assert h.dead_letters()


async def test_an_outcome_that_a_handler_returns_is_told() -> None:
    async with Harness(Billing) as h:
        await h.publish("payments.requested", PaymentRequested("o-1", 0))
        await h.settled()
        assert h.outcomes(Audit.seen) == [Drop("nothing to pay")]


async def test_a_handler_that_is_not_there_is_an_error_with_those_that_are() -> None:
    async with Harness(Billing) as h:
        with pytest.raises(LookupError, match=r"Orders\.placed"):
            h.outcomes("Orders.plaecd")


# Dead letters


async def test_a_dead_letter_is_the_original_with_why() -> None:
    async with Harness(Billing) as h:
        await h.publish("orders.placed", KafkaOutgoing({"order_id": 5}, key="k"))
        await h.settled()
        (letter,) = h.dead_letters(Orders.placed)
        assert letter.body == b'{"order_id":5}'
        assert (letter.key, letter.reason, letter.consumer) == (b"k", "undecodable", "Orders.placed")
        assert h.dead_letters(Audit.seen) == []


async def run_with_a_dead_letter(then: Callable[[Harness[Billing]], object]) -> None:
    async with Harness(Billing) as h:
        await h.publish("orders.placed", {"order_id": 5})
        await h.settled()
        then(h)


async def test_a_dead_letter_that_nobody_looked_at_fails_the_test() -> None:
    with pytest.raises(AssertionError, match=r"Orders\.placed: undecodable"):
        await run_with_a_dead_letter(lambda h: None)


async def test_looking_at_the_letters_of_another_handler_does_not_count() -> None:
    with pytest.raises(AssertionError, match="did not look at"):
        await run_with_a_dead_letter(lambda h: h.dead_letters(Audit.seen))


async def test_the_error_of_the_test_is_not_hidden_by_dead_letters() -> None:
    with pytest.raises(ZeroDivisionError):
        await run_with_a_dead_letter(lambda h: 1 / 0)
