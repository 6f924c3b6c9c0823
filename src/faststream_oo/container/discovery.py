"""Finds the consumers, producers and brokers of a container, and the objects that options name by class."""

import re
import sys
from inspect import isclass
from typing import Any, Literal, cast

from attrs import Factory, define, frozen
from dependency_injector import containers, providers

from faststream_oo.broker import Broker
from faststream_oo.consumer import Consumer
from faststream_oo.container.graph import ONCE, AnyProvider, Entry, Graph, provided_call, provided_class
from faststream_oo.container.providers import MessageScoped
from faststream_oo.container.signatures import given_class, name_of
from faststream_oo.errors import Problem
from faststream_oo.producer import Producer
from faststream_oo.routes import is_abstract, routes_of

Kind = Literal["singleton", "factory"]


@frozen
class Found:
    """A provider that the framework serves.

    Attributes:
        path: `Billing.orders`.
        provider: The effective one.
        cls: Class of its objects.
        kind: Whether there is one object, or one for each attempt.
    """

    path: str
    provider: AnyProvider
    cls: type[Any]
    kind: Kind


@define
class Discovery:
    """What a container holds.

    Attributes:
        consumers: In order of the container's attributes, nested containers last.
        producers: As above.
        brokers: As above; singletons only.
        problems: Providers that cannot be served as they are.
    """

    consumers: list[Found] = Factory(list[Found])
    producers: list[Found] = Factory(list[Found])
    brokers: list[Found] = Factory(list[Found])
    problems: list[Problem] = Factory(list[Problem])


def discover(graph: Graph, /) -> Discovery:
    """Return the consumers, producers and brokers that stand in a container and in those nested in it."""
    discovery = Discovery()
    seen: set[AnyProvider] = set()
    taken = set(dir(containers.DynamicContainer()))
    for entry in graph.entries:
        if (name := entry.path.rpartition(".")[2]) in taken:
            # The injector calls it as its own: a `wire` is built before any settings are there, and stays so.
            what = f'"{name}" is a name of dependency-injector\'s containers'
            discovery.problems.append(Problem(entry.path, what, "give the provider another name"))
        if entry.provider not in seen:
            seen.add(entry.provider)
            _sort(entry, graph.path_of(entry.provider) or entry.path, discovery)
    return discovery


def _sort(entry: Entry, path: str, discovery: Discovery) -> None:
    provider = entry.provider
    cls, kind = _given(provider), _kind_of(provider)
    if cls is None:
        return
    if issubclass(cls, Producer):
        discovery.producers.append(Found(path, provider, cls, kind or "singleton"))
    elif issubclass(cls, Broker):
        if kind == "singleton" or isinstance(provider, providers.Object):
            discovery.brokers.append(Found(path, provider, cls, "singleton"))
        else:
            what = f"{type(provider).__name__} makes another {cls.__name__} for everyone who needs it"
            discovery.problems.append(Problem(path, what, f"providers.Singleton({cls.__name__}, …)"))
    elif issubclass(cls, Consumer):
        if is_abstract(cls):
            discovery.problems.append(Problem(path, f"{cls.__name__} is abstract", "provide a subclass of it"))
        elif kind is None or provided_class(provider) is None:
            discovery.problems.append(_not_served(provider, cls.__name__, path))
        else:
            discovery.consumers.append(Found(path, provider, cls, kind))


def _not_served(provider: AnyProvider, name: str, path: str) -> Problem:
    call = provided_call(provider)
    how = type(provider).__name__ if call is None or isclass(call) else f"the function {name_of(call)}"
    hint = f"providers.Factory({name}, …) or providers.Singleton({name}, …)"
    return Problem(path, f"{name} is given by {how}, which is not served", hint)


def _given(provider: AnyProvider) -> type[Any] | None:
    """Return the class of what a provider gives; of the first one that does so where one of several is chosen."""
    if isinstance(provider, providers.Object):
        return cast(type[Any], type(provider.provides))
    if isinstance(provider, providers.Selector | providers.Aggregate):
        return next((cls for one in provider.providers.values() if (cls := _given(one)) is not None), None)
    if isinstance(provider, providers.BaseResource):
        return provided_class(provider)
    return given_class(provider)


def _kind_of(provider: AnyProvider) -> Kind | None:
    """Return how the objects of a provider live; None where it is neither way."""
    if isinstance(provider, ONCE):
        return "singleton"
    if isinstance(provider, providers.Factory) and not isinstance(provider, MessageScoped | providers.AbstractFactory):
        return "factory"
    return None


def nothing_to_serve(graph: Graph, /) -> Problem:
    """Return the problem of a container without any consumer; names one that its module has."""
    declared = vars(graph.container).get("declarative_parent")
    module = sys.modules.get(getattr(declared, "__module__", ""))
    for value in vars(module).values() if module else ():
        if isinstance(value, type) and issubclass(value, Consumer) and not is_abstract(value) and routes_of(value):
            name = value.__name__
            what = f"nothing to serve; {name} is imported but no provider gives it"
            return Problem(graph.name, what, f"{_snake(name)} = providers.Factory({name}, …)")
    return Problem(graph.name, "nothing to serve", "orders = providers.Factory(Orders, …) for a consumer class Orders")


def provider_of(graph: Graph, cls: type[Any], path: str, option: str) -> AnyProvider | Problem:
    """Return the one provider of a class that an option names.

    Args:
        graph: Of the container.
        cls: The class, as in `middlewares=[TenantCheck]`.
        path: Of who has the option: `Orders`, `Orders.placed`.
        option: "middlewares" or "codec".
    """
    # As declared: a replacement in a test may be of another class, and is still meant.
    exact = {entry.provider: entry for entry in graph.entries if provided_class(entry.declared) is cls}
    wide = {entry.provider: entry for entry in graph.entries if _is_a(entry, cls)}
    candidates = exact or wide
    name = cls.__name__
    if not candidates:
        written = f"[{name}]" if option == "middlewares" else name
        hint = f"{_snake(name)} = providers.Singleton({name}, …)"
        return Problem(path, f"{option}={written} has no provider", hint)
    if len(candidates) > 1:
        places = " and ".join(graph.path_of(one) or entry.path for one, entry in candidates.items())
        return Problem(path, f"{name} is provided by {places}", "give the object instead of the class")
    return next(iter(candidates))


def _is_a(entry: Entry, cls: type[Any]) -> bool:
    given = (_given(entry.declared), _given(entry.provider))
    return any(one is not None and issubclass(one, cls) for one in given)


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
