"""What RabbitMQ would refuse, or do otherwise than it reads, is refused when an application is checked."""

from typing import Annotated, Any

import pytest
from attrs import frozen

from faststream_oo import Application, Path, RetryPolicy
from faststream_oo.errors import SetupError
from faststream_oo.kafka import KafkaOutgoing, Topic
from faststream_oo.rabbit import (
    Binding,
    Exchange,
    Queue,
    RabbitBroker,
    RabbitConsumer,
    RabbitOutgoing,
    RabbitProducer,
    RabbitSettings,
    consumes,
    produces,
)

EVENTS = Exchange("events", type="topic")


@frozen
class Order:
    order_id: str


def problems(*consumers: type[RabbitConsumer], **settings: Any) -> list[str]:
    broker = RabbitBroker(RabbitSettings(**settings))
    with pytest.raises(SetupError) as refused:
        Application(consumers=[consumer(broker) for consumer in consumers], brokers=[broker]).check()
    return [str(problem) for problem in refused.value.problems]


def test_an_exchange_is_not_consumed() -> None:
    class Orders(RabbitConsumer):
        @consumes(EVENTS)  # type: ignore[arg-type]  # that is the mistake
        async def placed(self, order: Order) -> None: ...

    (problem,) = problems(Orders)
    assert problem.startswith("Orders.placed: an exchange keeps nothing, so it cannot be consumed. Hint: ")
    assert problem.endswith('Queue("…", bind=[Binding("events", "…")])')


def test_a_queue_has_no_captured_parts() -> None:
    class Orders(RabbitConsumer):
        @consumes("orders.{region}")
        async def placed(self, order: Order) -> None: ...

    (problem,) = problems(Orders)
    assert problem.startswith("Orders.placed: queues have no captured parts, their bindings have. Hint: ")
    assert problem.endswith('Queue("orders", bind=[Binding(Exchange("events", type="topic"), "orders.{region}")])')


def test_a_path_that_no_binding_captures() -> None:
    class Orders(RabbitConsumer):
        @consumes(Queue("orders", bind=[Binding(EVENTS, "orders.{region}")]))
        async def placed(self, order: Order, level: Annotated[str, Path()]) -> None: ...

    (problem,) = problems(Orders)
    assert problem.startswith("Orders.placed: ")
    assert "{level}" in problem


def test_an_address_of_another_protocol() -> None:
    class Orders(RabbitConsumer):
        @consumes(Topic("orders"))  # type: ignore[arg-type]  # that is the mistake
        async def placed(self, order: Order) -> None: ...

    (problem,) = problems(Orders)
    assert problem.endswith("is no address of RabbitMQ. Hint: Queue or Exchange")


def test_an_outgoing_of_another_protocol() -> None:
    class Orders(RabbitConsumer):
        @consumes("orders")
        @produces("parcels")
        async def placed(self, order: Order) -> KafkaOutgoing[Order]:
            return KafkaOutgoing(order)

    assert problems(Orders) == ["Orders.placed: returns KafkaOutgoing on Rabbit. Hint: RabbitOutgoing"]


def test_two_classes_on_one_queue() -> None:
    class Stock(RabbitConsumer):
        @consumes("orders")
        async def placed(self, order: Order) -> None: ...

    class Statistics(RabbitConsumer):
        @consumes(Queue("orders", bind=[Binding(EVENTS, "orders.#")]))
        async def placed(self, order: Order) -> None: ...

    assert problems(Stock, Statistics) == [
        'Stock.placed, Statistics.placed: "orders" would be split between them. Hint: an address each'
    ]


@pytest.mark.parametrize("option", ["group", "start", "consumer_priority", "rate", "batch", "isolation"])
def test_options_that_are_not_there(option: str) -> None:
    class Orders(RabbitConsumer, **{option: "x"}):
        @consumes("orders")
        async def placed(self, order: Order) -> None: ...

    assert any(one.startswith(f'Orders.placed: unknown option "{option}"') for one in problems(Orders))


def test_an_exclusive_consumer_of_a_quorum_queue() -> None:
    class Orders(RabbitConsumer, exclusive=True):
        @consumes("orders")
        async def placed(self, order: Order) -> None: ...

    (problem,) = problems(Orders)
    what, _, hint = problem.partition(". Hint: ")
    assert what == 'Orders.placed: exclusive= is refused on "orders": quorum queues take every consumer'
    assert hint == 'Queue(…, single_active=True), or type="classic"'


def test_waits_longer_than_the_server_lets_a_delivery_be_held() -> None:
    class Orders(RabbitConsumer, retry=RetryPolicy(attempts=3, delay=1000.0), timeout=1800.0):
        @consumes("orders")
        async def placed(self, order: Order) -> None: ...

    assert [one.partition(". Hint: ")[0] for one in problems(Orders)] == [
        "Orders.placed: attempts in place may wait 2000 s, the server's consumer_timeout is 1800 s",
        "Orders.placed: timeout=1800 is not below the server's consumer_timeout of 1800 s",
    ]


def test_a_routing_key_names_fields_of_the_body_and_is_for_an_exchange() -> None:
    class Shop(RabbitConsumer):
        @consumes("in")
        @produces(EVENTS, routing_key="orders.{orderid}.placed")
        async def placed(self, order: Order) -> Order:
            return order

        @consumes("again")
        @produces("out", routing_key="x")
        async def again(self, order: Order) -> Order:
            return order

    assert problems(Shop) == [
        'Shop.placed: Order has no field "orderid" for routing_key=. Hint: did you mean "order_id"?',
        'Shop.again: routing_key= is for an exchange, and "out" is a queue. Hint: an Exchange',
    ]


def test_values_that_amqp_does_not_have() -> None:
    class Shop(RabbitConsumer):
        @consumes("in")
        @produces("out", priority=256, expiration=-1.0)
        async def placed(self, order: Order) -> Order:
            return order

    assert problems(Shop) == [
        "Shop.placed: priority=256 is not from 0 to 255",
        "Shop.placed: expiration=-1: seconds are 0 or more",
    ]


def test_a_prefix_that_grows_together_with_a_wildcard() -> None:
    class Orders(RabbitConsumer):
        @consumes(Queue("orders", bind=[Binding(EVENTS, "#.placed"), Binding("theirs", "#")]))
        async def placed(self, order: Order) -> None: ...

    assert problems(Orders, prefix="staging-") == [
        'Orders.placed: "staging-#.placed": a wildcard is a whole word. Hint: rabbit.prefix: "staging-."'
    ]


def test_a_url_of_something_else() -> None:
    class Orders(RabbitConsumer):
        @consumes("orders")
        async def placed(self, order: Order) -> None: ...

    assert problems(Orders, url=["amqp://one/", "http://two/"]) == [
        "rabbit.url: is no amqp:// or amqps:// URL. Hint: amqp://user:password@host:5672/"
    ]


def test_every_problem_of_a_queue_is_told_with_the_handler() -> None:
    class Orders(RabbitConsumer):
        @consumes(Queue("orders", exclusive=True, max_priority=3))
        async def placed(self, order: Order) -> None: ...

    assert problems(Orders) == [
        'Orders.placed: "orders" is exclusive, which a quorum queue cannot be. Hint: type="classic"',
        'Orders.placed: "orders" is max_priority, which a quorum queue cannot be. Hint: type="classic"',
    ]


def test_settings_rename_a_queue_and_keep_its_bindings() -> None:
    class Orders(RabbitConsumer):
        @consumes(Queue("orders", type="classic", bind=[Binding(EVENTS, "orders.#")]))
        async def placed(self, order: Order) -> None: ...

    broker = RabbitBroker(RabbitSettings(consumers={"Orders.placed": {"address": "renamed"}}))
    (planned,) = Application(consumers=[Orders(broker)]).plan.subscriptions
    assert planned.address == Queue("renamed", type="classic", bind=[Binding(EVENTS, "orders.#")])


def test_a_producer_of_rabbit_returns_its_own_outgoing() -> None:
    class Shop(RabbitProducer):
        @produces(EVENTS)
        async def placed(self, order: Order) -> RabbitOutgoing[Order]:
            return RabbitOutgoing(order, routing_key="x")

    assert Shop(RabbitBroker(RabbitSettings())).broker.settings.servers == "localhost:5672"


def test_workers_share_a_queue_without_a_group() -> None:
    class Orders(RabbitConsumer, group="billing"):  # type: ignore[call-arg]  # that is the mistake
        @consumes("orders")
        async def placed(self, order: Order) -> None: ...

    (problem,) = problems(Orders)
    assert problem.startswith('Orders.placed: unknown option "group". Hint: workers share a queue by its name')
