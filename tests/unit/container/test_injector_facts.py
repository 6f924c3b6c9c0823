"""Facts of dependency-injector that the container package stands on; one that fails after an upgrade is to be met there."""

import asyncio
import inspect
from collections.abc import AsyncIterator
from typing import Any

import pytest
from dependency_injector import containers, errors, providers


class Thing:
    def __init__(self, *args: object, **kwargs: object) -> None:
        self.args = args
        self.kwargs = kwargs


async def open_pool() -> AsyncIterator[object]:
    yield object()


def test_a_call_asks_provide_which_a_subclass_in_python_may_replace() -> None:
    """MessageScoped."""

    class Mine(providers.Factory[Any]):
        def _provide(self, args: object, kwargs: object) -> object:
            return "mine"

    mine = Mine(Thing)
    assert mine() == "mine"
    assert providers.Factory(Thing, mine)().args == ("mine",)
    mine.override("other")
    assert mine() == "other"


def test_a_deep_copy_makes_the_provider_without_arguments_and_fills_it() -> None:
    """MessageScoped and Settings have defaults."""
    made: list[tuple[object, ...]] = []

    class Mine(providers.Singleton[Any]):
        def __init__(self, *args: Any) -> None:
            made.append(args)
            super().__init__(*args)

    copy = providers.deepcopy(Mine(Thing, 1))
    assert made == [(Thing, 1), ()]
    assert copy().args == (1,)


def test_a_deep_copy_of_a_container_provider_makes_it_without_arguments_and_takes_over_the_container() -> None:
    """KafkaContainer."""

    class Inner(containers.DeclarativeContainer):
        thing = providers.Singleton(Thing)

    class Mine(providers.Container[Any]):
        def __init__(self) -> None:
            super().__init__(Inner)

    class Outer(containers.DeclarativeContainer):
        inner = Mine()
        user = providers.Factory(Thing, inner.thing)

    outer = Outer()
    assert type(outer.inner) is Mine
    assert outer.user().args[0] is outer.inner.thing()
    assert outer.inner.container.parent is outer.inner


def test_keywords_of_a_container_provider_are_applied_again_over_an_override_of_the_class() -> None:
    """Why KafkaContainer does not use them."""

    class Inner(containers.DeclarativeContainer):
        thing = providers.Object("own")

    class Outer(containers.DeclarativeContainer):
        inner = providers.Container(Inner, thing=providers.Object("keyword"))

    with Outer.inner.thing.override("class"):
        assert Outer().inner.thing() == "keyword"


def test_an_undefined_option_raises_in_strict_mode_in_these_words() -> None:
    """`section`, and the check of options."""
    config = providers.Configuration(strict=True)
    for ask in (config.kafka, config.kafka.servers):
        with pytest.raises(errors.Error, match=r'^Undefined configuration option "config\.kafka'):
            ask()
    assert providers.Configuration().kafka() is None


def test_the_name_of_an_option_begins_with_the_name_of_its_configuration() -> None:
    """The path of problems in settings."""
    assert providers.Configuration().a.b.get_name() == "config.a.b"


def test_a_strict_configuration_refuses_an_empty_dictionary() -> None:
    config = providers.Configuration(strict=True)
    with pytest.raises(ValueError, match="Can not use empty dictionary"):
        config.from_dict({})
    config.from_dict({}, required=False)


def test_arguments_are_kept_as_they_were_given() -> None:
    """The graph is read from them."""
    inner = providers.Object(1)
    for kind in (providers.Factory, providers.Singleton, providers.Callable, providers.Resource):
        provider: Any = kind(Thing, inner, 2, name=inner)
        assert provider.provides is Thing
        assert provider.args == (inner, 2)
        assert provider.kwargs == {"name": inner}


def test_a_generator_of_a_resource_is_wrapped() -> None:
    """How an asynchronous Resource is told."""
    provides: Any = providers.Resource(open_pool).provides
    assert inspect.isasyncgenfunction(inspect.unwrap(provides))


def test_a_resource_prefers_the_synchronous_way() -> None:
    class Both:
        def __enter__(self) -> str:
            return "synchronous"

        def __exit__(self, *_: object) -> None: ...

        async def __aenter__(self) -> str:
            return "asynchronous"

        async def __aexit__(self, *_: object) -> None: ...

    assert providers.Resource(Both)() == "synchronous"


async def test_one_asynchronous_resource_turns_what_needs_it_into_a_future_for_good() -> None:
    """Why they are refused."""
    pool = providers.Resource(open_pool)
    user = providers.Factory(Thing, pool)
    first: Any = user()
    assert asyncio.isfuture(first)
    await first
    pool.override("sync")
    second: Any = user()
    assert asyncio.isfuture(second)
    await second
    pool.reset_override()
    await pool.shutdown()  # type: ignore[misc]  # its stub leaves out that it may be awaited


def test_delegated_providers_are_injected_themselves() -> None:
    factory = providers.Factory(Thing)
    delegated = (providers.DelegatedFactory(Thing), providers.FactoryAggregate(a=factory))
    assert all(providers.is_delegated(one) for one in delegated)
    assert not providers.is_delegated(factory.provider)
    assert providers.Factory(Thing, *delegated, factory.provider)().args == (*delegated, factory)


def test_a_thread_safe_singleton_is_no_singleton() -> None:
    """`ONCE` names both, though the stubs say otherwise."""
    assert not issubclass(providers.ThreadSafeSingleton, providers.Singleton)
    assert issubclass(providers.ThreadSafeSingleton, providers.BaseSingleton)


def test_overridden_configuration_is_an_override_of_the_provider() -> None:
    """`effective` of a loaded Configuration is the Object with its values."""
    config = providers.Configuration()
    config.from_dict({"a": 1})
    assert isinstance(config.last_overriding, providers.Object)


def test_the_class_of_a_container_is_kept_by_its_instance() -> None:
    class Shop(containers.DeclarativeContainer):
        pass

    assert vars(Shop())["declarative_parent"] is Shop


def test_providers_keep_the_order_of_the_class_body() -> None:
    class Shop(containers.DeclarativeContainer):
        b = providers.Object(1)
        a = providers.Object(2)

    assert list(Shop().providers) == ["b", "a"]


def test_related_is_what_a_provider_needs() -> None:
    """For provider kinds that are not known here."""
    inner = providers.Singleton(Thing)
    provided = inner.provided
    assert list(provided.related) == [inner]
    assert list(provided.name.related) == [provided]
    selector = providers.Selector(inner, a=inner)
    assert list(selector.related) == [inner, inner]
