"""Provider graphs become plain calls that build what the providers would."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
from dependency_injector import containers, providers

from faststream_oo.container.graph import AnyProvider, Graph
from faststream_oo.container.providers import MessageScoped
from faststream_oo.container.recipes import brokers_of, instance, recipe
from faststream_oo.current import CURRENT, Attempt
from faststream_oo.errors import SetupError
from faststream_oo.kafka.container import KafkaContainer
from faststream_oo.scope import Exits, Recipe, enter, leave
from tests.unit.container.shop import Audit, Orders, Payments, Stock, UnitOfWork


class Box:
    """Remembers what it was built with."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.args = args
        self.kwargs = kwargs


def holding(**named: AnyProvider) -> containers.DynamicContainer:
    container = containers.DynamicContainer()
    container.set_providers(**named)
    return container


def compiled(*roots: AnyProvider) -> Recipe:
    return recipe(Graph(holding()), roots)


def built(provider: AnyProvider) -> Any:
    return compiled(provider).build(())[0]


async def entered(one: Recipe) -> tuple[tuple[Any, ...], Exits]:
    """What a recipe builds as the pipeline does it, and what is to be left."""
    attempt = Attempt()
    exits: Exits = []
    token = CURRENT.set(attempt)
    try:
        return await enter(one, attempt, exits), exits
    finally:
        CURRENT.reset(token)


class Billing(containers.DeclarativeContainer):
    config = providers.Configuration(strict=True)
    kafka = KafkaContainer(config=config.kafka)
    payments = providers.Singleton(Payments, broker=kafka.broker)
    orders = providers.Factory(Orders, kafka.broker, payments=payments)


def test_a_consumer_of_singletons_is_built_anew_from_the_same_objects() -> None:
    billing = Billing()
    one = recipe(Graph(billing), [billing.orders])
    (first,), (second,) = one.build(()), one.build(())
    assert first is not second
    assert first.payments is second.payments is billing.payments()
    assert first.broker is billing.kafka.broker()
    assert one.scoped == ()


def test_no_provider_is_called_after_compilation() -> None:
    billing = Billing()
    one = recipe(Graph(billing), [billing.orders])
    billing.payments.override(providers.Object(None))
    assert isinstance(one.build(())[0].payments, Payments)


def test_an_override_before_compilation_is_what_is_injected() -> None:
    billing, fake = Billing(), Audit()
    billing.payments.override(fake)
    assert recipe(Graph(billing), [billing.orders]).build(())[0].payments is fake


def test_nested_factories_make_an_object_for_each_use() -> None:
    inner = providers.Factory(Audit)
    box = built(providers.Factory(Box, inner, inner))
    assert box.args[0] is not box.args[1]


def test_plain_values_are_injected_as_they_are() -> None:
    value: list[str] = []
    assert built(providers.Factory(Box, value, name=value)).args[0] is value


def test_lists_and_dictionaries_are_new_at_each_attempt() -> None:
    one = compiled(
        providers.Factory(Box, providers.List(1, providers.Singleton(Audit)), providers.Dict({"a b": 2}, c=3))
    )
    first, second = one.build(())[0].args, one.build(())[0].args
    assert first[0][0] == 1
    assert first[0][1] is second[0][1]
    assert first[1] == {"a b": 2, "c": 3}
    assert first[0] is not second[0]


def test_attributes_are_set_after_construction() -> None:
    factory = providers.Factory(Audit)
    factory.add_attributes(log=providers.Callable(list), name="audit")
    audit = built(factory)
    assert (audit.log, audit.name) == ([], "audit")


def test_keyword_arguments_may_have_any_name() -> None:
    assert built(providers.Factory(Box, **{"class": 1, "x-y": providers.Object(2)})).kwargs == {"class": 1, "x-y": 2}


def test_options_are_read_when_the_recipe_is_compiled() -> None:
    config = providers.Configuration()
    config.from_dict({"limit": "3"})
    one = compiled(providers.Factory(Box, config.limit, config.limit.as_int(), config))
    config.from_dict({"limit": "4"})
    assert one.build(())[0].args == ("3", 3, {"limit": "3"})


def test_what_is_provided_by_attribute_is_read_at_each_attempt() -> None:
    place: providers.Singleton[dict[str, list[str]]] = providers.Singleton(dict, name=["here"])
    one = compiled(providers.Factory(Box, place.provided["name"][0].upper.call()))
    assert one.build(())[0].args == ("HERE",)
    place()["name"][0] = "there"
    assert one.build(())[0].args == ("THERE",)


def test_a_callable_is_called_at_each_attempt() -> None:
    numbers = iter(range(9))
    one = compiled(providers.Factory(Box, providers.Callable(next, numbers)))
    assert [one.build(())[0].args for _ in range(2)] == [(0,), (1,)]


def test_a_selector_that_reads_the_configuration_chooses_once() -> None:
    config = providers.Configuration()
    config.from_dict({"mode": "b"})
    selector = providers.Selector(config.mode, a=providers.Object("A"), b=providers.Factory(Audit))
    one = compiled(providers.Factory(Box, selector))
    config.from_dict({"mode": "a"})
    assert isinstance(one.build(())[0].args[0], Audit)


def test_a_selector_without_the_chosen_one_is_refused() -> None:
    config = providers.Configuration()
    config.from_dict({"mode": "c"})
    selector = providers.Selector(config.mode, a=providers.Object("A"), b=providers.Object("B"))
    with pytest.raises(SetupError) as raised:
        recipe(Graph(holding(mode=selector)), [providers.Factory(Box, selector)])
    assert str(raised.value) == 'DynamicContainer.mode: Selector has no "c". Hint: one of a, b'


def test_another_selector_chooses_at_each_attempt() -> None:
    names = iter("ab")
    selector = providers.Selector(lambda: next(names), a=providers.Object(1), b=providers.Object(2))
    one = compiled(providers.Factory(Box, selector))
    assert [one.build(())[0].args for _ in range(2)] == [(1,), (2,)]


def test_a_dependency_is_what_was_given_for_it() -> None:
    class Inner(containers.DeclarativeContainer):
        audit = providers.Dependency(instance_of=Audit)
        box = providers.Factory(Box, audit)

    class Outer(containers.DeclarativeContainer):
        audit = providers.Singleton(Audit)
        inner = providers.Container(Inner, audit=audit)

    outer = Outer()
    assert recipe(Graph(outer), [outer.inner.container.box]).build(())[0].args == (outer.audit(),)


def test_a_resource_is_asked_at_each_attempt() -> None:
    opened: list[str] = []

    def pool() -> Iterator[str]:
        opened.append("pool")
        yield f"pool {len(opened)}"

    resource = providers.Resource(pool)
    one = compiled(providers.Factory(Box, resource))
    assert opened == []
    assert [one.build(())[0].args for _ in range(2)] == [("pool 1",)] * 2
    resource.shutdown()
    assert one.build(())[0].args == ("pool 2",)


def test_a_provider_that_is_handed_over_stays_a_provider() -> None:
    audit = providers.Factory(Audit)
    aggregate = providers.FactoryAggregate(a=audit)
    delegated = providers.DelegatedFactory(Audit)
    assert built(providers.Factory(Box, audit.provider, aggregate, delegated)).args == (audit, aggregate, delegated)


def test_a_function_or_partial_is_called_like_a_class() -> None:
    assert built(providers.Factory(partial(Box, 1), 2)).args == (1, 2)


async def test_a_message_scoped_object_is_shared_by_all_that_is_built_for_the_attempt() -> None:
    uow = MessageScoped(UnitOfWork)
    one = compiled(providers.Factory(Box, providers.Factory(Audit, log=uow), uow), providers.Factory(Audit, uow))
    (box, audit), exits = await entered(one)
    assert box.args[0].log is box.args[1] is audit.log
    assert len(exits) == 1


async def test_each_attempt_has_objects_of_its_own_and_leaves_them() -> None:
    one = compiled(providers.Factory(Audit, log=MessageScoped(UnitOfWork)))
    (first,), exits = await entered(one)
    (second,), _ = await entered(one)
    error = ValueError("handler")
    await leave(exits, error)
    assert first.log is not second.log
    assert (first.log.left, second.log.left) == ([error], [])


async def test_message_scoped_objects_are_made_after_those_they_need() -> None:
    session = MessageScoped(UnitOfWork)
    uow = MessageScoped(UnitOfWork, audit=providers.Factory(Audit, log=session))
    one = compiled(providers.Factory(Box, uow, session))
    assert [step.key for step in one.scoped] == [session, uow]
    (box,), _ = await entered(one)
    assert box.args[0].audit.log is box.args[1]


def generator() -> Iterator[str]:
    yield "entered"


async def async_generator() -> AsyncIterator[str]:
    yield "entered"


@asynccontextmanager
async def managed() -> AsyncIterator[str]:
    yield "entered"


def plain() -> str:
    return "entered"


def returning(call: Callable[[], object]) -> Callable[[], object]:
    """A function that is no generator function and returns a generator."""
    return lambda *_: call()


@pytest.mark.parametrize(
    "provides",
    [generator, async_generator, managed, plain, partial(generator), returning(generator), returning(async_generator)],
)
async def test_a_message_scoped_object_may_come_from_any_kind_of_function(provides: Callable[..., Any]) -> None:
    (audit,), exits = await entered(compiled(providers.Factory(Audit, log=MessageScoped(provides))))
    await leave(exits, None)
    assert audit.log == "entered"


async def test_a_handed_over_provider_gives_the_object_of_the_attempt() -> None:
    uow = MessageScoped(UnitOfWork)
    attempt = Attempt()
    CURRENT.set(attempt)
    box, same = await enter(compiled(providers.Factory(Box, uow.provider), uow), attempt, [])
    assert box.args[0]() is same


async def test_a_provider_of_another_kind_finds_the_objects_of_the_attempt() -> None:
    class Own(providers.Provider[Any]):
        """A provider kind of the user's."""

        def __init__(self, inner: AnyProvider) -> None:
            self.inner = inner
            super().__init__()

        @property
        def related(self) -> Iterator[AnyProvider]:
            yield self.inner

        def _provide(self, args: object, kwargs: object) -> object:
            return self.inner()

    uow = MessageScoped(UnitOfWork)
    attempt = Attempt()
    CURRENT.set(attempt)
    audit, same = await enter(compiled(providers.Factory(Audit, log=Own(uow)), uow), attempt, [])
    assert audit.log is same


async def test_an_overridden_message_scoped_object_is_neither_made_nor_entered() -> None:
    uow, fake = MessageScoped(UnitOfWork), UnitOfWork()
    uow.override(fake)
    one = compiled(providers.Factory(Stock, broker=None, uow=uow))
    assert one.scoped == ()
    assert one.build(())[0].uow is fake


def test_an_instance_is_what_the_container_gives() -> None:
    billing = Billing()
    assert instance(Graph(billing), billing.payments) is billing.payments()


def test_wrong_settings_are_reported_when_an_instance_is_made() -> None:
    billing = Billing()
    billing.config.from_dict({"kafka": {"servrs": ["a"]}})
    with pytest.raises(SetupError, match=r'kafka\.servrs: unknown option. Hint: did you mean "servers"\?'):
        instance(Graph(billing), billing.kafka.broker)


def test_what_the_injector_refuses_is_a_problem_of_the_provider() -> None:
    container = holding(broker=providers.Dependency(instance_of=Audit, default=providers.Dependency()))
    with pytest.raises(SetupError, match=r"DynamicContainer\.broker: Dependency is not defined"):
        instance(Graph(container), container.broker)


def test_what_a_constructor_raises_comes_as_it_is() -> None:
    def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        instance(Graph(holding()), providers.Singleton(fail))


async def test_a_future_is_refused() -> None:
    pool = providers.Singleton(lambda: managed().__aenter__())
    with pytest.raises(SetupError, match=r"DynamicContainer\.pool: is asynchronous: it gave a Future"):
        instance(Graph(holding(pool=pool)), pool)
    await pool()


def test_the_brokers_of_a_consumer_are_known_without_building_it() -> None:
    class Shop(containers.DeclarativeContainer):
        kafka = KafkaContainer()
        stock = providers.Factory(Stock, broker=kafka.broker, uow=MessageScoped(UnitOfWork, audit=kafka.broker))

    shop = Shop()
    assert brokers_of(Graph(shop), shop.stock) == [shop.kafka.broker()]
