"""What a stream would refuse, or would do differently than it reads, is refused when an application is checked."""

from typing import Any

import pytest

from faststream_oo import Application
from faststream_oo.errors import SetupError
from faststream_oo.nats import (
    JetStream,
    NatsBroker,
    NatsConsumer,
    NatsSettings,
    Pull,
    Push,
    Subject,
    Subjects,
    consumes,
    produces,
)

ORDERS = JetStream("ORDERS", subjects=["orders.>"])


def problems(address: Subject | Subjects, **options: Any) -> list[str]:
    class Orders(NatsConsumer):
        @consumes(address, **{"group": "billing", **options})
        async def placed(self, order: int) -> None: ...

    return refused(Orders)


def refused(*consumers: type[NatsConsumer]) -> list[str]:
    broker = NatsBroker(NatsSettings())
    try:
        Application(consumers=[consumer(broker) for consumer in consumers], brokers=[broker]).check()
    except SetupError as error:
        return [str(problem).removeprefix("Orders.placed: ") for problem in error.problems]
    return []


def test_what_a_stream_takes_is_not_refused() -> None:
    assert problems(Subject("orders.{region}.placed", stream=ORDERS)) == []
    assert problems(Subjects("orders.placed", "orders.paid", stream="ORDERS"), start=7, via=Push()) == []
    assert (
        problems(Subject("orders.placed", stream=ORDERS), delivery="manual", dead_letter=Subject("x", stream="X")) == []
    )


def test_a_stream_without_a_group() -> None:
    class Orders(NatsConsumer):
        @consumes(Subject("orders.placed", stream=ORDERS))
        async def placed(self, order: int) -> None: ...

    (problem,) = refused(Orders)
    assert problem == 'stream "ORDERS" needs a group. Hint: group="…", or via=Push(ordered=True) to read it alone'


def test_two_methods_on_one_durable() -> None:
    class Orders(NatsConsumer, group="billing"):
        @consumes(Subject("orders.placed", stream=ORDERS))
        async def placed(self, order: int) -> None: ...

        @consumes(Subject("orders.paid", stream=ORDERS))
        async def paid(self, order: int) -> None: ...

    (problem,) = refused(Orders)
    assert problem.startswith("Orders.placed, Orders.paid: ")
    assert 'group "billing" would split "orders.paid of stream ORDERS"' in problem


def test_one_group_on_two_streams_and_on_core_nats() -> None:
    class Orders(NatsConsumer, group="billing"):
        @consumes(Subject("orders.placed", stream=ORDERS))
        async def placed(self, order: int) -> None: ...

        @consumes(Subject("returns.placed", stream="RETURNS"))
        async def returned(self, order: int) -> None: ...

        @consumes("orders.placed")
        async def seen(self, order: int) -> None: ...

    assert refused(Orders) == []


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"via": Push(ordered=True)}, "Push(ordered=True) has no group"),
        ({"group": "a.b"}, 'group="a.b" is no name of a durable'),
        ({"via": "pull"}, "via='pull' is no way to read a stream"),
        ({"start": "first"}, "start='first' is no place in a stream"),
        ({"start": 0}, "start=0: sequences begin at 1"),
        ({"via": Pull(max_ack_pending=3), "concurrency": 4}, "max_ack_pending=3 cannot feed concurrency=4"),
        ({"dead_letter": "lost"}, 'dead_letter="lost" keeps nothing'),
        ({"dead_letter": Subject("orders.placed", stream="ORDERS")}, "it would consume its own"),
    ],
)
def test_an_option_that_cannot_be(options: dict[str, Any], what: str) -> None:
    (problem,) = problems(Subject("orders.placed", stream=ORDERS), **options)
    assert what in problem


def test_nothing_to_settle_on_an_ordered_consumer() -> None:
    class Orders(NatsConsumer, via=Push(ordered=True), delivery="manual"):
        @consumes(Subject("orders.placed", stream=ORDERS))
        async def placed(self, order: int) -> None: ...

    (problem,) = refused(Orders)
    assert "acknowledges nothing" in problem


@pytest.mark.parametrize(
    ("stream", "what"),
    [
        (JetStream("OR.DERS", subjects=["orders.>"]), '"OR.DERS" is no name of a stream'),
        (JetStream("ORDERS", subjects=["orders.*", "orders.placed"]), "overlap"),
        (JetStream("ORDERS", subjects=["orders.{id}"]), "which is for a Subject"),
        (JetStream("ORDERS", subjects=["orders..x", "orders.placed"]), "none of them empty"),
        (JetStream("ORDERS", subjects=["returns.>"]), 'stream "ORDERS" does not store "orders.placed"'),
        (JetStream("ORDERS", subjects=[">"]), "takes its own dead letters"),
    ],
)
def test_a_stream_that_cannot_be(stream: JetStream, what: str) -> None:
    assert any(what in problem for problem in problems(Subject("orders.placed", stream=stream)))


def test_publishing_to_what_the_stream_does_not_store() -> None:
    class Orders(NatsConsumer):
        @consumes("orders")
        @produces(Subject("returns.{order_id}", stream=ORDERS))
        async def placed(self, order: int) -> dict[str, str]:
            return {"order_id": str(order)}

    (problem,) = refused(Orders)
    assert problem.startswith('stream "ORDERS" does not store "returns.{order_id}"')
