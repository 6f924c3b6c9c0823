"""What is wrong with the wiring is told before anything is built, all at once."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Annotated, Any, NewType, Protocol
from unittest.mock import MagicMock

import pytest
from dependency_injector import containers, providers, resources

from faststream_oo.container.checks import check
from faststream_oo.container.discovery import discover
from faststream_oo.container.graph import Graph
from faststream_oo.container.providers import MessageScoped, Settings
from faststream_oo.container.signatures import fits
from faststream_oo.kafka.container import KafkaContainer
from faststream_oo.kafka.options import KafkaSettings
from faststream_oo.message import Message
from faststream_oo.middleware import ConsumeNext
from tests.unit.container.shop import Audit, Gateway, Orders, Payments, Stock, UnitOfWork, open_pool

if TYPE_CHECKING:
    from decimal import Decimal


class Needs:
    def __init__(self, other: object) -> None: ...


class Check:
    """A middleware."""

    def __init__(self, uow: object) -> None:
        self.uow = uow

    async def consume(self, message: Message, call_next: ConsumeNext, /) -> object:
        return await call_next(message)


class Base(containers.DeclarativeContainer):
    config = providers.Configuration(strict=True)
    kafka = KafkaContainer(config=config.kafka)
    payments = providers.Singleton(Payments, broker=kafka.broker)


def lines(container: containers.Container) -> list[str]:
    """The problems of everything that is served."""
    graph = Graph(container)
    found = discover(graph)
    return [str(one) for one in check(graph, [one.provider for one in (*found.consumers, *found.brokers)])]


def problems_of(provider: providers.Provider[Any]) -> list[str]:
    """The problems of one provider in a container called Shop."""

    class Shop(containers.DeclarativeContainer):
        it = provider

    graph = Graph(Shop())
    return [str(one) for one in check(graph, [graph.entries[0].provider])]


def test_right_wiring_has_no_problem() -> None:
    class Billing(Base):
        uow = MessageScoped(UnitOfWork, audit=providers.Singleton(Audit))
        orders = providers.Factory(Orders, broker=Base.kafka.broker, payments=Base.payments)
        stock = providers.Factory(Stock, Base.kafka.broker, uow)

    assert lines(Billing()) == []


def test_a_missing_argument() -> None:
    class Billing(Base):
        orders = providers.Factory(Orders, broker=Base.kafka.broker)

    assert lines(Billing()) == [
        'Billing.orders: Orders() needs "payments". Hint: providers.Factory(Orders, …, payments=payments)'
    ]


def test_a_missing_argument_of_what_a_consumer_needs_is_told_where_it_is_written() -> None:
    class Billing(Base):
        payments = providers.Singleton(Payments)
        orders = providers.Factory(Orders, broker=Base.kafka.broker, payments=payments)

    assert lines(Billing()) == [
        'Billing.payments: Payments() needs "broker". Hint: providers.Singleton(Payments, …, broker=broker)'
    ]


def test_an_unknown_argument_that_was_meant_for_a_missing_one() -> None:
    class Billing(Base):
        orders = providers.Factory(Orders, broker=Base.kafka.broker, paymets=Base.payments)

    assert lines(Billing()) == ['Billing.orders: Orders() has no "paymets". Hint: did you mean "payments"?']


def test_an_unknown_argument_of_another_name() -> None:
    assert problems_of(providers.Factory(Audit, sink=1)) == ['Shop.it: Audit() has no "sink". Hint: it has log']


def test_too_many_arguments() -> None:
    assert problems_of(providers.Factory(Audit, 1, 2)) == ["Shop.it: Audit() takes fewer positional arguments"]


def test_an_argument_given_twice() -> None:
    assert problems_of(providers.Factory(Audit, 1, log=2)) == ['Shop.it: Audit() is given "log" twice']


def test_a_class_without_parameters_takes_none() -> None:
    assert problems_of(providers.Factory(Gateway, a=1)) == ['Shop.it: Gateway() has no "a"']


def test_variadic_parameters_take_everything() -> None:
    def anything(*args: object, **kwargs: object) -> None: ...

    assert problems_of(providers.Callable(anything, 1, 2, a=3)) == []


def test_a_call_whose_signature_cannot_be_told_is_left_alone() -> None:
    assert problems_of(providers.Callable(dict, a=1)) == []


def test_an_object_of_the_wrong_class() -> None:
    class Billing(Base):
        gateway = providers.Singleton(Gateway)
        orders = providers.Factory(Orders, broker=Base.kafka.broker, payments=gateway)

    assert lines(Billing()) == ["Billing.orders.payments: gives Gateway, Orders.__init__ wants Payments"]


def test_an_object_of_the_wrong_class_by_position() -> None:
    class Billing(Base):
        orders = providers.Factory(Orders, Base.payments, Base.payments)

    assert lines(Billing()) == ["Billing.orders.broker: gives Payments, Orders.__init__ wants KafkaBroker"]


def test_an_override_of_the_wrong_class() -> None:
    class Billing(Base):
        orders = providers.Factory(Orders, broker=Base.kafka.broker, payments=Base.payments)

    billing = Billing()
    billing.payments.override(providers.Factory(Gateway))
    assert lines(billing) == ["Billing.orders.payments: gives Gateway, Orders.__init__ wants Payments"]


def test_settings_of_the_wrong_class() -> None:
    def needs(audit: Audit | None) -> None: ...

    assert problems_of(providers.Callable(needs, audit=Settings(KafkaSettings, {}))) == [
        "Shop.it.audit: gives KafkaSettings, needs wants Audit | None"
    ]


def test_a_message_scoped_object_is_what_its_manager_gives() -> None:
    @asynccontextmanager
    async def managed() -> AsyncIterator[Gateway]:
        yield Gateway()

    def generated() -> Iterator[Gateway]:
        yield Gateway()

    for provides in (managed, generated):
        assert problems_of(providers.Factory(Stock, broker=None, uow=MessageScoped(provides))) == [
            "Shop.it.uow: gives Gateway, Stock.__init__ wants UnitOfWork"
        ]


def test_what_a_dependency_does_not_take() -> None:
    class Inner(containers.DeclarativeContainer):
        audit = providers.Dependency(instance_of=Audit)
        it = providers.Factory(Audit, log=audit)

    class Outer(containers.DeclarativeContainer):
        inner = providers.Container(Inner, audit=providers.Singleton(Gateway))

    outer = Outer()
    assert [str(one) for one in check(Graph(outer), [outer.inner.container.it])] == [
        "Outer.inner.it.log: gives Gateway, the Dependency wants Audit"
    ]


def unannotated():  # type: ignore[no-untyped-def]  # as users write them
    return Gateway()


@pytest.mark.parametrize(
    "provider",
    [
        providers.Object(Gateway()),
        providers.Dependency(default=Gateway()),
        providers.Singleton(Gateway).provided,
        providers.Selector(lambda: "a", a=providers.Singleton(Gateway)),
        providers.Singleton(MagicMock),
        providers.Singleton(unannotated),
        providers.Resource(Gateway),
        providers.Configuration(),
    ],
    ids=lambda one: type(one).__name__,
)
def test_what_cannot_be_judged_is_left_alone(provider: providers.Provider[Any]) -> None:
    assert problems_of(providers.Factory(Stock, broker=None, uow=provider)) == []


def test_annotations_that_are_not_there_at_run_time_are_left_alone() -> None:
    def needs(price: "Decimal") -> None: ...

    assert problems_of(providers.Callable(needs, price=providers.Singleton(Gateway))) == []


class Sends(Protocol):
    def send(self) -> None: ...


@pytest.mark.parametrize(
    ("given", "wanted", "fitting"),
    [
        (Payments, Payments, True),
        (bool, int, True),
        (int, float, True),
        (str, float, False),
        (list, list[int], True),
        (dict, list[int], False),
        (Gateway, Payments | None, False),
        (Gateway, Payments | Gateway, True),
        (Gateway, Annotated[Payments, 1], False),
        (str, NewType("Name", str), True),
        (int, NewType("Name", str), False),
        (Gateway, Any, True),
        (Gateway, object, True),
        (Gateway, Sends, True),
        (Gateway, "Payments", True),
        (Gateway, Callable[[], None], False),
        (Gateway, type[Gateway], False),
    ],
)
def test_a_class_fits_an_annotation(given: type[Any], wanted: object, fitting: bool) -> None:
    assert fits(given, wanted) is fitting


def test_a_cycle() -> None:
    class Billing(Base):
        audit: providers.Factory[Needs] = providers.Factory(Needs)
        gateway = providers.Factory(Needs, audit)
        stock = providers.Factory(Stock, Base.kafka.broker, providers.Callable(unannotated, gateway))
        audit.add_args(gateway)

    assert "Billing.gateway → audit → gateway: providers depend on each other" in lines(Billing())


def test_a_cycle_through_the_consumer_itself() -> None:
    class Billing(Base):
        audit: providers.Factory[Needs] = providers.Factory(Needs)
        gateway = providers.Factory(Needs, audit)
        stock = providers.Factory(Stock, Base.kafka.broker, providers.List(gateway))
        audit.add_args(stock)

    assert lines(Billing()) == ["Billing.stock → uow → gateway → audit → stock: providers depend on each other"]


def test_a_provider_that_is_handed_over_makes_no_cycle() -> None:
    class Shop(containers.DeclarativeContainer):
        one: providers.Factory[Needs] = providers.Factory(Needs)
        two = providers.Factory(Needs, one.provider)
        one.add_args(two)

    shop = Shop()
    assert check(Graph(shop), [shop.one]) == []


def test_a_singleton_that_holds_a_message_scoped_object() -> None:
    class Billing(Base):
        uow = MessageScoped(UnitOfWork)
        stock = providers.Singleton(Stock, broker=Base.kafka.broker, uow=uow)

    assert lines(Billing()) == [
        'Billing.stock: a Singleton cannot hold message-scoped "uow". Hint: providers.Factory(Stock, …)'
    ]


def test_a_singleton_that_holds_one_through_others() -> None:
    class Billing(Base):
        uow = MessageScoped(UnitOfWork)
        audits = providers.List(providers.Factory(Audit, log=uow))
        cache = providers.ThreadSafeSingleton(Audit, log=audits)
        orders = providers.Factory(Stock, broker=Base.kafka.broker, uow=providers.Callable(lambda _: None, cache))

    assert lines(Billing()) == [
        'Billing.cache: a ThreadSafeSingleton cannot hold message-scoped "uow". Hint: providers.Factory(Audit, …)'
    ]


def test_a_middleware_of_a_broker_cannot_hold_one_either() -> None:
    class Billing(containers.DeclarativeContainer):
        uow = MessageScoped(UnitOfWork)
        check = providers.Singleton(Check, uow)
        kafka = KafkaContainer(middlewares=[check])

    assert lines(Billing()) == [
        'Billing.check: a Singleton cannot hold message-scoped "uow". Hint: providers.Factory(Check, …)'
    ]


def test_a_singleton_may_be_handed_the_provider_of_a_message_scoped_object() -> None:
    class Billing(Base):
        uow = MessageScoped(UnitOfWork)
        stock = providers.Singleton(Stock, broker=Base.kafka.broker, uow=uow.provider)

    assert lines(Billing()) == []


def test_a_singleton_may_hold_what_overrides_a_message_scoped_object() -> None:
    class Billing(Base):
        uow = MessageScoped(UnitOfWork)
        stock = providers.Singleton(Stock, broker=Base.kafka.broker, uow=uow)

    billing = Billing()
    billing.uow.override(UnitOfWork())
    assert lines(billing) == []


async def make_pool() -> UnitOfWork:
    return UnitOfWork()


class Pool(resources.AsyncResource[object]):
    async def init(self, *args: object, **kwargs: object) -> object: ...


@asynccontextmanager
async def pool_context() -> AsyncIterator[object]:
    yield object()


@pytest.mark.parametrize(
    "pool",
    [
        providers.Resource(open_pool),
        providers.Resource(pool_context),
        providers.Resource(make_pool),
        providers.Resource(Pool),
        providers.Resource(UnitOfWork),
        providers.ContextLocalResource(open_pool),
        providers.Coroutine(make_pool),
        providers.Factory(make_pool),
        providers.Singleton(make_pool),
        providers.Callable(make_pool),
    ],
    ids=lambda one: f"{type(one).__name__}-{one.provides.__name__}",
)
def test_an_asynchronous_provider_is_refused(pool: Any) -> None:
    class Billing(Base):
        stock = providers.Factory(Stock, broker=Base.kafka.broker, uow=pool)

    (line,) = lines(Billing())
    assert line == (
        "Billing.stock.uow: is asynchronous and would turn every Stock into a Future. "
        "Hint: open it in Application(lifespan=…) and inject the object"
    )


def test_an_asynchronous_provider_that_stands_in_the_container_is_told_by_who_needs_it() -> None:
    class Billing(Base):
        pool = providers.Resource(open_pool)
        audit = providers.Singleton(Audit, log=providers.List(pool))
        stock = providers.Factory(Stock, broker=Base.kafka.broker, uow=MessageScoped(UnitOfWork, audit=audit))

    (line,) = lines(Billing())
    assert line == (
        "Billing.audit.log[0]: is asynchronous and would turn every Audit into a Future. "
        "Hint: open it in Application(lifespan=…) and inject the object"
    )


@contextmanager
def sync_pool() -> Iterator[object]:
    yield object()


@pytest.mark.parametrize("pool", [providers.Resource(sync_pool), providers.Resource(Audit)], ids=["manager", "class"])
def test_a_synchronous_resource_is_fine(pool: Any) -> None:
    assert problems_of(providers.Factory(Audit, log=pool)) == []


def test_a_message_scoped_coroutine_function_is_refused() -> None:
    assert problems_of(providers.Factory(Audit, log=MessageScoped(make_pool))) == [
        "Shop.it.log: is a coroutine function. Hint: an async generator: yield the object instead of returning it"
    ]


def test_a_dependency_that_nobody_gives() -> None:
    class Inner(containers.DeclarativeContainer):
        audit = providers.Dependency(instance_of=Audit)
        it = providers.Factory(Audit, log=audit)

    class Outer(containers.DeclarativeContainer):
        inner = providers.Container(Inner)

    outer = Outer()
    assert [str(one) for one in check(Graph(outer), [outer.inner.container.it])] == [
        "Outer.inner.audit: nothing is given for this dependency. Hint: providers.Container(…, audit=audit)"
    ]


def test_an_option_that_is_not_set() -> None:
    class Shop(containers.DeclarativeContainer):
        config = providers.Configuration(strict=True)
        it = providers.Singleton(Audit, log=config.audit.log)

    shop = Shop()
    assert [str(one) for one in check(Graph(shop), [shop.it])] == [
        'Shop.it.log: undefined configuration option "config.audit.log". Hint: give it in a file, the environment or --set'
    ]


def test_the_whole_configuration_may_be_injected_whatever_is_not_set_in_it() -> None:
    class Shop(containers.DeclarativeContainer):
        config = providers.Configuration(strict=True)
        it = providers.Singleton(Audit, log=config)
        other = providers.Singleton(Audit, log=config.unset)

    shop = Shop()
    assert check(Graph(shop), [shop.it]) == []


def test_all_problems_are_reported_at_once() -> None:
    class Billing(Base):
        uow = MessageScoped(UnitOfWork, aduit=None)
        orders = providers.Factory(Orders, broker=Base.payments)
        stock = providers.Singleton(Stock, broker=Base.kafka.broker, uow=uow)

    assert [line.partition(".")[2].partition(". Hint")[0] for line in lines(Billing())] == [
        'orders: Orders() needs "payments"',
        "orders.broker: gives Payments, Orders.__init__ wants KafkaBroker",
        'stock: a Singleton cannot hold message-scoped "uow"',
        'uow: UnitOfWork() has no "aduit"',
    ]


def test_checking_builds_nothing() -> None:
    built: list[str] = []

    class Billing(Base):
        audit = providers.Singleton(built.append, "audit")
        orders = providers.Factory(Audit, log=audit)

    billing = Billing()
    check(Graph(billing), [billing.orders])
    assert built == []
