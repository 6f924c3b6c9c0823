"""Reads dependency-injector's provider graphs: what stands for what, who injects whom, and by which names."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from inspect import Parameter, signature
from typing import Any, TypeAlias, TypeGuard, cast, get_origin

from attrs import frozen
from dependency_injector import containers, providers

AnyProvider: TypeAlias = providers.Provider[Any]
AnyCall: TypeAlias = Callable[..., Any]

CALLING = (providers.Factory, providers.BaseSingleton, providers.Callable, providers.BaseResource)
"""Providers that call something with injections."""
ONCE = (providers.Singleton, providers.ThreadSafeSingleton)
"""Providers of one object for the container's life."""
HOLDING = (providers.BaseSingleton, providers.BaseResource)
"""Providers that keep what was injected into them."""

_POSITIONAL = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)


def effective(provider: AnyProvider, /) -> AnyProvider:
    """Return what really provides: the last override, what a Dependency was given, or the provider itself."""
    # Any: the stubs of dependency-injector leave the argument of what overrides open.
    override: AnyProvider | None = cast(Any, provider).last_overriding
    if override is None and isinstance(provider, providers.Dependency):
        override = provider.default
    return provider if override is None else effective(override)


def is_called(value: object, /) -> TypeGuard[AnyProvider]:
    """Whether an injection is a provider whose object is injected, and not a value or the provider itself."""
    return providers.is_provider(value) and not providers.is_delegated(value)


def provided_call(provider: AnyProvider, /) -> AnyCall | None:
    """Return the class or function that a provider calls, None where there is none, or only another provider."""
    if not isinstance(provider, CALLING):
        return None
    provides = provider.provides
    return None if providers.is_provider(provides) else get_origin(provides) or provides


def provided_class(provider: AnyProvider, /) -> type[Any] | None:
    """Return the class that a provider calls, None when it calls anything else."""
    provides = provided_call(provider)
    return provides if isinstance(provides, type) else None


def parameters_of(call: AnyCall, /) -> Sequence[Parameter] | None:
    """Return the parameters of a class or function; None when they cannot be told, as for some built-in ones."""
    try:
        return tuple(signature(call).parameters.values())
    except (TypeError, ValueError):
        return None


def arguments_of(provider: AnyProvider, /) -> Iterator[tuple[str, object]]:
    """Return the injections into a call by the names of its parameters; `args[3]` when it has none for it."""
    if not isinstance(provider, CALLING):
        return
    call = provided_call(provider)
    parameters = (parameters_of(call) if call else None) or ()
    names = [one.name for one in parameters if one.kind in _POSITIONAL]
    for index, value in enumerate(provider.args):
        yield names[index] if index < len(names) else f"args[{index}]", value
    yield from provider.kwargs.items()


@frozen
class Edge:
    """One object that a provider needs.

    Attributes:
        name: Of the parameter, attribute or key; empty where there is none.
        provider: What really provides it.
    """

    name: str
    provider: AnyProvider


def edges(provider: AnyProvider, /) -> Iterator[Edge]:
    """Return what a provider calls to provide its object."""
    for name, value in _injections(provider):
        if is_called(value):
            yield Edge(name, effective(value))


def _injections(provider: AnyProvider) -> Iterator[tuple[str, object]]:
    match provider:
        case providers.Delegate() | providers.Aggregate():
            return  # they hand out providers and call none
        case providers.Object() | providers.ConfigurationOption() | providers.Container():
            return  # what they relate to is in them; a Configuration is an Object
        case providers.Factory() | providers.BaseSingleton():
            yield "", provider.provides
            yield from arguments_of(provider)
            yield from provider.attributes.items()
        case providers.Callable() | providers.BaseResource():
            yield "", provider.provides
            yield from arguments_of(provider)
        case providers.List():
            yield from ((f"[{index}]", value) for index, value in enumerate(provider.args))
        case providers.Dict():
            yield from ((f"[{key!r}]", value) for key, value in provider.kwargs.items())
        case _:
            yield from (("", child) for child in cast(Any, provider).related)


def below(provider: AnyProvider, /) -> Iterator[Edge]:
    """Return every edge that calling a provider follows, but not into what is provided once for all."""
    seen: set[AnyProvider] = set()
    waiting = [provider]
    while waiting:
        for edge in edges(waiting.pop()):
            yield edge
            if edge.provider not in seen and not isinstance(edge.provider, HOLDING):
                seen.add(edge.provider)
                waiting.append(edge.provider)


@frozen
class Entry:
    """One provider of a container or of one nested in it.

    Attributes:
        path: `Billing.kafka.broker`.
        declared: As it stands in the container.
        provider: What really provides.
    """

    path: str
    declared: AnyProvider
    provider: AnyProvider


class Graph:
    """The providers of a container and of those nested in it, by their paths; read once.

    Args:
        container: An instance, with every override applied.
    """

    def __init__(self, container: containers.Container) -> None:
        self.container = container
        self.name = _name_of(container)
        self.entries: Sequence[Entry] = tuple(_entries(container, self.name))
        # An object goes by the name of who declares it, then of who took it in as a Dependency.
        ordered = sorted(self.entries, key=lambda entry: isinstance(entry.declared, providers.Dependency))
        paths: dict[AnyProvider, str] = {}
        for entry in ordered:
            paths.setdefault(entry.provider, entry.path)
            paths.setdefault(entry.declared, entry.path)
        self._paths: Mapping[AnyProvider, str] = paths

    def path_of(self, provider: AnyProvider, /) -> str | None:
        """Return where a provider stands, None for one that is only an argument of others."""
        return self._paths.get(provider)

    def place_of(self, edge: Edge, holder: str, /) -> str:
        """Return the path of what an edge leads to: its own, else below the path of who needs it."""
        own = self._paths.get(edge.provider)
        return own or joined(holder, edge.name)


def joined(path: str, name: str, /) -> str:
    """Return a path with one more name."""
    return f"{path}{name}" if not name or name.startswith("[") else f"{path}.{name}"


def _name_of(container: containers.Container) -> str:
    """Return the name of the class that a container is an instance of."""
    declared: object = vars(container).get("declarative_parent")
    return (declared if isinstance(declared, type) else type(container)).__name__


def _entries(container: containers.Container, name: str) -> Iterator[Entry]:
    waiting: list[tuple[str, containers.Container]] = [(name, container)]
    for path, current in waiting:
        for attribute, provider in current.providers.items():
            yield Entry(f"{path}.{attribute}", provider, effective(provider))
            if isinstance(provider, providers.Container):
                waiting.append((f"{path}.{attribute}", provider.container))
