"""How the framework's own options are written in settings."""

from collections.abc import Awaitable, Callable, Mapping
from importlib import import_module
from inspect import iscoroutinefunction
from types import NoneType
from typing import Any, TypeGuard, TypeVar, cast, get_args, get_origin

import attrs
from cattrs import Converter

from faststream_oo.codec import Codec
from faststream_oo.markers import Field, Header, Key, Path
from faststream_oo.middleware import Middleware
from faststream_oo.options import RetryPolicy
from faststream_oo.outcome import Ack, DeadLetter, Drop, Outcome, Retry
from faststream_oo.security import Credentials, External, Gssapi, OAuth, Plain, Scram, Token
from faststream_oo.settings.converter import flow, is_union
from faststream_oo.settings.fitting import MisfitError, RefusedError
from faststream_oo.settings.names import suggestion

T = TypeVar("T")

_OUTCOME = 'ack, retry, {retry: seconds}, {dead_letter: "reason"} or {drop: "reason"}'
_CREDENTIALS = {Plain, Scram, OAuth, Gssapi, External, Token, Credentials}
_EXAMPLES = {"Class": "builtins:TimeoutError", "function": "shop.login:token"}
_MARKED: Mapping[str, Callable[[str], object]] = {"header": Header, "field": Field, "path": Path}


def register_forms(converter: Converter) -> None:
    """Teach a converter the forms of `ordered_by`, outcomes and error rules; refuse what belongs into the code."""
    converter.register_structure_hook_func(_has_code, _refuse)
    converter.register_structure_hook_func(lambda target: is_union(target) and Key in get_args(target), _ordered_by)
    converter.register_structure_hook(Outcome, lambda value, _: _outcome(value))
    converter.register_structure_hook_func(lambda target: target == type[Exception], _exception_class)
    converter.register_structure_hook_factory(_is_error_rule, _error_rule)
    converter.register_structure_hook_factory(_is_choice, _choice)
    converter.register_structure_hook_func(lambda target: target == Callable[[], Awaitable[str]], _token_function)


def _has_code(target: object) -> bool:
    """Whether a type asks for a codec or a middleware, at any depth."""
    return target in {Codec, Middleware} or any(_has_code(argument) for argument in get_args(target))


def _refuse(_value: object, _target: object) -> object:
    raise RefusedError("cannot be set here", "codecs and middlewares are named in the code")


def _ordered_by(value: object, target: object) -> object:
    if value is None or isinstance(value, Key | Header | Path | Field):
        return value
    if isinstance(value, str):
        kind, colon, name = value.partition(":")
        if value == "key":
            return Key()
        if colon and name and kind in _MARKED:
            return _MARKED[kind](name)
        if any(value in get_args(member) for member in get_args(target)):
            return value
    raise MisfitError("key, partition, header:NAME, field:PATH, path:NAME or null", value)


def _outcome(value: Any) -> Outcome:
    match value:
        case Outcome():
            return value
        case "ack":
            return Ack()
        case "retry":
            return Retry()
        case {"retry": int() | float() as seconds, **others} if not others and not isinstance(seconds, bool):
            return Retry(seconds)
        case {"dead_letter": str() as reason, **others} if not others:
            return DeadLetter(reason)
        case {"drop": str() as reason, **others} if not others:
            return Drop(reason)
        case "dead_letter" | "drop":
            raise MisfitError(_OUTCOME, value, f'a reason belongs to it, {{{value}: "…"}}')
        case _:
            raise MisfitError(_OUTCOME, value)


def _is_error_rule(target: object) -> bool:
    return is_union(target) and {Outcome, RetryPolicy} <= set(get_args(target))


def _error_rule(target: object, converter: Converter) -> Callable[[Any, Any], object]:
    callable_ = any(get_origin(member) is Callable for member in get_args(target))
    known = {"retry", "dead_letter", "drop"}

    def structure(value: Any, _: object) -> object:
        if isinstance(value, RetryPolicy) or (callable_ and callable(value)):
            return value
        policy = isinstance(value, Mapping) and not known.intersection(cast("Mapping[str, object]", value))
        return converter.structure(value, RetryPolicy) if policy else _outcome(value)

    return structure


def _is_choice(target: object) -> bool:
    """Whether one of several classes is meant, or one way of several to log in: `type` says which."""
    members = set(get_args(target)) - {NoneType}
    several = len(members) > 1 and all(map(attrs.has, members))
    return is_union(target) and bool(members) and (several or members <= _CREDENTIALS)


def _choice(target: object, converter: Converter) -> Callable[[Any, Any], object]:
    kinds = {member.__name__.lower(): member for member in get_args(target) if member is not NoneType}

    def structure(value: Any, _: object) -> object:
        if value is None or isinstance(value, tuple(kinds.values())):
            return value
        value = flow(value, "{}")
        if not isinstance(value, Mapping):
            raise MisfitError(f"{{type: {' | '.join(kinds)}, …}}", type(value).__name__)
        given = dict(cast("Mapping[str, object]", value))
        kind = given.pop("type", None)
        if kind not in kinds:
            raise RefusedError(f"type: {kind!r} is none of {', '.join(kinds)}", suggestion(str(kind), list(kinds)))
        return converter.structure(given, kinds[kind])

    return structure


def _exception_class(value: Any, _target: object) -> type[Exception]:
    return _imported(value, "Class", "exception class", _is_exception_class)


def _is_exception_class(found: Any) -> TypeGuard[type[Exception]]:
    return isinstance(found, type) and issubclass(found, Exception)


def _token_function(value: Any, _target: object) -> Callable[[], Awaitable[str]]:
    return _imported(value, "function", "asynchronous function", _is_token_function)


def _is_token_function(found: Any) -> TypeGuard[Callable[[], Awaitable[str]]]:
    return iscoroutinefunction(found)


def _imported(value: Any, kind: str, what: str, fits: Callable[[Any], TypeGuard[T]]) -> T:
    """Return what is meant, or what `module:name` means."""
    if fits(value):
        return value
    module, _, name = value.partition(":") if isinstance(value, str) else ("", "", "")
    if not (module and name):
        raise MisfitError(f"module:{kind}", value, _EXAMPLES[kind])
    try:
        members = vars(import_module(module))
    except ImportError as error:
        raise RefusedError(f"cannot be imported: {error}") from error
    found = members.get(name)
    if not fits(found):
        near = [known for known, member in members.items() if fits(member)]
        raise RefusedError(f"{module} has no {what} {name}", suggestion(name, near))
    return found
