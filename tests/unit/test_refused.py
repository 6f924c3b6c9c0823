"""Mistakes that types cannot catch are refused when an application is checked, all at once, before anything connects."""

import socket
from typing import Annotated, Any

import pytest
from attrs import frozen

from faststream_oo import Ack, Application, Batch, Path, RetryPolicy, contract
from faststream_oo.errors import SetupError
from faststream_oo.kafka import (
    KafkaBroker,
    KafkaConsumer,
    KafkaMessage,
    KafkaSettings,
    TopicPattern,
    consumes,
    produces,
)


@frozen
class Order:
    order_id: str


class Gateway:
    def __init__(self, sock: socket.socket) -> None: ...


def problems(*consumers: type[KafkaConsumer], **settings: Any) -> list[str]:
    broker = KafkaBroker(KafkaSettings(**settings))
    with pytest.raises(SetupError) as refused:
        Application(consumers=[consumer(broker) for consumer in consumers]).check()
    return [str(problem) for problem in refused.value.problems]


def test_a_body_without_annotation() -> None:
    class Orders(KafkaConsumer, group="g"):
        @consumes("orders")
        async def placed(self, order) -> None: ...  # type: ignore[no-untyped-def]  # that is the mistake

    assert problems(Orders) == [
        'Orders.placed: parameter "order" has no annotation. Hint: annotate the body, order: OrderPlaced'
    ]


def test_a_name_that_is_not_there_at_run_time() -> None:
    class Orders(KafkaConsumer, group="g"):
        @consumes("orders")
        async def placed(self, order: "Missing") -> None: ...  # type: ignore[name-defined]  # noqa: F821

    assert problems(Orders) == [
        'Orders.placed: "Missing" is not defined at run time. Hint: import it outside TYPE_CHECKING'
    ]


def test_what_the_codec_cannot_decode() -> None:
    class Orders(KafkaConsumer, group="g"):
        @consumes("orders")
        async def placed(self, order: socket.socket) -> None: ...

    assert problems(Orders) == [
        "Orders.placed: JsonCodec cannot decode socket.socket. Hint: register a hook on make_converter(), or set codec="
    ]


def test_a_service_as_a_parameter() -> None:
    class Orders(KafkaConsumer, group="g"):
        @consumes("orders")
        async def placed(self, order: Order, gateway: Gateway) -> None: ...

    (problem,) = problems(Orders)
    assert problem.startswith('Orders.placed: parameter "gateway: Gateway" is no message fact')
    assert problem.endswith("Hint: take services by the constructor")


def test_stars_and_a_late_body() -> None:
    class Orders(KafkaConsumer, group="g"):
        @consumes("orders")
        async def placed(self, *args: Order) -> None: ...

        @consumes("others")
        async def other(self, message: KafkaMessage, order: Order) -> None: ...

    assert problems(Orders) == [
        "Orders.placed: *args cannot be bound. Hint: name the fields, or take the whole body as one parameter",
        (
            'Orders.other: "order: Order" comes after "message: KafkaMessage". '
            "Hint: the body first, then facts about the message"
        ),
    ]


def test_a_part_that_the_pattern_does_not_name() -> None:
    class Logs(KafkaConsumer, group="g"):
        @consumes(TopicPattern(r"logs\.\w+"))
        async def line(self, line: str, level: Annotated[str, Path("level")]) -> None: ...

    (problem,) = problems(Logs)
    assert problem.startswith("Logs.line: the address has no {level}")


def test_wildcards_and_names_that_kafka_refuses() -> None:
    class Orders(KafkaConsumer, group="g"):
        @consumes("orders.*")
        async def placed(self, order: Order) -> None: ...

        @consumes("orders placed")
        async def other(self, order: Order) -> None: ...

    first, second = problems(Orders)
    assert first == r'Orders.placed: topics have no wildcards. Hint: TopicPattern(r"orders\.(?P<region>\w+)")'
    assert second.startswith('Orders.other: "orders placed" is no topic name')


def test_a_key_and_a_return_that_cannot_be_published() -> None:
    class Orders(KafkaConsumer, group="g"):
        @consumes("orders")
        @produces("out", key="orderid")
        async def placed(self, order: Order) -> Order:
            return order

        @consumes("others")
        @produces("out")
        async def nothing(self, order: Order) -> None: ...

    assert problems(Orders) == [
        'Orders.placed: Order has no field "orderid" for key=. Hint: did you mean "order_id"?',
        "Orders.nothing: returns None, so it never publishes. Hint: return the body to publish",
    ]


def test_no_group_and_a_group_in_the_class_body() -> None:
    class Orders(KafkaConsumer):
        group = "billing"

        @consumes("orders")
        async def placed(self, order: Order) -> None: ...

    assert problems(Orders) == [
        "Orders: attribute \"group\" has no effect. Hint: class Orders(KafkaConsumer, group='billing')",
        (
            'Orders.placed: at_least_once needs a group. Hint: class Orders(KafkaConsumer, group="…"), '
            "or kafka.defaults.group"
        ),
    ]


def test_a_consumer_without_its_broker() -> None:
    class Orders(KafkaConsumer, group="g"):
        def __init__(self) -> None: ...

        @consumes("orders")
        async def placed(self, order: Order) -> None: ...

    with pytest.raises(SetupError, match=r"Orders was built without its broker. Hint: call super\(\).__init__"):
        Application(consumers=[Orders()]).check()


def test_two_methods_and_two_classes_that_take_the_same() -> None:
    class Stock(KafkaConsumer, group="shop"):
        @consumes("orders")
        async def placed(self, order: Order) -> None: ...

        @consumes("orders")
        async def placed_too(self, order: Order) -> None: ...

    class Statistics(KafkaConsumer, group="shop"):
        @consumes("orders")
        async def placed(self, order: Order) -> None: ...

    found = problems(Stock, Statistics)
    assert (
        'Stock.placed, Statistics.placed: group "shop" would split "orders" between them. Hint: a group each' in found
    )
    assert any("Stock.placed and Stock.placed_too both take Order" in problem for problem in found)


def test_methods_that_disagree_on_their_subscription() -> None:
    @contract("a")
    @frozen
    class A: ...

    @contract("b")
    @frozen
    class B: ...

    class Ledger(KafkaConsumer, group="g"):
        @consumes("orders")
        async def a(self, event: A) -> None: ...

        @consumes("orders", concurrency=4)
        async def b(self, event: B) -> None: ...

    assert problems(Ledger)[0].startswith("Ledger.b: concurrency=4, but Ledger.a has 1 on the same subscription")


def test_too_little_to_feed_and_too_long_to_wait() -> None:
    class Orders(KafkaConsumer, group="g"):
        @consumes("orders", prefetch=4, concurrency=16)
        async def placed(self, order: Order) -> None: ...

        @consumes("others", retry=RetryPolicy(attempts=10, delay=60.0))
        async def other(self, order: Order) -> None: ...

    assert problems(Orders) == [
        "Orders.placed: prefetch=4 cannot feed concurrency=16. Hint: prefetch ≥ 16, or leave it out",
        "Orders.other: attempts in place may wait 540 s, max_poll_interval is 300 s. Hint: fewer attempts or shorter delays",
    ]


def test_settings_that_name_nobody_and_acks_without_idempotence() -> None:
    class Orders(KafkaConsumer, group="g"):
        @consumes("orders")
        async def placed(self, order: Order) -> None: ...

    found = problems(Orders, consumers={"Order": {"concurrency": 2}}, acks=1)
    assert 'kafka.consumers.Order: no such consumer. Hint: did you mean "Orders"?' in found
    assert "kafka.acks: 1 needs idempotence: false" in found


def test_a_batch_of_messages_and_an_outcome_of_nobody() -> None:
    class Orders(KafkaConsumer, group="g"):
        @consumes("orders")
        async def placed(self, orders: Batch[Order]) -> Ack:
            return Ack()

    (problem,) = problems(Orders)
    assert problem.startswith('Orders.placed: parameter "orders" is a Batch')


def test_one_class_served_twice_needs_a_name() -> None:
    class Tenant(KafkaConsumer, group="g"):
        @consumes("orders")
        async def placed(self, order: Order) -> None: ...

    assert any("both are called Tenant" in problem for problem in problems(Tenant, Tenant))
