"""Handler signatures, read once: what a message must give, and how."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import Enum
from operator import attrgetter
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import attrs
from attrs import frozen

from faststream_oo.codec import Codec, Decoder, reader_of, unless_empty
from faststream_oo.errors import DecodeError
from faststream_oo.markers import Field, Header, Key, Path
from faststream_oo.message import UNSET, Batch, Message, Unset

Getter = Callable[[Message], Any]
"""Reads one argument from a message."""

NOT_ASYNC = ("is no coroutine function", "async def; await asyncio.to_thread(…) for what blocks")
"""What is wrong with a method that is not asynchronous, and the remedy."""

_MARKERS = (Header, Key, Path, Field)


class BindingError(Exception):
    """A signature cannot be bound.

    Args:
        what: What is wrong, in one sentence.
        hint: The likely remedy.
    """

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint


@frozen
class Binding:
    """How one handler is called.

    Attributes:
        body: Annotation of the body, `UNSET` when it is not taken; contracts are looked for in it.
        decode: Decodes the whole body into what `Message.value` gives; None when it is not taken.
        only_body: Whether the decoded body is the one argument.
        getters: Arguments by position, in order.
        named: Those that are given by keyword alone.
        takes_message: Whether the message itself is one of them.
    """

    body: object
    decode: Getter | None
    only_body: bool
    getters: Sequence[Getter]
    named: Mapping[str, Getter]
    takes_message: bool


@frozen
class Captured:
    """What an address captures of the addresses it stands for.

    Attributes:
        address: As written.
        parts: Names of the captured parts.
        hint: Says how one more would be captured.
    """

    address: str
    parts: Sequence[str]
    hint: Callable[[str], str]


def hints_of(cls: type[object], method: str, /) -> Mapping[str, Any]:
    """Return the annotations of a method at run time, type variables of generic bases resolved for `cls`.

    Raises:
        BindingError: A name in an annotation is not defined, or a type variable stays open.
    """
    function = getattr(cls, method)
    try:
        hints = get_type_hints(function, include_extras=True)
    except NameError as error:
        raise BindingError(f'"{error.name}" is not defined at run time', "import it outside TYPE_CHECKING") from error
    variables = _variables(cls)
    return {name: _substituted(hint, variables) for name, hint in hints.items()}


def _variables(cls: type[object]) -> dict[Any, Any]:
    """Return what the type variables of generic bases stand for in `cls`."""
    found: dict[Any, Any] = {
        variable: argument
        for base in reversed(cls.__mro__)
        for generic in getattr(base, "__orig_bases__", ())
        for variable, argument in zip(
            getattr(get_origin(generic), "__parameters__", ()), get_args(generic), strict=False
        )
    }

    def resolved(argument: Any) -> Any:
        following = found.get(argument, argument) if isinstance(argument, TypeVar) else argument
        return following if following is argument else resolved(following)

    return {variable: resolved(variable) for variable in found}


def _substituted(hint: Any, variables: Mapping[Any, Any]) -> Any:
    if isinstance(hint, TypeVar):
        return variables.get(hint, hint)
    parameters = getattr(hint, "__parameters__", ())
    if parameters and not isinstance(hint, type):
        return hint[tuple(variables.get(parameter, parameter) for parameter in parameters)]
    return hint


def bind(cls: type[object], method: str, message_type: type[Message], codec: Codec, captured: Captured, /) -> Binding:
    """Compile the signature of a handler.

    Args:
        cls: The consumer's class.
        method: Name of the handler.
        message_type: What the protocol calls a message.
        codec: Decodes the body.
        captured: What the address captures.

    Raises:
        BindingError: The signature cannot be bound.
    """
    if not inspect.iscoroutinefunction(inspect.unwrap(getattr(cls, method))):
        raise BindingError(*NOT_ASYNC)
    hints = hints_of(cls, method)
    parameters = list(inspect.signature(getattr(cls, method)).parameters.values())[1:]
    bodies = [one for one in parameters if _kind(one, hints, message_type) == "body"]
    _check_order(parameters, hints, message_type)
    body, decode, fields = _body(method, bodies, hints, codec)
    getters: dict[str, Getter] = {}
    takes_message = False
    for parameter in parameters:
        hint = hints.get(parameter.name)
        kind = _kind(parameter, hints, message_type)
        if kind == "message":
            takes_message = True
            body, decode = _value_of_message(hint, body, decode, codec)
            getters[parameter.name] = _itself
        elif kind == "marker":
            getters[parameter.name] = marked(parameter, hint, codec, captured)
        elif fields:
            getters[parameter.name] = _field_of_value(parameter.name)
        else:
            getters[parameter.name] = _value
    named = {one.name: getters.pop(one.name) for one in parameters if one.kind is one.KEYWORD_ONLY}
    only_body = len(parameters) == len(bodies) == 1 and not named
    return Binding(body, decode, only_body, list(getters.values()), named, takes_message)


def _kind(parameter: inspect.Parameter, hints: Mapping[str, Any], message_type: type[Message]) -> str:
    hint = hints.get(parameter.name, parameter.empty)
    if parameter.kind in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD}:
        stars = "*" if parameter.kind is parameter.VAR_POSITIONAL else "**"
        hint_text = "name the fields, or take the whole body as one parameter"
        raise BindingError(f"{stars}{parameter.name} cannot be bound", hint_text)
    if hint is parameter.empty:
        body = f"annotate the body, {parameter.name}: OrderPlaced"
        raise BindingError(f'parameter "{parameter.name}" has no annotation', body)
    if isinstance(hint, TypeVar):
        raise BindingError(f'the type of parameter "{parameter.name}" is open', "subclass the generic base with a type")
    if get_origin(hint) is Annotated and any(isinstance(extra, _MARKERS) for extra in get_args(hint)[1:]):
        return "marker"
    origin = get_origin(hint) or hint
    if isinstance(origin, type) and issubclass(origin, Batch):
        raise BindingError(
            f'parameter "{parameter.name}" is a Batch: handlers take single messages', "annotate the item"
        )
    if isinstance(origin, type) and issubclass(origin, Message):
        if not issubclass(message_type, origin):
            wanted = message_type.__name__
            raise BindingError(f'parameter "{parameter.name}: {origin.__name__}" is of another protocol', wanted)
        return "message"
    return "body"


def _check_order(
    parameters: Sequence[inspect.Parameter], hints: Mapping[str, Any], message_type: type[Message]
) -> None:
    fact: inspect.Parameter | None = None
    for parameter in parameters:
        if _kind(parameter, hints, message_type) != "body":
            fact = parameter
        elif fact is not None:
            late, early = (f"{one.name}: {_name(hints[one.name])}" for one in (parameter, fact))
            hint = "the body first, then facts about the message"
            raise BindingError(f'"{late}" comes after "{early}"', hint)


def _body(
    method: str, bodies: Sequence[inspect.Parameter], hints: Mapping[str, Any], codec: Codec
) -> tuple[object, Getter | None, bool]:
    """Return the annotation of the body, its decoder, and whether it is taken apart into fields."""
    if not bodies:
        return UNSET, None, False
    if len(bodies) == 1:
        annotation = hints[bodies[0].name]
        default = bodies[0].default
        return annotation, body_decoder(codec, annotation, default), False
    for one in bodies:
        if one.kind is one.POSITIONAL_ONLY:
            raise BindingError(f'field "{one.name}" is positional-only', "remove the / from the signature")
        try:
            codec.decoder(hints[one.name])
        except TypeError as error:
            fact = f'parameter "{one.name}: {_name(hints[one.name])}" is no message fact'
            raise BindingError(fact, "take services by the constructor") from error
    fields = {
        one.name: attrs.field(
            type=hints[one.name], kw_only=True, default=attrs.NOTHING if one.default is one.empty else one.default
        )
        for one in bodies
    }
    made = attrs.make_class(f"{method}_body", fields, frozen=True)
    return made, body_decoder(codec, made), True


def body_decoder(codec: Codec, annotation: object, default: object = inspect.Parameter.empty, /) -> Getter:
    """Compile a decoder that takes a message; whatever the codec raises becomes a DecodeError.

    Raises:
        BindingError: The codec cannot decode the annotation.
    """
    try:
        decode: Decoder = codec.decoder(annotation)
    except TypeError as error:
        hint = "register a hook on make_converter(), or set codec="
        raise BindingError(str(error), next(iter(getattr(error, "__notes__", ())), hint)) from error
    if default is not inspect.Parameter.empty:
        decode = unless_empty(decode, default)
    return reader_of(decode)


def _value_of_message(hint: Any, body: object, decode: Getter | None, codec: Codec) -> tuple[object, Getter | None]:
    """Return what `Message.value` gives where the message is a parameter: its type argument, else the body's type."""
    arguments = get_args(hint)
    if not arguments or arguments[0] is object:
        return body, decode if decode is not None else body_decoder(codec, object)
    if isinstance(body, Unset):
        return arguments[0], body_decoder(codec, arguments[0])
    if arguments[0] != body:
        what = f'"{_name(hint)}" does not agree with the body, {_name(body)}'
        raise BindingError(what, "give both the same type, or leave the type argument out")
    return body, decode


def _itself(message: Message) -> Message:
    return message


def _value(message: Message) -> object:
    return message.value


def _field_of_value(name: str) -> Getter:
    def get(message: Message) -> object:
        return getattr(message.value, name)

    return get


# Markers ----------------------------------------------------------------------------------------------------------


def marked(parameter: inspect.Parameter, hint: Any, codec: Codec, captured: Captured, /) -> Getter:
    """Compile a parameter with a marker. Raises BindingError."""
    annotation, *extras = get_args(hint)
    marker = next(extra for extra in extras if isinstance(extra, _MARKERS))
    if isinstance(marker, Field):
        return _with_default(field_of_body(marker, codec, annotation), parameter, f"$.{marker.name}")
    read = raw_fact(marker, parameter.name, captured)
    place = _place(marker, parameter.name)
    convert = _converter(annotation, parameter.name)

    def get(message: Message) -> object:
        raw = read(message)
        if raw is None:
            return UNSET
        try:
            return convert(raw)
        except (ValueError, ArithmeticError) as error:
            raise DecodeError(f"expected {_name(annotation)}, got {raw!r}", place) from error

    return _with_default(get, parameter, place)


def _with_default(get: Getter, parameter: inspect.Parameter, place: str) -> Getter:
    default = parameter.default

    def value(message: Message) -> object:
        found = get(message)
        if found is UNSET:
            if default is parameter.empty:
                raise DecodeError(f'missing, and parameter "{parameter.name}" has no default', place)
            return default
        return found

    return value


def _place(marker: Header | Key | Path, name: str) -> str:
    """Return where a fact stands, in the words of an error."""
    match marker:
        case Header():
            return f'header "{_header(marker, name)}"'
        case Path():
            return f'path "{marker.name or name}"'
        case _:
            return "key"


def _header(marker: Header, name: str) -> str:
    return marker.name or name.replace("_", "-")


def raw_fact(marker: Header | Key | Path, name: str, captured: Captured, /) -> Callable[[Message], str | bytes | None]:
    """Compile what reads a header, the key or a part of the address; None when it is missing."""
    match marker:
        case Header():
            header = _header(marker, name)
            return lambda message: message.headers.get(header)
        case Path():
            part = marker.name or name
            if part not in captured.parts:
                what = f'address "{captured.address}" has no {{{part}}}'
                raise BindingError(what, captured.hint(part))
            return lambda message: message.path.get(part)
        case _:
            return attrgetter("key")


def field_of_body(marker: Field, codec: Codec, annotation: Any = object, /) -> Getter:
    """Compile what reads one field of the body, `UNSET` when it is missing."""
    names = marker.name.split(".")
    made: Any = annotation
    for name in reversed(names):
        made = attrs.make_class(f"field_{name}", {name: attrs.field(type=made, default=UNSET)}, frozen=True)
    decode = body_decoder(codec, made)

    def get(message: Message) -> object:
        found: object = decode(message)
        for name in names:
            if found is UNSET:
                break
            found = getattr(found, name)
        return found

    return get


def _truth(text: str) -> bool:
    known = {"true": True, "1": True, "false": False, "0": False}
    if text.lower() not in known:
        raise ValueError(text)
    return known[text.lower()]


_FROM_TEXT: Mapping[Any, Callable[[str], Any]] = {
    str: str,
    object: str,
    int: int,
    float: float,
    bool: _truth,
    UUID: UUID,
    Decimal: Decimal,
    datetime: datetime.fromisoformat,
}


def _converter(annotation: Any, name: str) -> Callable[[str | bytes], Any]:
    """Return what turns a header's, key's or path's text into the annotated type."""
    if get_origin(annotation) in {Union, UnionType}:
        rest = [one for one in get_args(annotation) if one is not type(None)]
        annotation = rest[0] if len(rest) == 1 else annotation
    if annotation is bytes:
        return lambda raw: raw if isinstance(raw, bytes) else raw.encode()
    convert = _FROM_TEXT.get(annotation)
    if convert is None and isinstance(annotation, type) and issubclass(annotation, Enum):
        convert = annotation
    if convert is None:
        hint = "str, bytes, int, float, bool, UUID, Decimal, datetime or an Enum"
        raise BindingError(f'parameter "{name}: {_name(annotation)}" cannot be read from text', hint)
    chosen = convert
    return lambda raw: chosen(raw.decode() if isinstance(raw, bytes) else raw)


def _name(annotation: Any) -> str:
    return annotation.__name__ if isinstance(annotation, type) and not get_args(annotation) else str(annotation)
