"""Unions, Literals and Enums: the member is chosen by what the JSON value is, never by trial."""

from collections.abc import Callable, Sequence
from types import NoneType, UnionType
from typing import Any, Literal, TypeAlias, Union, get_args, get_origin

from cattrs import Converter
from cattrs.disambiguators import create_default_dis_func
from cattrs.dispatch import StructureHook, UnstructureHook

from faststream_oo.codecs.kinds import (
    JSON,
    SCALARS,
    accepted,
    class_of,
    closed_values,
    is_closed,
    is_record,
    members,
    name_of,
    natural,
    unwrapped,
)
from faststream_oo.codecs.report import expected
from faststream_oo.codecs.shapes import compile_inner, hook_out

Choice: TypeAlias = Callable[[Any], Any]
"""Structures a value into the member it belongs to."""


def register_unions(converter: Converter, /) -> None:
    """Register the hooks of unions, Literals and Enums."""
    converter.register_structure_hook_factory(is_closed, _closed)
    converter.register_structure_hook_factory(_is_union, _union)
    converter.register_unstructure_hook_factory(_is_union, _union_out)
    converter.register_unstructure_hook_factory(_is_literal, _literal_out)


def _is_union(kind: Any) -> bool:
    return get_origin(kind) in {Union, UnionType}


def _closed(kind: Any, _: Converter) -> StructureHook:
    """Take the listed values alone: 1 is neither True nor 1.0, which Python holds for equal."""
    listed = get_args(kind) if get_origin(kind) is Literal else tuple(kind)
    values = closed_values(kind)
    if wrong := [value for value in values if type(value) not in SCALARS]:
        raise TypeError(f"JsonCodec cannot decode {name_of(kind)}: {wrong[0]!r} is no scalar of JSON")
    table = {(value.__class__, value): member for value, member in zip(values, listed, strict=True)}
    other = kind if isinstance(kind, type) else None  # `_missing_` and combined flags, of an Enum
    what = name_of(kind) if other else " or ".join(map(repr, values))

    def structure(value: Any, _: Any) -> Any:
        kind_of = value.__class__
        if kind_of in SCALARS:
            if (kind_of, value) in table:
                return table[kind_of, value]
            if other is not None and value not in values:
                return _missing(other, value, what)
        raise expected(what, value)

    return structure


def _missing(kind: Any, value: object, what: str) -> object:
    try:
        return kind(value)
    except ValueError:
        raise expected(what, value) from None


def _union(kind: Any, converter: Converter) -> StructureHook:
    several = members(kind)
    others = [member for member in several if member is not NoneType]
    if len(others) == 1 and len(several) == 2:
        return _optional(others[0], converter)
    compile_inner(several, converter)
    choices = {json: _choice(json, several, converter) for json in JSON}
    what = " or ".join(_short(member) for member in several)

    def structure(value: Any, _: Any) -> Any:
        choice = choices.get(value.__class__)
        if choice is None:
            raise expected(what, value)
        return choice(value)

    return structure


def _optional(kind: Any, converter: Converter) -> StructureHook:
    hook = converter.get_structure_hook(kind)
    return lambda value, _: None if value is None else hook(value, kind)


def _choice(json: type[object], several: Sequence[Any], converter: Converter) -> Choice | None:
    """Return what takes values of one JSON type, None when no member does."""
    fitting = (
        [member for member in several if json in natural(member)]
        or [member for member in several if json in accepted(member)][:1]
        or [member for member in several if not natural(member)]
    )
    if not fitting:
        return None
    if len(fitting) == 1:
        return _single(fitting[0], converter)
    if all(is_record(member) for member in fitting):
        return _among_records(fitting, converter)
    return _among_listed(json, fitting, converter)


def _single(kind: Any, converter: Converter) -> Choice:
    hook = converter.get_structure_hook(kind)
    return lambda value: hook(value, kind)


def _among_records(kinds: Sequence[Any], converter: Converter) -> Choice:
    """Choose by Literal fields, or by required fields that only one class has."""
    try:
        choose: Choice = create_default_dis_func(converter, *kinds)
    except TypeError as error:
        raise ambiguous(kinds) from error
    names = " or ".join(_short(kind) for kind in kinds)

    def choice(value: Any) -> Any:
        try:
            chosen = choose(value)
        except (KeyError, TypeError, ValueError):
            raise ValueError(f"expected {names}, got an object that is neither") from None
        return converter.structure(value, chosen)

    return choice


def _among_listed(json: type[object], kinds: Sequence[Any], converter: Converter) -> Choice:
    """Choose the Literal or Enum that lists the value, else the one plain member, as `str`."""
    plain = [kind for kind in kinds if not is_closed(kind)]
    table = {value: kind for kind in kinds if is_closed(kind) for value in closed_values(kind) if type(value) is json}
    count = sum(type(value) is json for kind in kinds if is_closed(kind) for value in closed_values(kind))
    if len(table) != count or len(plain) > 1 or plain not in ([], [json]):
        raise ambiguous(kinds)
    hooks = {kind: converter.get_structure_hook(kind) for kind in kinds}
    fallback = kinds[0] if not plain else plain[0]

    def choice(value: Any) -> Any:
        kind = table.get(value, fallback)
        return hooks[kind](value, kind)

    return choice


def ambiguous(kinds: Sequence[Any], /) -> TypeError:
    """Return the error for members that cannot be told apart; its note is the likely remedy."""
    error = TypeError(f"{' and '.join(map(_short, kinds))} cannot be told apart")
    if all(is_record(kind) for kind in kinds):
        error.add_note('@contract("…") on each, or tag=')
    return error


def _short(kind: Any) -> str:
    cls = unwrapped(class_of(kind))
    return cls.__name__ if isinstance(cls, type) and cls is not NoneType else "null" if cls is NoneType else str(kind)


def _union_out(kind: Any, converter: Converter) -> UnstructureHook:
    several = members(kind)
    hooks = [hook_out(member, converter) for member in several]
    others = [hook for member, hook in zip(several, hooks, strict=True) if member is not NoneType]
    if len(others) == 1:
        hook = others[0]
        unchanged = converter.get_unstructure_hook(str)
        return hook if hook is unchanged else lambda value: None if value is None else hook(value)
    return converter.unstructure


def _is_literal(kind: Any) -> bool:
    return get_origin(kind) is Literal


def _literal_out(_: Any, converter: Converter) -> UnstructureHook:
    return converter.get_unstructure_hook(str)
