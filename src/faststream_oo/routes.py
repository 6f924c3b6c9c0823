"""What decorators and class keywords recorded: read once, when an application is built."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar, cast

from attrs import field, frozen

from faststream_oo.address import Address

F = TypeVar("F", bound=Callable[..., object])

Options = Mapping[str, Any]
"""Options by name; which names there are is in the protocols' TypedDicts."""

_CONSUMES = "__faststream_oo_consumes__"
_PRODUCES = "__faststream_oo_produces__"
_REQUESTS = "__faststream_oo_requests__"
_OPTIONS = "__faststream_oo_options__"
_ADDING = frozenset({"middlewares", "tags"})
_OWN = frozenset({"abstract", "without", "prefix"})


@frozen
class Mark:
    """One `@consumes`, `@produces` or `@requests` of a method.

    Attributes:
        address: As written.
        options: As written.
    """

    address: Address
    options: Options


@frozen
class RequestMark(Mark):
    """One `@requests` of a method.

    Attributes:
        reply: Type of the reply, as written.
        timeout: Seconds to wait for it.
    """

    reply: Any
    timeout: float


@frozen
class Route:
    """One method with its marks, inherited ones included.

    Attributes:
        method: Name of the method.
        consumes: Its `@consumes`, top to bottom.
        produces: Its `@produces`, top to bottom.
        requests: Its `@requests`.
    """

    method: str
    consumes: Sequence[Mark] = field(factory=tuple[Mark, ...], kw_only=True)
    produces: Sequence[Mark] = field(factory=tuple[Mark, ...], kw_only=True)
    requests: Sequence[RequestMark] = field(factory=tuple[RequestMark, ...], kw_only=True)

    @property
    def sends(self) -> Sequence[Mark]:
        """Its `@produces` and `@requests`."""
        return (*self.produces, *self.requests)


def mark_consumes(function: F, address: Address, options: Options, /) -> F:
    """Record a `@consumes` on a function and return it."""
    return _mark(function, _CONSUMES, Mark(address, options))


def mark_produces(function: F, address: Address, options: Options, /) -> F:
    """Record a `@produces` on a function and return it."""
    return _mark(function, _PRODUCES, Mark(address, options))


def mark_requests(function: Callable[..., object], mark: RequestMark, /) -> None:
    """Record a `@requests` on a function."""
    _mark(function, _REQUESTS, mark)


def _mark(function: F, kind: str, mark: Mark) -> F:
    # Decorators run from the bottom up; the list reads from the top down.
    setattr(function, kind, [mark, *vars(function).get(kind, ())])
    return function


def record_options(cls: type[object], options: Options, /) -> None:
    """Keep the keywords of a class statement.

    `attrs.define` and `dataclass(slots=True)` build the class a second time, without keywords: what the first time
    put into the class's own namespace is kept.
    """
    if _OPTIONS not in vars(cls):
        setattr(cls, _OPTIONS, dict(options))


def own_options(cls: type[object], /) -> Options:
    """Return the keywords of this class statement alone."""
    return cast(Options, vars(cls).get(_OPTIONS, {}))


def class_options(cls: type[object], /) -> dict[str, Any]:
    """Return the keywords of a class and its bases, the nearer class winning; `abstract` is not inherited."""
    merged = merge(*(own_options(base) for base in reversed(cls.__mro__)))
    for name in _OWN:
        merged.pop(name, None)
    return merged


def class_prefix(cls: type[object], /) -> str:
    """Return the `prefix` keyword of the nearest class that has one."""
    return next((own_options(base)["prefix"] for base in cls.__mro__ if "prefix" in own_options(base)), "")


def is_abstract(cls: type[object], /) -> bool:
    """Whether this very class is marked `abstract=True`."""
    return bool(own_options(cls).get("abstract"))


def merge(*scopes: Options) -> dict[str, Any]:
    """Merge options, later scopes winning; middlewares and tags add up, errors merge by class."""
    merged: dict[str, Any] = {}
    for scope in scopes:
        for name, value in scope.items():
            if name in _ADDING:
                merged[name] = [*merged.get(name, ()), *value]
            elif name == "errors":
                merged[name] = {**merged.get(name, {}), **value}
            else:
                merged[name] = value
    return merged


def routes_of(cls: type[object], /) -> Sequence[Route]:
    """Return the routes of a class in order of definition, base classes first.

    An override keeps the marks it overrides unless it is decorated again; `without` leaves methods out.
    """
    left_out = {name for base in cls.__mro__ for name in own_options(base).get("without", ())}
    names = dict.fromkeys(name for base in reversed(cls.__mro__) for name in vars(base))
    routes = (
        Route(
            name,
            consumes=_inherited(cls, name, _CONSUMES),
            produces=_inherited(cls, name, _PRODUCES),
            requests=requests_of(cls, name),
        )
        for name in names
        if name not in left_out
    )
    return [route for route in routes if route.consumes or route.sends]


def unknown_without(cls: type[object], /) -> Iterable[str]:
    """Return names in `without` of this class that no base class routes."""
    inherited = {route.method for base in cls.__mro__[1:] for route in routes_of(base)}
    return [name for name in own_options(cls).get("without", ()) if name not in inherited]


def marks_of(cls: type[object], method: str, /) -> Sequence[Mark]:
    """Return the `@produces` of a method, inherited ones included."""
    return _inherited(cls, method, _PRODUCES)


def requests_of(cls: type[object], method: str, /) -> Sequence[RequestMark]:
    """Return the `@requests` of a method, inherited ones included."""
    return cast("Sequence[RequestMark]", _inherited(cls, method, _REQUESTS))


def _inherited(cls: type[object], name: str, kind: str) -> Sequence[Mark]:
    for base in cls.__mro__:
        function = vars(base).get(name)
        if function is not None and kind in getattr(function, "__dict__", {}):
            return tuple(cast("Sequence[Mark]", vars(function)[kind]))
    return ()
