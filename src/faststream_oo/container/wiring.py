"""A container as the application sees it: what to serve, what to open, and what is wrong with it."""

from collections.abc import Sequence
from functools import partial
from typing import Any, cast

from dependency_injector import containers

from faststream_oo.broker import Broker
from faststream_oo.consumer import Consumer
from faststream_oo.container.checks import check
from faststream_oo.container.discovery import Found, discover, nothing_to_serve, provider_of
from faststream_oo.container.graph import ONCE, AnyProvider, Graph, effective
from faststream_oo.container.recipes import brokers_of, instance, recipe
from faststream_oo.errors import LifecycleError, Problem, SetupError
from faststream_oo.producer import Producer
from faststream_oo.routes import class_prefix
from faststream_oo.scope import Recipe
from faststream_oo.served import Served


class Wiring:
    """Reads a container once: its consumers, producers and brokers, and what the graph of providers forbids.

    Args:
        container: An instance, with every override applied.
    """

    def __init__(self, container: containers.Container) -> None:
        self._graph = Graph(container)
        self._recipes: dict[tuple[AnyProvider, tuple[type[object], ...]], Recipe] = {}
        found = discover(self._graph)
        self.problems: list[Problem] = list(found.problems)
        roots = [one.provider for one in (*found.brokers, *found.producers, *found.consumers)]
        self.problems += check(self._graph, roots)
        self.served: list[Served] = []
        self.brokers: list[Broker] = []
        self.producers: list[tuple[type[Producer], Broker]] = []
        # Of a container with problems as much is built as can be: what is wrong with one provider hides no other's.
        sound = {root for root in roots if not self.problems or not check(self._graph, [root])}
        for one in found.brokers:
            if one.provider in sound:
                self._take(self.brokers, self._built(one))
        for one in found.producers:
            if one.provider in sound:
                self.producers += [(one.cls, broker) for broker in self._brokers_of(one)[:1]]
        for one in found.consumers:
            if one.provider in sound:
                self._serve(one)
        if not found.consumers and not self.problems:
            self.problems.append(nothing_to_serve(self._graph))

    def find(self, cls: type[object], path: str, option: str, /) -> object | None:
        """Return the one object of a class, or None when there is one for each attempt. Raises SetupError."""
        provider = self._provider(cls, path, option)
        if isinstance(provider, ONCE) or option == "codec":
            return cast(object, instance(self._graph, provider))
        return None

    def _provider(self, cls: type[object], path: str, option: str) -> AnyProvider:
        provider = provider_of(self._graph, cls, path, option)
        if isinstance(provider, Problem):
            raise SetupError([provider])
        if problems := check(self._graph, [provider]):
            raise SetupError(problems)
        return provider

    def recipe(self, provider: AnyProvider, classes: Sequence[type[object]] = (), /) -> Recipe:
        """Return what builds the object of a provider, then one of each class, for an attempt."""
        key = (provider, tuple(classes))
        if key not in self._recipes:
            others = [self._provider(cls, "", "middlewares") for cls in classes]
            if problems := check(self._graph, [effective(provider)]):
                raise SetupError(problems)
            self._recipes[key] = recipe(self._graph, [provider, *others])
        return self._recipes[key]

    def _built(self, found: Found) -> Any:
        try:
            return instance(self._graph, found.provider)
        except SetupError as error:
            self.problems += error.problems
            return None

    def _take(self, brokers: list[Broker], broker: Broker | None) -> None:
        if broker is not None and broker not in brokers:
            brokers.append(broker)

    def _brokers_of(self, found: Found) -> Sequence[Broker]:
        try:
            brokers = brokers_of(self._graph, found.provider)
        except SetupError as error:
            self.problems += error.problems
            return []
        for broker in brokers:
            self._take(self.brokers, broker)
        return brokers

    def _serve(self, found: Found) -> None:
        try:
            self._serve_checked(found)
        except SetupError as error:
            self.problems += error.problems

    def _serve_checked(self, found: Found) -> None:
        sample: Consumer | None = None
        made = self.recipe(found.provider) if found.kind == "factory" else None
        if found.kind == "singleton":
            sample = self._built(found)
            if sample is None:
                return
        elif made is not None and not made.scoped:
            sample = made.build(())[0]
        if sample is not None:
            try:
                broker = sample.broker
            except LifecycleError:
                what = f"{found.cls.__name__} was built without its broker"
                self.problems.append(Problem(found.path, what, "call super().__init__(broker)"))
                return
            self._take(self.brokers, broker)
            self._add(found, type(sample), broker, sample.name, sample.prefix, sample)
            return
        brokers = self._brokers_of(found)
        if not brokers:
            what = f"{found.cls.__name__} is built without a broker"
            self.problems.append(Problem(found.path, what, "give it one: broker=kafka.broker"))
            return
        given = {**getattr(found.provider, "kwargs", {})}
        name, prefix = given.get("name"), given.get("prefix")
        self._add(
            found,
            found.cls,
            brokers[0],
            name if isinstance(name, str) else found.cls.__name__,
            prefix if isinstance(prefix, str) else class_prefix(found.cls),
            None,
        )

    def _add(
        self, found: Found, cls: type[Consumer], broker: Broker, name: str, prefix: str, sample: Consumer | None
    ) -> None:
        provider = found.provider
        if found.kind == "singleton":
            self.served.append(Served(found.path, cls, broker, name, prefix, sample))
        else:
            build = partial(self.recipe, provider)
            self.served.append(Served(found.path, cls, broker, name, prefix, None, build))
