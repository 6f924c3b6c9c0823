"""The nested container of a RabbitMQ broker, what `describe` tells of it, and what a harness shows."""

import pytest
from attrs import frozen
from dependency_injector import containers, providers

from faststream_oo import Application, RetryPolicy
from faststream_oo.cli.description import as_text, description_of
from faststream_oo.codecs.json import JsonCodec
from faststream_oo.errors import PublishError, SetupError
from faststream_oo.rabbit import (
    Binding,
    Exchange,
    Queue,
    RabbitBroker,
    RabbitConsumer,
    RabbitContainer,
    RabbitMessage,
    RabbitOutgoing,
    RabbitSettings,
    consumes,
    produces,
)
from faststream_oo.rabbit.transports.memory import MemoryTransport
from faststream_oo.testing import Harness

EVENTS = Exchange("shop.events", type="topic")


@frozen
class Order:
    order_id: str
    amount: int


class Orders(RabbitConsumer, retry=RetryPolicy(attempts=2, delay=1.0)):
    @consumes(Queue("orders", bind=[Binding(EVENTS, "orders.{region}.placed")]))
    @produces(EVENTS, routing_key="bills.{order_id}")
    async def placed(self, order: Order) -> RabbitOutgoing[Order]:
        if order.amount == 0:
            raise ValueError("no amount")
        return RabbitOutgoing(order, key="k", headers={"x-a": "b"}, priority=3)


class Shop(containers.DeclarativeContainer):
    config = providers.Configuration(strict=True)
    json = providers.Singleton(JsonCodec)
    rabbit = RabbitContainer(config=config.rabbit, codec=json)
    orders = providers.Singleton(Orders, broker=rabbit.broker)


def test_the_settings_are_structured_from_the_configuration() -> None:
    shop = Shop()
    shop.config.from_dict({"rabbit": {"url": ["amqp://a/", "amqp://b/"], "heartbeat": 10}})
    assert shop.rabbit.settings() == RabbitSettings(url=["amqp://a/", "amqp://b/"], heartbeat=10.0)
    assert shop.rabbit.broker().settings is shop.rabbit.settings()


def test_without_a_section_everything_has_its_default() -> None:
    assert Shop().rabbit.settings() == RabbitSettings()


def test_the_broker_is_one_and_made_of_what_was_given() -> None:
    shop = Shop()
    broker = shop.rabbit.broker()
    assert isinstance(broker, RabbitBroker)
    assert broker is shop.orders().broker
    assert broker.codec is shop.json()


@pytest.mark.parametrize("setting", ["confirms", "servers"])
def test_settings_that_are_not_there_are_refused(setting: str) -> None:
    shop = Shop()
    shop.config.from_dict({"rabbit": {setting: True}})
    with pytest.raises(SetupError, match=rf"rabbit\.{setting}: unknown option"):
        shop.rabbit.broker()


def test_credentials_are_never_shown() -> None:
    settings = RabbitSettings(url=["amqp://app:s3cr%40t@one:5672/shop?heartbeat=5", "amqps://two/"])
    broker = RabbitBroker(settings)
    assert broker.options.servers == "one:5672/shop, two"
    assert "s3cr" not in repr(settings)


def test_what_is_consumed_and_sent_is_described() -> None:
    described = description_of(Application(Shop()))
    (subscription,), (publication,) = described.subscriptions, described.producers
    assert (subscription.address, subscription.group, list(subscription.dead_letters)) == (
        "orders",
        None,
        ["orders.dlq"],
    )
    assert (publication.address, publication.options["routing_key"]) == ("shop.events", "bills.{order_id}")
    assert (subscription.kind, publication.kind) == ("quorum queue", "topic exchange")
    assert 'orders  kind="quorum queue" body=Order' in as_text(described)
    assert "dead_letters=orders.dlq" in as_text(described)


async def test_a_harness_shows_what_was_sent_and_what_was_given_up() -> None:
    async with Harness(Shop) as h:
        await h.publish(EVENTS, RabbitOutgoing(Order("o-1", 7), routing_key="orders.eu.placed"))
        await h.publish("orders", Order("o-2", 0))
        await h.settled()
        await h.advance(1.0)
        (bill,) = h.messages(Order, to=EVENTS)
        (letter,) = h.dead_letters("Orders.placed")

    assert isinstance(bill, RabbitMessage)
    assert (bill.exchange, bill.routing_key, bill.key, bill.priority) == ("shop.events", "bills.o-1", b"k", 3)
    assert (bill.headers["x-a"], bill.value) == ("b", Order("o-1", 7))
    assert (letter.reason, letter.error, letter.attempts) == ("exhausted", "ValueError: no amount", 2)
    assert letter.origin == "rabbit:///orders?queue=orders"


async def test_what_nobody_here_takes_is_taken_outside_unless_the_server_is_alone() -> None:
    broker = RabbitBroker(RabbitSettings())
    async with Harness(Application(consumers=[Orders(broker)])) as h:
        await broker.publish(EVENTS, RabbitOutgoing(Order("o", 1), routing_key="elsewhere"))
        transport = broker.transport
        assert isinstance(transport, MemoryTransport)
        transport.server.alone = True
        with pytest.raises(PublishError, match=r'to exchange "shop\.events"'):
            await broker.publish(EVENTS, RabbitOutgoing(Order("o", 1), routing_key="elsewhere"))
        assert len(h.published(Order)) == 2
