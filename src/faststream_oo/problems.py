"""What can be wrong with options and with methods that publish, found before anything connects."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from difflib import get_close_matches
from inspect import iscoroutinefunction, unwrap
from types import NoneType, UnionType
from typing import Any, Union, cast, get_args, get_origin, get_type_hints, is_typeddict
from uuid import UUID

import attrs

from faststream_oo.binding import NOT_ASYNC
from faststream_oo.broker import Broker
from faststream_oo.consumer import Consumer
from faststream_oo.errors import Problem
from faststream_oo.markers import Field, Header, Key, Path
from faststream_oo.message import Batch, Outgoing
from faststream_oo.options import RetryPolicy
from faststream_oo.outcome import Outcome
from faststream_oo.producer import Producer
from faststream_oo.publishing import placeholders, produced_body
from faststream_oo.routes import Mark, RequestMark, Route, own_options, routes_of, unknown_without

_KINDS: Mapping[str, tuple[type, ...]] = {
    "concurrency": (int,),
    "prefetch": (int,),
    "timeout": (float, int, NoneType),
    "retry": (RetryPolicy,),
    "errors": (Mapping,),
    "unmatched": (Outcome,),
}
_FIELDLESS = frozenset({str, bytes, int, float, bool, Decimal, UUID, datetime, list, tuple})
_AT_LEAST_ONE = ("concurrency", "prefetch")
_POSITIVE = ("timeout", "commit_interval", "session_timeout", "max_poll_interval", "confirm_timeout", "claim_after")
_ATTRIBUTES: Mapping[str, tuple[type, ...]] = {
    "group": (str,),
    "concurrency": (int,),
    "prefetch": (int,),
    "dead_letter": (str,),
    "ordered_by": (Key, Header, Path, Field),
}


def kind_problems(name: str, options: Mapping[str, Any], /) -> Iterable[Problem]:
    """Return options whose values are of another kind than they must be, which everything else about them rests on."""
    for option, kinds in _KINDS.items():
        if option in options and not isinstance(value := options[option], kinds):
            yield Problem(name, f"{option}={value!r} is no {kinds[0].__name__}")
    errors = options.get("errors")
    if not isinstance(errors, Mapping):
        return
    for error, rule in cast("Mapping[type[Exception], object]", errors).items():
        if isinstance(rule, type):
            yield Problem(name, f"errors: {error.__name__} leads to the class {rule.__name__}", f"{rule.__name__}(…)")


def class_problems(cls: type[Consumer], path: str, /) -> Iterable[Problem]:
    """Return what is wrong with a consumer class as it is written."""
    for name, types in _ATTRIBUTES.items():
        value = next((vars(base)[name] for base in cls.__mro__ if name in vars(base)), None)
        if isinstance(value, types) and not isinstance(value, bool):
            example = (
                f'"{value}"'
                if isinstance(value, str)
                else value
                if isinstance(value, int)
                else f"{type(value).__name__}()"
            )
            hint = f"class {cls.__name__}({_base(cls)}, {name}={example})"
            yield Problem(cls.__name__, f'attribute "{name}" has no effect', hint)
    for name in unknown_without(cls):
        yield Problem(cls.__name__, f'without=["{name}"] names no inherited handler')
    if not any(route.consumes for route in routes_of(cls)):
        yield Problem(path, f"{cls.__name__} has no @consumes method", "decorate one, or mark the class abstract=True")


def _base(cls: type[object]) -> str:
    return cls.__mro__[1].__name__


def option_problems(name: str, options: Mapping[str, Any], allowed: Iterable[str], /) -> Iterable[Problem]:
    """Return unknown options and values that cannot be."""
    known = set(allowed)
    for option in options:
        if option not in known:
            yield Problem(name, f'unknown option "{option}"', did_you_mean(option, known))
    for option in _AT_LEAST_ONE:
        if (value := options.get(option)) is not None and value < 1:
            yield Problem(name, f"{option}={value} is below 1")
    for option in _POSITIVE:
        yield from _seconds_problems(name, option, options.get(option))
    concurrency, prefetch = options.get("concurrency", 1), options.get("prefetch")
    if prefetch is not None and prefetch < concurrency:
        hint = f"prefetch ≥ {concurrency}, or leave it out"
        yield Problem(name, f"prefetch={prefetch} cannot feed concurrency={concurrency}", hint)


def _seconds_problems(name: str, option: str, value: object) -> Iterable[Problem]:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float):
        yield Problem(name, f"{option}={value!r} is no float")
    elif value <= 0:
        yield Problem(name, f"{option}={value} is not above 0 seconds")


def did_you_mean(name: str, known: Iterable[str], /) -> str:
    """Return a hint with the nearest known name, empty when none is near."""
    near = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f'did you mean "{near[0]}"?' if near else ""


def settings_problems(
    broker: Broker, consumers: Iterable[tuple[str, type[object]]], senders: Iterable[type[object]], /
) -> Iterable[Problem]:
    """Return settings that name no consumer, producer or method; consumers go by the names they serve under."""
    options = broker.options
    serving = [
        name
        for consumer, cls in consumers
        for name in (consumer, *(f"{consumer}.{route.method}" for route in routes_of(cls) if route.consumes))
    ]
    sending = [
        name
        for cls in senders
        for name in (cls.__name__, *(f"{cls.__name__}.{route.method}" for route in routes_of(cls) if route.sends))
    ]
    with_address = tuple(f"{name}[" for name in serving)
    for kind, given, known in (
        ("consumer", options.consumers, [*serving, *(n for n in options.consumers if n.startswith(with_address))]),
        ("producer", options.producers, sending),
    ):
        for name in given:
            if name not in known:
                hint = did_you_mean(name, known) or ", ".join(known)
                yield Problem(f"{options.protocol}.{kind}s.{name}", f"no such {kind}", hint)


def asking_problems(broker: Broker, cls: type[object], route: Route, /) -> Iterable[Problem]:
    """Return what is wrong with a method whose result is a request."""
    path = f"{cls.__name__}.{route.method}"
    if not route.requests:
        return
    if not issubclass(cls, Producer):
        yield Problem(path, "@requests belongs to producers", "move it to a producer, and inject that")
        return
    if route.produces or len(route.requests) > 1:
        yield Problem(path, "a method with @requests sends one message", "a method each")
    mark = route.requests[0]
    yield from producing_problems(broker, cls, route.method, mark)
    of_method = broker.options.producers.get(path, {})
    if "outbox" in mark.options or "outbox" in of_method:
        yield Problem(path, "outbox= is refused: a request goes at once", "remove outbox=")
    yield from _seconds_problems(path, "timeout", mark.timeout)
    if not isinstance(mark.reply, type) and get_origin(mark.reply) is None:
        yield Problem(path, f"reply={mark.reply!r} is no type", f"reply={type(mark.reply).__name__}")
        return
    try:
        broker.object_of(broker.produce_options(cls, route.method, mark).get("codec", broker.codec)).decoder(mark.reply)
    except TypeError as error:
        yield Problem(path, str(error), "register a hook on make_converter(), or set codec=")


def producing_problems(broker: Broker, cls: type[object], method: str, mark: Mark, /) -> Iterable[Problem]:
    """Return what is wrong with a method that publishes what it returns."""
    path = f"{cls.__name__}.{method}"
    options = broker.produce_options(cls, method, mark)
    address = broker.address_of(mark, options)
    for what, hint in (
        *broker.address_problems(address, consuming=False),
        *broker.produce_problems(options, address),
    ):
        yield Problem(path, what, hint)
    yield from option_problems(
        path, own_options(cls) if issubclass(cls, Producer) else {}, [*broker.produce_names, "prefix"]
    )
    yield from option_problems(path, mark.options, broker.produce_names)
    function = getattr(cls, method)
    if issubclass(cls, Producer) and not iscoroutinefunction(unwrap(function)):
        yield Problem(path, *NOT_ASYNC)
        return
    try:
        returned = get_type_hints(function, include_extras=True).get("return", Any)
    except NameError as error:
        yield Problem(path, f'"{error.name}" is not defined at run time', "import it outside TYPE_CHECKING")
        return
    asks = isinstance(mark, RequestMark)
    if returned is type(None) and not asks:
        yield Problem(path, "returns None, so it never publishes", "return the body to publish")
        return
    yield from _returned_problems(broker, cls, path, returned, asks=asks)
    body = produced_body(function)
    if body is None or body is Any:
        return
    named = [("key=", options["key"])] if "key" in options else []
    named += [(f"{{{part}}}", part) for part in placeholders(address.name)]
    yield from _field_problems(path, body, [*named, *broker.named_fields(options)])
    try:
        broker.object_of(options.get("codec", broker.codec)).encoder(body)
    except TypeError as error:
        hint = "register a hook on make_converter(), or set codec="
        yield Problem(path, str(error), hint)


def _returned_problems(broker: Broker, cls: type[object], path: str, returned: Any, *, asks: bool) -> Iterable[Problem]:
    for one in _alternatives(returned):
        origin = get_origin(one) or one
        if not isinstance(origin, type):
            continue
        if issubclass(origin, Outgoing) and not issubclass(broker.outgoing_type, origin):
            protocol = broker.options.protocol.capitalize()
            yield Problem(path, f"returns {origin.__name__} on {protocol}", broker.outgoing_type.__name__)
        if issubclass(origin, Batch) and asks:
            yield Problem(path, "returns a Batch, and a request is one message", "ask one by one")
        if issubclass(origin, Outcome) and issubclass(cls, Producer):
            hint = "return the body to send" if asks else "return None to publish nothing"
            yield Problem(path, f"{origin.__name__} belongs to consumers", hint)


def _alternatives(annotation: Any) -> Sequence[Any]:
    if get_origin(annotation) in {Union, UnionType}:
        return [one for argument in get_args(annotation) for one in _alternatives(argument)]
    return [annotation]


def _field_problems(path: str, body: object, named: Iterable[tuple[str, str]]) -> Iterable[Problem]:
    for cls in _alternatives(body):
        for where, field in named:
            known: Any = _fields(cls)
            current: Any = cls
            for part in field.split("."):
                if known is None:
                    break
                if part not in known:
                    hint = did_you_mean(part, known)
                    yield Problem(path, f'{current.__name__} has no field "{part}" for {where}', hint)
                    break
                current = known[part]
                known = _fields(current)


def _fields(cls: Any) -> Mapping[str, Any] | None:
    """Return the fields of a class with their types, None where they cannot be told."""
    cls = get_origin(cls) or cls
    if not isinstance(cls, type):
        return None
    if cls in _FIELDLESS:
        return {}
    if attrs.has(cls) or hasattr(cls, "__dataclass_fields__") or is_typeddict(cls) or hasattr(cls, "_fields"):
        try:
            return get_type_hints(cls)
        except NameError:
            return None
    return None
