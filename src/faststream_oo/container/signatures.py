"""Checks what a provider injects against the signature of what it calls."""

from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator, Sequence
from inspect import Parameter, isclass
from types import UnionType
from typing import Annotated, Any, Self, Union, cast, get_args, get_origin, get_type_hints

from dependency_injector import providers
from typing_extensions import is_protocol

from faststream_oo.broker import Broker
from faststream_oo.container.graph import (
    AnyCall,
    AnyProvider,
    arguments_of,
    effective,
    is_called,
    joined,
    parameters_of,
    provided_call,
)
from faststream_oo.container.providers import MessageScoped, Settings
from faststream_oo.errors import Problem
from faststream_oo.settings.names import nearest

_YIELDING = (Iterator, AsyncIterator, Generator, AsyncGenerator)
_VARIADIC = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)


def argument_problems(path: str, provider: AnyProvider, /) -> list[Problem]:
    """Return the arguments of a call that are missing, unknown, or too many."""
    call = provided_call(provider)
    parameters = parameters_of(call) if call else None
    if call is None or parameters is None:
        return []
    names = [name for name, _ in arguments_of(provider)]
    taken = {one.name for one in parameters if one.kind not in _VARIADIC}
    needed = [one.name for one in parameters if one.name in taken and one.default is Parameter.empty]
    missing = [name for name in needed if name not in names]
    problems: list[Problem] = []
    for name in dict.fromkeys(names):
        if names.count(name) > 1:
            problems.append(Problem(path, f'{name_of(call)}() is given "{name}" twice'))
        elif name not in taken and not _takes(parameters, name):
            problems.append(_unknown(path, call, name, taken, missing))
    problems += [
        Problem(path, f'{name_of(call)}() needs "{name}"', f"{_written(provider)}({name_of(call)}, …, {name}={name})")
        for name in missing
    ]
    return problems


def _takes(parameters: Sequence[Parameter], name: str) -> bool:
    """Whether `*args` or `**kwargs` takes an argument that has no parameter of its own."""
    kind = Parameter.VAR_POSITIONAL if name.startswith("args[") else Parameter.VAR_KEYWORD
    return any(one.kind is kind for one in parameters)


def _unknown(path: str, call: AnyCall, name: str, taken: set[str], missing: list[str]) -> Problem:
    """Return the problem of a name that nothing takes; a missing one that it was meant to be is said with it."""
    if name.startswith("args["):
        return Problem(path, f"{name_of(call)}() takes fewer positional arguments")
    meant = nearest(name, missing) or nearest(name, taken)
    if meant in missing:
        missing.remove(meant)
    hint = f'did you mean "{meant}"?' if meant else f"it has {', '.join(sorted(taken))}" if taken else ""
    return Problem(path, f'{name_of(call)}() has no "{name}"', hint)


def class_problems(path: str, provider: AnyProvider, /) -> list[Problem]:
    """Return injected providers of a class that the parameter, or the Dependency on the way, does not take."""
    call = provided_call(provider)
    if call is None:
        return []
    wanted = hints_of(call)
    problems: list[Problem] = []
    for name, value in arguments_of(provider):
        where = f"{name_of(call)}.__init__" if isclass(call) else name_of(call)
        if _is_in_place_of_broker(value, wanted.get(name)):
            what = f"gives a container, {where} wants {_annotation(wanted[name])}"
            problems.append(Problem(joined(path, name), what, "its .broker"))
            continue
        given = given_class(effective(value)) if is_called(value) else None
        if given is None:
            continue
        if not fits(given, wanted.get(name, Any)):
            what = f"gives {given.__name__}, {where} wants {_annotation(wanted[name])}"
            problems.append(Problem(joined(path, name), what))
        elif not fits(given, asked := _asked(value)):
            what = f"gives {given.__name__}, the Dependency wants {asked.__name__}"
            problems.append(Problem(joined(path, name), what))
    return problems


def _is_in_place_of_broker(value: object, wanted: object) -> bool:
    return isinstance(value, providers.Container) and isclass(wanted) and issubclass(wanted, Broker)


def _asked(value: object) -> type[Any]:
    """Return the class that a Dependency on the way asks for."""
    return cast(Any, value).instance_of if isinstance(value, providers.Dependency) else object


def given_class(provider: AnyProvider, /) -> type[Any] | None:
    """Return the class of what a provider gives, as far as classes and annotations tell; None when they do not."""
    if isinstance(provider, Settings):
        of: object = next(iter(provider.args), None)
        return of if isclass(of) else None
    if isinstance(provider, providers.BaseResource):
        return None
    call = provided_call(provider)
    if call is None:
        return None
    entered = _entered(call) if isinstance(provider, MessageScoped) else call
    annotation = entered if isclass(entered) else hints_of(entered).get("return")
    if isinstance(provider, MessageScoped) and get_origin(annotation) in _YIELDING:
        annotation = get_args(annotation)[0]
    if annotation is Self:
        annotation = call
    return annotation if isclass(annotation) and annotation is not object else None


def _entered(call: AnyCall) -> AnyCall:
    """Return what tells the class of a message-scoped object: a manager is not what it gives."""
    for method in ("__aenter__", "__enter__"):
        if isclass(call) and method in dir(call):
            return cast(AnyCall, getattr(call, method))
    return call


def hints_of(call: AnyCall, /) -> dict[str, Any]:
    """Return the resolved annotations of a call; none when one of them is not there at run time."""
    function = call.__init__ if isclass(call) else getattr(call, "func", call)
    try:
        return get_type_hints(function)
    except (NameError, AttributeError, TypeError):
        return {}


def fits(given: type[Any], wanted: Any, /) -> bool:
    """Whether an object of a class may stand where an annotation is; True where that cannot be told."""
    origin = get_origin(wanted)
    if origin is Annotated:
        return fits(given, get_args(wanted)[0])
    if origin in {Union, UnionType}:
        return any(fits(given, one) for one in get_args(wanted))
    if hasattr(wanted, "__supertype__"):
        return fits(given, wanted.__supertype__)
    wanted = origin or wanted
    if wanted is float and given is int:
        return True
    # Any is a class in Python 3.11, of which nothing is a subclass.
    if wanted is Any or not isclass(wanted) or is_protocol(wanted) or _stands_for_anything(given):
        return True
    try:
        return issubclass(given, wanted)
    except TypeError:
        return True


def _stands_for_anything(given: type[Any]) -> bool:
    return any(base.__module__ == "unittest.mock" for base in given.__mro__)


def name_of(call: AnyCall, /) -> str:
    """Return the name of a class or function, of what a partial calls."""
    return str(getattr(getattr(call, "func", call), "__name__", call))


def _annotation(wanted: Any) -> str:
    if get_origin(wanted) in {Union, UnionType}:
        return " | ".join(_annotation(one) for one in get_args(wanted))
    return "None" if wanted is type(None) else str(getattr(wanted, "__name__", wanted))


def _written(provider: AnyProvider) -> str:
    """Return how a provider's class is written in a container."""
    kind = type(provider)
    return f"providers.{kind.__name__}" if kind.__module__.startswith("dependency_injector") else kind.__name__
