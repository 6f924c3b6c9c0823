"""The strict converter of settings: exact types, known names, and text that is exactly a number taken as one."""

import inspect
import math
import re
from collections.abc import Callable, Iterable, Mapping, MutableSequence, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import is_dataclass
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, cast, get_args, get_origin, is_typeddict
from uuid import UUID

import attrs
from cattrs import (
    BaseValidationError,
    ClassValidationError,
    Converter,
    ForbiddenExtraKeysError,
    IterableValidationError,
)
from cattrs.errors import AttributeValidationNote, CattrsError, IterableValidationNote

from faststream_oo.settings.documents import MalformedError, parse_yaml
from faststream_oo.settings.fitting import MisfitError, RefusedError, describe
from faststream_oo.settings.names import suggestion

Hook = Callable[[Any, Any], Any]

_COLLECTIONS: Mapping[object, Callable[[list[Any]], object]] = {
    list: list,
    MutableSequence: list,
    Sequence: tuple,
    tuple: tuple,
    set: set,
    frozenset: frozenset,
    AbstractSet: frozenset,
}
_TEXTUAL: Mapping[type, Callable[[str], object]] = {
    Path: Path,
    datetime: datetime.fromisoformat,
    date: date.fromisoformat,
    time: time.fromisoformat,
    Decimal: Decimal,
    UUID: UUID,
}


def make_converter() -> Converter:
    """Make the converter; hooks for the framework's own option forms are added by `forms`."""
    converter = Converter(detailed_validation=True, forbid_extra_keys=True, use_alias=True)
    for scalar, hook in ((bool, _bool), (int, _int), (float, _float), (str, _str)):
        converter.register_structure_hook(scalar, _member_or(hook))
    for target, read in _TEXTUAL.items():
        converter.register_structure_hook(target, _textual(read))
    converter.register_structure_hook_func(lambda target: target is object, lambda value, _: value)
    converter.register_structure_hook_func(_is_literal, _literal)
    converter.register_structure_hook_func(_is_enum, _member)
    converter.register_structure_hook_factory(_is_collection, _collection)
    converter.register_structure_hook_factory(_is_mapping, _mapping)
    converter.register_structure_hook_factory(is_section, _section)
    converter.register_structure_hook_factory(is_union, _union)
    return converter


def is_section(target: object) -> bool:
    """Whether a type is an attrs class, a dataclass or a TypedDict."""
    cls: Any = get_origin(target) or target
    return inspect.isclass(cls) and (attrs.has(cls) or is_dataclass(cls) or is_typeddict(cls))


def is_union(target: object) -> bool:
    """Whether a type is a union."""
    return get_origin(target) in {Union, UnionType}


def _is_literal(target: object) -> bool:
    origin: object = get_origin(target)
    return origin is Literal


def _is_enum(target: object) -> bool:
    return isinstance(target, type) and issubclass(target, Enum)


def _is_collection(target: object) -> bool:
    arguments = get_args(target)
    return get_origin(target) in _COLLECTIONS and arguments[1:] in {(), (...,)}


def _is_mapping(target: object) -> bool:
    origin = get_origin(target)
    return isinstance(origin, type) and issubclass(origin, Mapping)


def _bool(value: object) -> bool:
    found = {"true": True, "false": False}.get(value) if isinstance(value, str) else value
    if isinstance(found, bool):
        return found
    raise MisfitError("bool", value)


def _int(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and re.fullmatch(r"-?\d+", value):
        return int(value)
    raise MisfitError("int", value)


def _float(value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    if isinstance(value, str) and re.fullmatch(r"-?\d+(\.\d+)?([eE][-+]?\d+)?", value):
        return float(value)
    raise MisfitError("float", value)


def _str(value: object) -> str:
    if isinstance(value, str):
        return value
    raise MisfitError("str", value)


def _member_or(scalar: Callable[[object], object]) -> Hook:
    """Return the hook of a scalar; cattrs asks it for an enumeration that subclasses the scalar too."""
    return lambda value, target: _member(value, target) if _is_enum(target) else scalar(value)


def _textual(read: Callable[[str], object]) -> Hook:
    def structure(value: object, target: type) -> object:
        if isinstance(value, target):
            return value
        try:
            return read(_str(value))
        except (ValueError, ArithmeticError):
            raise MisfitError(describe(target), value) from None

    return structure


def _literal(value: object, target: object) -> object:
    return _choose(value, {option: option for option in get_args(target)}, target)


def _member(value: object, target: type[Enum]) -> object:
    return value if isinstance(value, target) else _choose(value, {member.value: member for member in target}, target)


def _choose(value: object, options: Mapping[object, object], target: object) -> object:
    for option, chosen in options.items():
        if type(option) is type(value) and option == value:
            return chosen
    for option, chosen in options.items():
        if isinstance(value, str) and isinstance(option, bool | int | float) and value == str(option).lower():
            return chosen
    names = [option for option in options if isinstance(option, str)]
    raise MisfitError(describe(target), value, suggestion(value, names) if isinstance(value, str) else "")


def flow(value: object, brackets: str) -> object:
    """Return what text in brackets means as YAML, so that one variable can hold a list or a mapping."""
    if not isinstance(value, str) or not (value.startswith(brackets[0]) and value.endswith(brackets[1])):
        return value
    try:
        return parse_yaml(value)
    except MalformedError as error:
        raise RefusedError(error.what) from None


def _collection(target: Any, converter: Converter) -> Hook:
    make, item = _COLLECTIONS[get_origin(target)], get_args(target)[0]

    def structure(value: object, _: object) -> object:
        value = flow(value, "[]")
        if isinstance(value, str):
            value = [text.strip() for text in value.split(",")] if value else []
        if not isinstance(value, Sequence | AbstractSet):
            raise MisfitError(describe(target), value)
        items = cast("Iterable[object]", value)
        return make(_each(enumerate(items), lambda _, value: converter.structure(value, item), target))

    return structure


def _mapping(target: Any, converter: Converter) -> Hook:
    key, item = get_args(target)

    def fit(name: Any, value: object) -> tuple[Any, Any]:
        return converter.structure(name, key), converter.structure(value, item)

    def structure(value: object, _: object) -> object:
        value = flow(value, "{}")
        if not isinstance(value, Mapping):
            raise MisfitError(describe(target), value)
        items = cast("Mapping[Any, object]", value).items()
        return dict(_each(items, fit, target))

    return structure


def _each(items: Iterable[tuple[Any, object]], fit: Callable[[Any, object], Any], target: Any) -> list[Any]:
    """Fit every item, and raise the errors of all together."""
    fitted: list[Any] = []
    errors: list[Exception] = []
    for index, item in items:
        try:
            fitted.append(fit(index, item))
        except (CattrsError, ValueError) as error:
            error.add_note(IterableValidationNote("", index, target))
            errors.append(error)
    if errors:
        raise IterableValidationError("misfits", errors, target)  # pyright: ignore[reportCallIssue] - sees the base's
    return fitted


def _section(target: Any, converter: Converter) -> Hook:
    cls: Any = get_origin(target) or target
    typed_dict = is_typeddict(cls)
    make: Callable[[Any], Hook] = (
        cast("Any", converter).gen_structure_typeddict if typed_dict else converter.gen_structure_attrs_fromdict
    )
    fill = make(target)

    def structure(value: object, _: object) -> object:
        if not typed_dict and isinstance(value, cls):
            return value
        value = {} if value is None else flow(value, "{}")
        if not isinstance(value, Mapping):
            raise MisfitError("mapping", value)
        given = cast("Mapping[str, object]", value)
        try:
            return fill(given, target)
        except ClassValidationError as error:
            _raise_from_validators(error, cls, lambda: fill(given, target))
            raise

    return structure


def _raise_from_validators(error: ClassValidationError, cls: type, fill: Callable[[], object]) -> None:
    """Raise every validator's error with its field, where attrs stops at the first and names none."""
    _, classwide = error.group_exceptions()
    if not attrs.has(cls) or all(isinstance(other, ForbiddenExtraKeysError) for other in classwide):
        return
    errors: list[Exception] = []
    with attrs.validators.disabled():
        try:
            unchecked = fill()
        except ClassValidationError:
            return
    for attribute in attrs.fields(cls):
        if attribute.validator is not None:
            try:
                attribute.validator(cast("Any", unchecked), attribute, getattr(unchecked, attribute.name))
            except (ValueError, TypeError) as refusal:
                refusal.add_note(AttributeValidationNote("", attribute.name, attribute.type))
                errors.append(refusal)
    if errors:
        raise ClassValidationError("misfits", errors, cls) from error  # pyright: ignore[reportCallIssue] - as above


def _union(target: Any, converter: Converter) -> Hook:
    members = [member for member in get_args(target) if member is not NoneType]
    optional = len(members) < len(get_args(target))

    def structure(value: object, _: object) -> object:
        if optional and (value is None or (value == "null" and str not in members)):
            return None
        if type(value) in members:
            return value
        if len(fitting := _of_same_shape(value, members)) == 1:
            return converter.structure(value, fitting[0])
        for member in members:
            try:
                return converter.structure(value, member)
            except (MisfitError, RefusedError, BaseValidationError):
                continue
        raise MisfitError(describe(target), value)

    return structure


def _of_same_shape(value: object, members: Sequence[Any]) -> Sequence[Any]:
    """Return the members that a value can only be meant for, so that what is wrong inside it is told."""
    if len(members) == 1:
        return members
    if isinstance(value, Mapping):
        return [member for member in members if is_section(member) or _is_mapping(member)]
    if isinstance(value, list):
        return [member for member in members if _is_collection(member)]
    return []
