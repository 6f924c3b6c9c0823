"""What core NATS cannot do, or would do differently than it reads, is refused when an application is checked."""

from typing import Annotated, Any

import pytest

from faststream_oo import Application, Path
from faststream_oo.errors import SetupError
from faststream_oo.kafka import Topic
from faststream_oo.nats import (
    NatsBroker,
    NatsConsumer,
    NatsProducer,
    NatsSettings,
    Pull,
    Subject,
    Subjects,
    consumes,
    produces,
)


def problems(*consumers: type[NatsConsumer], **settings: Any) -> list[str]:
    broker = NatsBroker(NatsSettings(**settings))
    with pytest.raises(SetupError) as refused:
        Application(consumers=[consumer(broker) for consumer in consumers], brokers=[broker]).check()
    return [str(problem) for problem in refused.value.problems]


@pytest.mark.parametrize("delivery", ["at_least_once", "manual"])
def test_a_promise_that_core_nats_does_not_make(delivery: Any) -> None:
    class Orders(NatsConsumer):
        @consumes("orders", delivery=delivery)
        async def placed(self, order: int) -> None: ...

    assert problems(Orders) == ['Orders.placed: core NATS is at most once. Hint: Subject("orders", stream="ORDERS")']


def test_that_promise_in_the_settings() -> None:
    class Orders(NatsConsumer):
        @consumes("orders")
        async def placed(self, order: int) -> None: ...

    assert problems(Orders, defaults={"delivery": "at_least_once"}) == [
        'Orders.placed: core NATS is at most once. Hint: Subject("orders", stream="ORDERS")'
    ]


def test_what_it_does_may_be_written() -> None:
    class Orders(NatsConsumer):
        @consumes("orders", delivery="at_most_once")
        async def placed(self, order: int) -> None: ...

    Application(consumers=[Orders(NatsBroker(NatsSettings()))]).check()


@pytest.mark.parametrize("option", ["isolation", "topology"])
def test_options_of_others(option: str) -> None:
    class Orders(NatsConsumer):
        @consumes("orders", **{option: "earliest"})  # type: ignore[arg-type]  # that is the mistake
        async def placed(self, order: int) -> None: ...

    assert any(f'unknown option "{option}"' in problem for problem in problems(Orders))


@pytest.mark.parametrize(("option", "value"), [("start", "earliest"), ("via", Pull())])
def test_options_of_streams(option: str, value: Any) -> None:
    class Orders(NatsConsumer):
        @consumes("orders", **{option: value})
        async def placed(self, order: int) -> None: ...

    assert problems(Orders) == [
        f'Orders.placed: {option}= is of streams, core NATS keeps nothing. Hint: Subject("orders", stream="ORDERS")'
    ]


@pytest.mark.parametrize(
    ("subject", "what"),
    [
        ("orders.*x", "wildcard that is no whole token"),
        ("orders.>.x", "> that is not its last token"),
        ("orders..x", "none of them empty"),
        ("orders x", "tokens without spaces"),
        ("orders.{a}.{a}", "names a part twice"),
        ("orders.x{a}", "no whole token"),
    ],
)
def test_a_subject_that_cannot_be_subscribed_to(subject: str, what: str) -> None:
    class Orders(NatsConsumer):
        @consumes(subject)
        async def placed(self, order: int) -> None: ...

    (problem,) = problems(Orders)
    assert problem.startswith("Orders.placed: ")
    assert what in problem


def test_subjects_that_overlap() -> None:
    class Orders(NatsConsumer):
        @consumes(Subjects("orders.*", "orders.eu"))
        async def placed(self, order: int) -> None: ...

    assert problems(Orders) == ['Orders.placed: "orders.*" and "orders.eu" overlap: a message of both would come twice']


def test_a_path_that_the_subject_does_not_have() -> None:
    class Orders(NatsConsumer):
        @consumes("orders.*")
        async def placed(self, order: int, region: Annotated[str, Path()]) -> None: ...

    assert problems(Orders) == ['Orders.placed: address "orders.*" has no {region}. Hint: consume "orders.{region}"']


def test_a_path_that_not_every_subject_has() -> None:
    class Orders(NatsConsumer):
        @consumes(Subjects("orders.{region}", "returns.{shop}"))
        async def placed(self, order: int, region: Annotated[str, Path()]) -> None: ...

    (problem,) = problems(Orders)
    assert "{region}" in problem


def test_a_consumer_of_its_own_dead_letters() -> None:
    class Orders(NatsConsumer, dead_letter="orders.dead"):
        @consumes("orders.>")
        async def placed(self, order: int) -> None: ...

    assert problems(Orders) == [
        'Orders.placed: dead_letter="orders.dead" falls under "orders.>": it would consume its own'
    ]


def test_a_dead_letter_address_with_a_wildcard() -> None:
    class Orders(NatsConsumer, dead_letter="dlq.*"):
        @consumes("orders")
        async def placed(self, order: int) -> None: ...

    (problem,) = problems(Orders)
    assert problem == 'Orders.placed: dead_letter: "dlq.*" is a wildcard, nothing can be published to it'


def test_a_queue_group_with_a_space() -> None:
    class Orders(NatsConsumer, group="a b"):
        @consumes("orders")
        async def placed(self, order: int) -> None: ...

    (problem,) = problems(Orders)
    assert "no name of a queue group" in problem


def test_an_address_of_another_protocol() -> None:
    class Orders(NatsConsumer):
        @consumes(Topic("orders"))  # type: ignore[arg-type]  # that is the mistake
        async def placed(self, order: int) -> None: ...

    (problem,) = problems(Orders)
    assert "is no address of NATS. Hint: Subject, Subjects, KeyValue or ObjectStore" in problem


def test_a_wildcard_to_publish_to() -> None:
    class Orders(NatsConsumer):
        @consumes("orders")
        @produces(Subject("placed.*"))
        async def placed(self, order: int) -> int:
            return order

    assert problems(Orders) == ['Orders.placed: "placed.*" is a wildcard, nothing can be published to it']


@pytest.mark.parametrize(
    ("server", "what"),
    [
        ("ws://a:80", "ws:// is not served, nats:// and tls:// are"),
        ("nats://a:port", "nats://a:port is no address of a server"),
        ("nats://u:p@", "nats:// is no address of a server"),
        ("nats://a:1/path", "nats://a:1/path is no address of a server"),
    ],
)
def test_a_server_that_cannot_be_connected_to(server: str, what: str) -> None:
    assert problems(servers=[server]) == [f"nats.servers[0]: {what}. Hint: nats://localhost:4222"]


def test_a_prefix_that_is_no_part_of_a_subject() -> None:
    (problem,) = problems(prefix="my env.")
    assert problem.startswith("nats.prefix: ")


def test_a_producer_of_the_right_kind_is_taken() -> None:
    class Orders(NatsProducer):
        @produces("orders.{region}.placed", key="region")
        async def placed(self, region: str) -> dict[str, str]:
            return {"region": region}

    Orders(NatsBroker(NatsSettings()))


def test_two_consumers_of_one_group_on_overlapping_subjects() -> None:
    class Wide(NatsConsumer, group="shop"):
        @consumes("orders.*")
        async def every(self, order: int) -> None: ...

    class Narrow(NatsConsumer, group="shop"):
        @consumes("orders.{region}.placed")
        async def placed(self, order: int) -> None: ...

        @consumes("orders.eu")
        async def european(self, order: int) -> None: ...

    assert problems(Wide, Narrow) == [
        'Wide.every, Narrow.european: group "shop" would split "orders.eu" between them. Hint: a group each'
    ]


def test_two_methods_of_one_group_on_overlapping_subjects() -> None:
    class Orders(NatsConsumer, group="shop"):
        @consumes("orders.>")
        async def every(self, order: int) -> None: ...

        @consumes("orders.eu")
        async def european(self, order: int) -> None: ...

    assert problems(Orders) == [
        'Orders.every, Orders.european: group "shop" would split "orders.eu" between them. Hint: a group each'
    ]


def test_without_a_group_subjects_may_overlap() -> None:
    class Orders(NatsConsumer):
        @consumes("orders.>")
        async def every(self, order: int) -> None: ...

        @consumes("orders.eu")
        async def european(self, order: int) -> None: ...

    Application(consumers=[Orders(NatsBroker(NatsSettings()))]).check()


def test_an_inbox_prefix_that_is_no_subject() -> None:
    (problem,) = problems(inbox_prefix="a..b")
    assert problem.startswith("nats.inbox_prefix: ")
