"""What `describe` tells about subscriptions that are at most once, and what a harness shows of them."""

from datetime import UTC, datetime

from dependency_injector import containers, providers

from faststream_oo import Application, RetryPolicy
from faststream_oo.cli.description import as_text, description_of
from faststream_oo.nats import (
    JetStream,
    NatsConsumer,
    NatsContainer,
    NatsOutgoing,
    Pull,
    Subject,
    consumes,
    produces,
)
from faststream_oo.testing import Harness


class Orders(NatsConsumer, group="billing", retry=RetryPolicy(attempts=2, delay=1.0)):
    @consumes("orders.{region}")
    @produces("bills")
    async def placed(self, order: int) -> NatsOutgoing[str]:
        if order == 0:
            raise ValueError("no order")
        return NatsOutgoing(f"bill {order}", key="k", headers={"x-a": "b"})


class Returns(NatsConsumer, dead_letter="dlq.returns"):
    @consumes("returns")
    async def returned(self, order: int) -> None: ...


class Kept(NatsConsumer, group="keeping", via=Pull(ack_wait=20.0), start=datetime(2026, 1, 2, tzinfo=UTC)):
    @consumes(Subject("kept.*", stream=JetStream("KEPT", subjects=["kept.>"])))
    async def kept(self, order: int) -> None: ...


class Shop(containers.DeclarativeContainer):
    config = providers.Configuration()
    nats = NatsContainer(config=config.nats)
    orders = providers.Singleton(Orders, broker=nats.broker)
    returns = providers.Singleton(Returns, broker=nats.broker)
    kept = providers.Singleton(Kept, broker=nats.broker)


def test_what_becomes_of_given_up_messages_is_told() -> None:
    described = description_of(Application(Shop()))
    assert [(one.delivery, list(one.dead_letters)) for one in described.subscriptions] == [
        ("at_most_once", []),
        ("at_most_once", ["dlq.returns"]),
        ("at_least_once", ["dlq.keeping.<address>"]),
    ]
    options = described.subscriptions[2].options
    assert options["start"] == "2026-01-02T00:00:00+00:00"
    assert options["via"] == {
        "type": "pull", "ack_wait": 20.0, "max_ack_pending": 1000, "heartbeat": 5.0, "inactive_threshold": None,
    }  # fmt: skip
    lines = as_text(described).splitlines()
    told = 'delivery=at_most_once dead_letters="none, dropped with an error"'
    assert told in next(line for line in lines if line.split()[:1] == ["Orders.placed"])
    assert "dead_letters=dlq.returns" in next(line for line in lines if line.split()[:1] == ["Returns.returned"])


def test_the_stream_of_a_subject_is_told_with_it() -> None:
    described = description_of(Application(Shop(config={"nats": {"prefix": "eu."}})))
    assert [one.kind for one in described.subscriptions] == [None, None, "stream eu_KEPT"]
    assert [one.kind for one in described.producers] == [None]
    assert 'kind="stream eu_KEPT" body=int' in as_text(described)


async def test_a_harness_shows_what_was_sent_and_what_was_given_up() -> None:
    async with Harness(Shop) as h:
        await h.publish("orders.eu", 7)
        await h.publish("orders.eu", 0)
        await h.advance(1.0)
        (bill,) = h.messages(str, to="bills")
        (letter,) = h.dead_letters("Orders.placed")
        assert (bill.body, bill.key, bill.headers["x-a"], bill.address) == (b"bill 7", b"k", "b", "bills")
        assert (letter.reason, letter.error, letter.attempts) == ("exhausted", "ValueError: no order", 2)
        assert letter.origin == "nats://?subject=orders.eu"
        assert [one.lost for one in h.container.nats.broker().subscriptions] == [1, 0, 0]
