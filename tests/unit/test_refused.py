"""Mistakes that types cannot catch are refused when an application is checked, all at once, before anything connects."""

import socket
import sys
from typing import Annotated, Any, TypeVar

import pytest
from attrs import frozen
from dependency_injector import containers, providers

from faststream_oo import Ack, Application, Batch, Path, RetryPolicy, contract
from faststream_oo.errors import SetupError
from faststream_oo.kafka import (
    KafkaBroker,
    KafkaConsumer,
    KafkaContainer,
    KafkaMessage,
    KafkaProducer,
    KafkaSettings,
    TopicPattern,
    consumes,
    produces,
    requests,
)
from faststream_oo.message import Outgoing

T = TypeVar("T")


@frozen
class Order:
    order_id: str


@frozen
class Refund:
    order_id: str


@contract("orders.placed", version=2)
@frozen
class Placed:
    order_id: str


@contract("orders.placed", version=2)
@frozen
class PlacedElsewhere:
    order_id: str


class Gateway:
    def __init__(self, sock: socket.socket) -> None: ...


class ForeignOutgoing(Outgoing[T]):
    """As another protocol would have it."""


class Served(KafkaConsumer, group="g"):
    @consumes("orders")
    async def placed(self, order: Order) -> None: ...


def problems(*consumers: type[KafkaConsumer], **settings: Any) -> list[str]:
    broker = KafkaBroker(KafkaSettings(**settings))
    with pytest.raises(SetupError) as refused:
        Application(consumers=[consumer(broker) for consumer in consumers]).check()
    return [str(problem) for problem in refused.value.problems]


def problems_of_both(consumer: type[KafkaConsumer], producer: type[KafkaProducer]) -> list[str]:
    class Both(containers.DeclarativeContainer):
        config = providers.Configuration(strict=True)
        kafka = KafkaContainer(config=config.kafka)
        producing = providers.Singleton(producer, broker=kafka.broker)
        consuming = providers.Factory(consumer, broker=kafka.broker)

    with pytest.raises(SetupError) as refused:
        Application(Both()).check()
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


def test_a_server_that_is_no_host_and_port_without_showing_it() -> None:
    settings = KafkaSettings(servers=["[::1]:9092", "kafka", "user:secret@kafka:9092", "kafka://kafka:9092", ""])
    with pytest.raises(SetupError) as refused:
        Application(consumers=[Served(KafkaBroker(settings))]).check()
    assert [one.path for one in refused.value.problems] == [f"kafka.servers[{place}]" for place in (2, 3, 4)]
    assert "secret" not in str(refused.value)


def test_methods_that_are_not_asynchronous() -> None:
    class Orders(KafkaConsumer, group="g"):
        @consumes("orders")  # type: ignore[arg-type]  # that is the mistake
        def placed(self, order: Order) -> None: ...

    class Payments(KafkaProducer):
        @produces("payments")  # type: ignore[arg-type]  # that is the mistake
        def requested(self, order: Order) -> Order:
            return order

    assert problems_of_both(Orders, Payments) == [
        f"{path}: is no coroutine function. Hint: async def; await asyncio.to_thread(…) for what blocks"
        for path in ("Orders.placed", "Payments.requested")
    ]


def test_options_of_another_kind() -> None:
    class Orders(KafkaConsumer, group="g", retry=3, errors={ValueError: Ack}):  # type: ignore[arg-type, dict-item]  # the mistake
        @consumes("orders")
        async def placed(self, order: Order) -> None: ...

    class Refunds(KafkaConsumer, group="g"):
        @consumes("refunds", timeout="5", errors=[ValueError], concurrency="many")  # type: ignore[arg-type]  # the mistake
        async def placed(self, order: Order) -> None: ...

    assert problems(Orders, Refunds) == [
        "Orders: retry=3 is no RetryPolicy",
        "Orders: errors: ValueError leads to the class Ack. Hint: Ack(…)",
        "Refunds.placed: concurrency='many' is no int",
        "Refunds.placed: timeout='5' is no float",
        "Refunds.placed: errors=[<class 'ValueError'>] is no Mapping",
    ]


def test_seconds_that_are_no_number() -> None:
    class Orders(KafkaConsumer, group="g", commit_interval="1"):  # type: ignore[arg-type]  # the mistake
        @consumes("orders")
        async def placed(self, order: Order) -> None: ...

    class Payments(KafkaProducer):
        @produces("payments", confirm_timeout="5")  # type: ignore[arg-type]  # the mistake
        async def requested(self, order: Order) -> Order:
            return order

        @requests("quotes", reply=Order, timeout="2")  # type: ignore[arg-type]  # the mistake
        async def quote(self, order: Order) -> Order:
            return order

    assert problems_of_both(Orders, Payments) == [
        "Orders.placed: commit_interval='1' is no float",
        "Payments.requested: confirm_timeout='5' is no float",
        "Payments.quote: timeout='2' is no float",
    ]


def test_a_key_of_a_body_without_fields() -> None:
    class Orders(KafkaConsumer, group="g"):
        @consumes("orders")
        @produces("numbers", key="order_id")
        async def placed(self, order: Order) -> int | None: ...

    assert problems(Orders) == ['Orders.placed: int has no field "order_id" for key=']


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

    assert problems(Logs) == [
        r'Logs.line: address "logs\.\w+" has no {level}. Hint: name it in the pattern, (?P<level>…)'
    ]


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


def test_what_is_wrong_with_a_provider_hides_no_mistake_in_a_handler() -> None:
    class Bare(KafkaConsumer, group="h"):
        @consumes("bare")
        async def placed(self, order) -> None: ...  # type: ignore[no-untyped-def]  # that is the mistake

    class Billing(containers.DeclarativeContainer):
        config = providers.Configuration(strict=True)
        kafka = KafkaContainer(config=config.kafka)
        bare = providers.Factory(Bare, broker=kafka.broker)
        orders = providers.Factory(Served)

    billing = Billing()
    billing.config.from_dict({"kafka": {"consumers": {"Served": {"concurrency": 2}}}})
    with pytest.raises(SetupError) as refused:
        Application(billing).check()
    assert [one.path for one in refused.value.problems] == ["Billing.orders", "Bare.placed"]


def test_no_group_and_a_group_in_the_class_body() -> None:
    class Orders(KafkaConsumer):
        group = "billing"

        @consumes("orders")
        async def placed(self, order: Order) -> None: ...

    assert problems(Orders) == [
        'Orders: attribute "group" has no effect. Hint: class Orders(KafkaConsumer, group="billing")',
        (
            'Orders.placed: at_least_once needs a group. Hint: class Orders(KafkaConsumer, group="…"), '
            "or kafka.defaults.group"
        ),
    ]


@pytest.mark.parametrize("driver", ["aiokafka", "confluent", "memory"])
def test_an_instance_id_that_several_processes_would_share(driver: str) -> None:
    class Orders(KafkaConsumer, group="g", group_instance_id="w-{worker}"):
        @consumes("orders")
        async def placed(self, order: Order) -> None: ...

        @consumes("others", group_instance_id="w/1")
        async def other(self, order: Order) -> None: ...

        @consumes("more", group_instance_id="w-1")
        async def more(self, order: Order) -> None: ...

    hint = 'Hint: one of its own for each process, in the settings: {group_instance_id: "${HOSTNAME}"}'
    assert problems(Orders, driver=driver) == [
        f'Orders.placed: group_instance_id="w-{{worker}}": nothing is filled in for {{worker}}. {hint}',
        f'Orders.other: group_instance_id="w/1" is no name: 1 to 249 of a-z A-Z 0-9 . _ -. {hint}',
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
    assert (
        "Stock[orders]: Stock.placed and Stock.placed_too both take Order. Hint: when=, or an address or a group of its own"
        in found
    )


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

    assert (
        "Ledger.b: concurrency=4, but Ledger.a has 1 on the same subscription. Hint: set it on the class"
        in problems(Ledger)
    )


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

    assert "Tenant, Tenant: both are called Tenant. Hint: name= in the constructor" in problems(Tenant, Tenant)


def test_a_field_by_position_only() -> None:
    class Orders(KafkaConsumer, group="g"):
        @consumes("orders")
        async def placed(self, order_id: str, amount: int, /) -> None: ...

    assert problems(Orders) == [
        'Orders.placed: field "order_id" is positional-only. Hint: remove the / from the signature'
    ]


def test_an_outgoing_of_another_protocol() -> None:
    class Orders(KafkaConsumer, group="g"):
        @consumes("orders")
        @produces("out")
        async def placed(self, order: Order) -> Order | ForeignOutgoing[Order]:
            return order

    assert problems(Orders) == ["Orders.placed: returns ForeignOutgoing on Kafka. Hint: KafkaOutgoing"]


def test_a_producer_has_no_outcomes() -> None:
    class Payments(KafkaProducer):
        @produces("payments")
        async def requested(self, order: Order) -> Order | Ack:
            return order

    class Billing(containers.DeclarativeContainer):
        kafka = KafkaContainer(config={})
        payments = providers.Singleton(Payments, broker=kafka.broker)
        orders = providers.Factory(Served, broker=kafka.broker)

    with pytest.raises(SetupError) as refused:
        Application(Billing()).check()
    assert str(refused.value) == "Payments.requested: Ack belongs to consumers. Hint: return None to publish nothing"


@pytest.mark.parametrize("name", ["enable.auto.commit", "enable_auto_commit"])
def test_an_option_of_the_client_that_the_framework_sets(name: str) -> None:
    assert problems(Served, config={name: True}) == [
        f'kafka.config["{name}"]: set by the framework. Hint: delivery=',
    ]


def test_an_option_of_the_client_that_the_framework_sets_for_one_subscription() -> None:
    class Orders(KafkaConsumer, group="g", config={"group_id": "other"}):
        @consumes("orders")
        async def placed(self, order: Order) -> None: ...

    assert problems(Orders) == ['Orders.placed: config["group_id"]: set by the framework. Hint: group=']


def test_an_option_that_the_client_does_not_have() -> None:
    assert problems(Served, config={"max.request.size": 2_000_000, "fetch_min_bytes": 0}) == [
        'kafka.config["max.request.size"]: aiokafka has no such option. Hint: "max_request_size"',
        'kafka.config["fetch_min_bytes"]: 0 is no whole number above 0',
    ]


def test_a_client_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = "faststream_oo.kafka.transports.aiokafka"
    for module in [name for name in sys.modules if name.startswith((ours, "aiokafka"))]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.delattr("faststream_oo.kafka.transports.aiokafka", raising=False)
    monkeypatch.setitem(sys.modules, "aiokafka", None)
    assert problems(Served) == [
        'kafka.driver: aiokafka is not installed. Hint: pip install "faststream-oo[kafka]"',
    ]


def test_the_memory_transport_needs_no_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aiokafka", None)
    Application(consumers=[Served(KafkaBroker(KafkaSettings(driver="memory")))]).check()


def test_a_union_whose_members_cannot_be_told_apart() -> None:
    class Ledger(KafkaConsumer, group="g"):
        @consumes("entries")
        async def moved(self, entry: Order | Refund) -> None: ...

    assert problems(Ledger) == [
        'Ledger.moved: Order and Refund cannot be told apart. Hint: @contract("…") on each, or tag='
    ]


def test_one_contract_of_two_classes() -> None:
    class Orders(KafkaConsumer, group="g"):
        @consumes("orders")
        @produces("copies")
        async def placed(self, order: Placed) -> PlacedElsewhere:
            return PlacedElsewhere(order.order_id)

    assert problems(Orders) == [
        f"orders.placed.v2: {__name__}.Placed and {__name__}.PlacedElsewhere have the same contract"
    ]
