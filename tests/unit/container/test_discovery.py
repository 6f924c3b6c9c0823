"""What a container holds, and which object an option names by its class."""

from typing import Any

import pytest
from dependency_injector import containers, providers

from faststream_oo.container.discovery import Discovery, discover, nothing_to_serve, provider_of
from faststream_oo.container.graph import Graph
from faststream_oo.container.providers import MessageScoped
from faststream_oo.errors import Problem
from faststream_oo.kafka.broker import KafkaBroker
from faststream_oo.kafka.classes import consumes
from faststream_oo.kafka.container import KafkaContainer
from tests.unit.container.shop import (
    Audit,
    Orders,
    Payments,
    ShopConsumer,
    Stock,
    UnitOfWork,
    make_broker,
    make_orders,
)


class Fake(Orders):
    """Stands for Orders in a test."""


class Domain(containers.DeclarativeContainer):
    broker = providers.Dependency(instance_of=KafkaBroker)
    stock = providers.Factory(Stock, broker=broker, uow=MessageScoped(UnitOfWork))


class Billing(containers.DeclarativeContainer):
    config = providers.Configuration(strict=True)
    kafka = KafkaContainer(config=config.kafka)
    domain = providers.Container(Domain, broker=kafka.broker)
    payments = providers.Singleton(Payments, broker=kafka.broker)
    _orders = providers.ThreadSafeSingleton(Orders, broker=kafka.broker, payments=payments)


def found(container: containers.Container) -> Discovery:
    return discover(Graph(container))


def holding(**named: providers.Provider[Any]) -> containers.DynamicContainer:
    container = containers.DynamicContainer()
    container.set_providers(**named)
    return container


def test_consumers_are_found_in_nested_containers_and_behind_underscores() -> None:
    consumers = found(Billing()).consumers
    assert [(one.path, one.cls, one.kind) for one in consumers] == [
        ("Billing._orders", Orders, "singleton"),
        ("Billing.domain.stock", Stock, "factory"),
    ]


def test_producers_and_brokers_are_found() -> None:
    discovery = found(Billing())
    assert [(one.path, one.cls) for one in discovery.producers] == [("Billing.payments", Payments)]
    assert [(one.path, one.cls) for one in discovery.brokers] == [("Billing.kafka.broker", KafkaBroker)]


def test_a_container_of_the_framework_alone_has_no_problem() -> None:
    assert found(Billing()).problems == []


def test_what_is_only_an_argument_is_not_served() -> None:
    inner = providers.Factory(Orders, broker=None, payments=None)
    assert found(holding(list=providers.List(inner))).consumers == []


def test_a_provider_that_a_nested_container_takes_in_is_found_once_where_it_is_declared() -> None:
    class Inner(containers.DeclarativeContainer):
        orders = providers.Dependency(instance_of=Orders)

    class Outer(containers.DeclarativeContainer):
        orders = providers.Factory(Orders, broker=None, payments=None)
        inner = providers.Container(Inner, orders=orders)

    assert [one.path for one in found(Outer()).consumers] == ["Outer.orders"]


def test_an_overridden_provider_counts_as_its_override() -> None:
    billing = Billing()
    billing._orders.override(providers.Factory(Fake, broker=billing.kafka.broker, payments=billing.payments))
    first = found(billing).consumers[0]
    assert (first.path, first.cls, first.kind) == ("Billing._orders", Fake, "factory")


def test_a_container_made_by_hand_is_named_by_its_class() -> None:
    container = holding(orders=providers.Factory(Orders, broker=None, payments=None))
    assert [one.path for one in found(container).consumers] == ["DynamicContainer.orders"]


def test_a_name_that_the_injector_needs_itself_is_refused() -> None:
    class Shop(containers.DeclarativeContainer):
        wire = providers.Singleton(object)  # type: ignore[assignment]  # that is the mistake

    hint = "give the provider another name"
    assert found(Shop()).problems == [
        Problem("Shop.wire", '"wire" is a name of dependency-injector\'s containers', hint)
    ]


def test_an_abstract_class_is_refused() -> None:
    problems = found(holding(shop=providers.Factory(ShopConsumer, broker=None))).problems
    assert problems == [Problem("DynamicContainer.shop", "ShopConsumer is abstract", "provide a subclass of it")]


@pytest.mark.parametrize(
    ("provider", "how"),
    [
        (providers.ContextLocalSingleton(Orders), "ContextLocalSingleton"),
        (providers.ThreadLocalSingleton(Orders), "ThreadLocalSingleton"),
        (providers.Callable(Orders), "Callable"),
        (providers.Resource(Orders), "Resource"),
        (providers.Object(Orders(make_broker(), Payments(make_broker()))), "Object"),
        (providers.Selector(lambda: "a", a=providers.Factory(Orders)), "Selector"),
        (providers.FactoryAggregate(a=providers.Factory(Orders)), "FactoryAggregate"),
        (MessageScoped(Orders), "MessageScoped"),
        (providers.Factory(make_orders), "the function make_orders"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_other_providers_of_a_consumer_are_refused_by_name(provider: providers.Provider[Any], how: str) -> None:
    assert found(holding(orders=provider)).problems == [
        Problem(
            "DynamicContainer.orders",
            f"Orders is given by {how}, which is not served",
            "providers.Factory(Orders, …) or providers.Singleton(Orders, …)",
        )
    ]


def test_a_broker_may_come_from_a_function_or_be_there_already() -> None:
    container = holding(one=providers.Singleton(make_broker), two=providers.Object(make_broker()))
    discovery = found(container)
    assert [one.path for one in discovery.brokers] == ["DynamicContainer.one", "DynamicContainer.two"]
    assert discovery.problems == []


def test_a_factory_of_a_broker_is_refused() -> None:
    assert found(holding(broker=providers.Factory(KafkaBroker))).problems == [
        Problem(
            "DynamicContainer.broker",
            "Factory makes another KafkaBroker for everyone who needs it",
            "providers.Singleton(KafkaBroker, …)",
        )
    ]


def test_a_container_without_a_consumer_names_one_that_its_module_has() -> None:
    class Placed(Orders):
        @consumes("orders.placed")
        async def placed(self, order: str) -> None: ...

    class Empty(containers.DeclarativeContainer):
        pass

    globals()["Placed"] = Placed
    try:
        assert str(nothing_to_serve(Graph(Empty()))) == (
            "Empty: nothing to serve; Placed is imported but no provider gives it. "
            "Hint: placed = providers.Factory(Placed, …)"
        )
    finally:
        del globals()["Placed"]


def test_an_empty_container_without_any_class_says_what_to_write() -> None:
    assert str(nothing_to_serve(Graph(containers.DynamicContainer()))) == (
        "DynamicContainer: nothing to serve. Hint: orders = providers.Factory(Orders, …) for a consumer class Orders"
    )


class Check: ...


class StrictCheck(Check): ...


def test_an_option_names_a_class_by_its_one_provider() -> None:
    check = providers.Singleton(StrictCheck)
    assert provider_of(Graph(holding(check=check)), StrictCheck, "Orders", "middlewares") is check


def test_a_provider_of_a_subclass_is_taken_where_there_is_none_of_the_class() -> None:
    check = providers.Factory(StrictCheck)
    assert provider_of(Graph(holding(check=check)), Check, "Orders", "middlewares") is check


def test_the_class_itself_wins_over_its_subclasses() -> None:
    check = providers.Factory(Check)
    container = holding(strict=providers.Factory(StrictCheck), check=check)
    assert provider_of(Graph(container), Check, "Orders", "middlewares") is check


def test_what_overrides_the_provider_is_taken_whatever_its_class() -> None:
    check, fake = providers.Singleton(Check), providers.Object(Audit())
    check.override(fake)
    assert provider_of(Graph(holding(check=check)), Check, "Orders", "middlewares") is fake


def test_a_class_without_a_provider_is_refused() -> None:
    graph = Graph(containers.DynamicContainer())
    assert str(provider_of(graph, StrictCheck, "Orders", "middlewares")) == (
        "Orders: middlewares=[StrictCheck] has no provider. Hint: strict_check = providers.Singleton(StrictCheck, …)"
    )
    assert str(provider_of(graph, Check, "Orders.placed", "codec")) == (
        "Orders.placed: codec=Check has no provider. Hint: check = providers.Singleton(Check, …)"
    )


def test_a_class_with_two_providers_is_refused() -> None:
    class Shop(containers.DeclarativeContainer):
        a = providers.Singleton(Check)
        b = providers.Singleton(Check)

    assert str(provider_of(Graph(Shop()), Check, "Orders", "middlewares")) == (
        "Orders: Check is provided by Shop.a and Shop.b. Hint: give the object instead of the class"
    )
