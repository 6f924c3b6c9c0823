"""Checks provider graphs before anything is built, and reports everything that is wrong at once."""

from collections.abc import Iterable, Iterator, Sequence
from inspect import isasyncgenfunction, isclass, iscoroutinefunction, unwrap
from typing import Any

from dependency_injector import errors, providers

from faststream_oo.container.graph import (
    HOLDING,
    AnyProvider,
    Edge,
    Graph,
    below,
    edges,
    joined,
    provided_call,
)
from faststream_oo.container.providers import MessageScoped
from faststream_oo.container.signatures import argument_problems, class_problems, name_of
from faststream_oo.errors import Problem


def check(graph: Graph, roots: Iterable[AnyProvider], /) -> list[Problem]:
    """Return what is wrong with providers and everything they need; nothing is called but configuration options.

    Args:
        graph: For the names of what is found.
        roots: Effective providers of consumers, producers, brokers, middlewares, codecs.
    """
    walk = _Walk(graph)
    for root in roots:
        walk.visit(Edge("", root), graph.name, "")
    return walk.problems


class _Walk:
    """One pass over the graph, each provider once."""

    def __init__(self, graph: Graph) -> None:
        self.problems: list[Problem] = []
        self._graph = graph
        self._done: set[AnyProvider] = set()
        self._open: dict[AnyProvider, str] = {}

    def visit(self, edge: Edge, holder: str, owner: str) -> None:
        """Check what an edge leads to, then what that needs; `owner` is the class that the edge comes from."""
        provider, path = edge.provider, self._graph.place_of(edge, holder)
        if provider in self._open:
            self.problems.append(_cycle([*self._open.values()][[*self._open].index(provider) :]))
            return
        if is_asynchronous(provider):
            self.problems.append(_asynchronous(provider, joined(holder, edge.name) if owner else path, owner))
            return
        if provider in self._done:
            return
        self._open[provider] = path
        self.problems += _problems_of(provider, path)
        if isinstance(provider, HOLDING):
            self.problems += self._held(provider, path)
        call = provided_call(provider)
        for child in edges(provider):
            self.visit(child, path, owner if call is None else name_of(call))
        del self._open[provider]
        self._done.add(provider)

    def _held(self, holder: AnyProvider, path: str) -> Iterator[Problem]:
        call = provided_call(holder)
        cls = "…" if call is None else name_of(call)
        for edge in below(holder):
            if isinstance(edge.provider, MessageScoped):
                name = (self._graph.path_of(edge.provider) or edge.name).rpartition(".")[2]
                what = f'a {type(holder).__name__} cannot hold message-scoped "{name}"'
                yield Problem(path, what, f"providers.Factory({cls}, …)")


def _problems_of(provider: AnyProvider, path: str) -> Iterator[Problem]:
    if isinstance(provider, providers.Dependency):
        name = path.rpartition(".")[2]
        yield Problem(path, "nothing is given for this dependency", f"providers.Container(…, {name}={name})")
    elif isinstance(provider, providers.ConfigurationOption):
        yield from _undefined(provider, path)
    yield from argument_problems(path, provider)
    yield from class_problems(path, provider)


def _cycle(paths: Sequence[str]) -> Problem:
    names = [path.rpartition(".")[2] for path in (*paths[1:], paths[0])]
    return Problem(" → ".join((paths[0], *names)), "providers depend on each other")


def _undefined(option: providers.ConfigurationOption, path: str) -> Iterator[Problem]:
    try:
        option()
    except errors.Error as error:
        yield Problem(path, str(error).replace("U", "u", 1), "give it in a file, the environment or --set")


def is_asynchronous(provider: AnyProvider, /) -> bool:
    """Whether calling a provider gives something to await, as far as its class and what it calls tell."""
    call: Any = provided_call(provider)
    if call is None:
        return False
    if isinstance(provider, providers.Coroutine) or provider.is_async_mode_enabled() or iscoroutinefunction(call):
        return True
    if not isinstance(provider, providers.BaseResource):
        return False
    if isclass(call):
        # A Resource enters what has both the synchronous way.
        return hasattr(call, "__aenter__") and not hasattr(call, "__enter__")
    return isasyncgenfunction(unwrap(call))


def _asynchronous(provider: AnyProvider, path: str, owner: str) -> Problem:
    if isinstance(provider, MessageScoped):
        return Problem(path, "is a coroutine function", "an async generator: yield the object instead of returning it")
    what = f"is asynchronous and would turn every {owner} into a Future" if owner else "is asynchronous"
    return Problem(path, what, "open it in Application(lifespan=…) and inject the object")
