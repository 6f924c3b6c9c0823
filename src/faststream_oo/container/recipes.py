"""Compiles provider graphs into plain calls, so that no provider is called for a message.

What is provided once is resolved here. The rest becomes one Python expression over the message-scoped objects, as
`(c0(c1, uow=scoped[0]),)`: nothing else builds an object at the price of building it by hand.
"""

from asyncio import isfuture
from collections.abc import Iterable
from contextlib import asynccontextmanager, contextmanager
from inspect import isasyncgenfunction, isclass, isgeneratorfunction
from keyword import iskeyword
from typing import Any, cast

from dependency_injector import errors, providers

from faststream_oo.broker import Broker
from faststream_oo.container.graph import (
    ONCE,
    AnyCall,
    AnyProvider,
    Graph,
    arguments_of,
    below,
    effective,
    is_called,
    provided_call,
)
from faststream_oo.container.providers import MessageScoped
from faststream_oo.errors import Problem, SetupError
from faststream_oo.scope import Build, Recipe, ScopedRecipe, Style, style_of

_FIXED = (
    *ONCE,
    providers.Object,
    providers.ConfigurationOption,
    providers.TypedConfigurationOption,
    providers.Self,
    providers.Container,
)
"""Providers that are asked once, when the recipe is compiled."""


def recipe(graph: Graph, roots: Iterable[AnyProvider], /) -> Recipe:
    """Return how the objects of providers are made for one attempt; message-scoped objects are shared by all.

    The providers must be free of problems, see `check`.

    Raises:
        SetupError: A singleton or an option cannot be provided.
    """
    compiler = _Compiler(graph)
    built = "".join(f"{compiler.object_of(effective(root))}, " for root in roots)
    return Recipe(compiler.function(f"({built})"), tuple(compiler.scoped))


def instance(graph: Graph, provider: AnyProvider, /) -> Any:
    """Return the object of a provider, made by dependency-injector; what is provided once is made at the first call.

    Raises:
        SetupError: Settings are wrong, or dependency-injector refuses; what a constructor raises comes as it is.
    """
    provider = effective(provider)
    path = graph.path_of(provider) or graph.name
    try:
        made = provider()
    except errors.Error as error:
        raise SetupError([Problem(path, str(error))]) from error
    if isfuture(made):
        hint = "open it in Application(lifespan=…) and inject the object"
        raise SetupError([Problem(path, "is asynchronous: it gave a Future", hint)])
    return made


def brokers_of(graph: Graph, provider: AnyProvider, /) -> list[Broker]:
    """Return the brokers that objects of a provider are built with, without building one. Raises SetupError."""
    found = effective(provider)
    built = [instance(graph, edge.provider) for edge in below(found) if isinstance(edge.provider, _FIXED)]
    built += [value for _, value in arguments_of(found)]  # one that was made by hand is given as it is
    return list(dict.fromkeys(one for one in built if isinstance(one, Broker)))


class _Compiler:
    """Writes expressions, and keeps the constants and the message-scoped objects that they refer to."""

    def __init__(self, graph: Graph) -> None:
        self.scoped: list[ScopedRecipe] = []
        self._graph = graph
        self._places: dict[AnyProvider, int] = {}
        self._constants: dict[str, object] = {"with_attributes": _with_attributes}

    def function(self, expression: str) -> Build:
        """Return an expression as a function of the message-scoped objects."""
        # Made of `c` and a number, `scoped` and an index, identifiers and literals: nothing from outside.
        return cast(Build, eval(f"lambda scoped: {expression}", self._constants))  # noqa: S307

    def object_of(self, provider: AnyProvider) -> str:
        """Return the expression for the object of an effective provider."""
        match provider:
            case MessageScoped():
                return f"scoped[{self._place(provider)}]"
            case providers.List():
                return f"[{', '.join(map(self._value, provider.args))}]"
            case providers.Dict():
                items = (f"{self._constant(key)}: {self._value(value)}" for key, value in provider.kwargs.items())
                return f"{{{', '.join(items)}}}"
            case providers.Selector():
                return self._selected(provider)
            case (
                providers.ProvidedInstance()
                | providers.AttributeGetter()
                | providers.ItemGetter()
                | providers.MethodCaller()
            ):
                return self._taken(provider)
            case _:
                return self._called(provider)

    def _taken(self, taker: Any) -> str:
        """What `.provided` gives: the object, and what is taken out of it."""
        inner = self._value(taker.provides)
        match taker:
            case providers.AttributeGetter():
                return f"getattr({inner}, {self._constant(taker.name)})"
            case providers.ItemGetter():
                return f"{inner}[{self._constant(taker.name)}]"
            case providers.MethodCaller():
                return f"{inner}({self._arguments(taker)})"
            case _:
                return inner

    def _called(self, provider: AnyProvider) -> str:
        if isinstance(provider, _FIXED):
            return self._constant(instance(self._graph, provider))
        if isinstance(provider, providers.Delegate):
            handed: object = cast(Any, provider).provides
            self._need(handed)
            return self._constant(handed)
        call = provided_call(provider)
        if call is not None and isinstance(provider, providers.Factory | providers.Callable):
            return self._call(call, provider)
        # Of a kind that knows itself whether it gives a new object: per thread, per context, a resource, the user's own.
        for edge in below(provider):
            self._need(edge.provider)
        return f"{self._constant(provider)}()"

    def _selected(self, provider: providers.Selector[Any]) -> str:
        """A selector that reads the configuration chooses now, another one at each attempt."""
        selector: object = provider.selector
        if not is_called(selector) or not isinstance(effective(selector), _FIXED):
            return self._called(provider)
        name = instance(self._graph, selector)
        if name not in provider.providers:
            path = self._graph.path_of(provider) or self._graph.name
            raise SetupError([Problem(path, f'Selector has no "{name}"', f"one of {', '.join(provider.providers)}")])
        return self.object_of(effective(provider.providers[name]))

    def _call(self, call: AnyCall, provider: providers.Factory[Any] | providers.Callable[Any]) -> str:
        made = f"{self._constant(call)}({self._arguments(provider)})"
        if isinstance(provider, providers.Factory) and provider.attributes:
            named = (_keyword(name, self._value(value)) for name, value in provider.attributes.items())
            made = f"with_attributes({made}, {', '.join(named)})"
        return made

    def _arguments(self, provider: Any) -> str:
        named = (_keyword(name, self._value(value)) for name, value in provider.kwargs.items())
        return ", ".join([*map(self._value, provider.args), *named])

    def _value(self, value: object) -> str:
        """Return the expression for one injection: an object, or a plain value or provider as it is."""
        if is_called(value):
            return self.object_of(effective(value))
        self._need(value)
        return self._constant(value)

    def _constant(self, value: object) -> str:
        name = f"c{len(self._constants)}"
        self._constants[name] = value
        return name

    def _need(self, value: object) -> None:
        """Have a message-scoped object ready that user code may ask its provider for."""
        if providers.is_provider(value):
            provider = effective(cast(AnyProvider, value))
            if isinstance(provider, MessageScoped):
                self._place(provider)

    def _place(self, provider: MessageScoped[Any]) -> int:
        """Return the index of a message-scoped object; those that it needs come before it."""
        if provider not in self._places:
            call, style = _entering(cast(AnyCall, provided_call(provider)))
            make = self.function(self._call(call, provider))
            self._places[provider] = len(self.scoped)
            self.scoped.append(ScopedRecipe(provider, make, style))
        return self._places[provider]


def _entering(call: AnyCall) -> tuple[AnyCall, Style | None]:
    """Return what is called for a message-scoped object, and how the result is had where that is known now."""
    if isgeneratorfunction(call):
        return contextmanager(call), "manager"
    if isasyncgenfunction(call):
        return asynccontextmanager(call), "async manager"
    return call, style_of(call) if isclass(call) else None


def _keyword(name: str, value: str) -> str:
    """Return a keyword argument; one that is no identifier can only be unpacked."""
    return f"{name}={value}" if name.isidentifier() and not iskeyword(name) else f"**{{{name!r}: {value}}}"


def _with_attributes(made: object, /, **attributes: object) -> object:
    for name, value in attributes.items():
        setattr(made, name, value)
    return made
