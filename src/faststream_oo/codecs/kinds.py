"""Which JSON values an annotation is written as: what tells the members of a union apart."""

from collections.abc import Collection, Iterable, Mapping
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from ipaddress import IPv4Address, IPv6Address
from pathlib import PurePath
from types import MappingProxyType, NoneType, UnionType
from typing import Annotated, Any, Literal, NewType, TypeVar, Union, get_args, get_origin
from uuid import UUID

import attrs
from typing_extensions import is_typeddict

SCALARS = (str, int, float, bool, NoneType)
JSON = (*SCALARS, list, dict)
"""What a JSON document is read as."""

_NATURAL: Mapping[type[object], tuple[type[object], ...]] = MappingProxyType({
    **{cls: (cls,) for cls in SCALARS},
    **dict.fromkeys((bytes, date, time, UUID, Decimal, IPv4Address, IPv6Address, PurePath), (str,)),
    timedelta: (float, int),
})  # fmt: skip

_ACCEPTED: Mapping[type[object], tuple[type[object], ...]] = MappingProxyType({float: (int,), Decimal: (int, float)})


def members(annotation: Any, /) -> list[Any]:
    """Return the members of a union, those of unions within it too; another annotation is its only member."""
    annotation = expanded(annotation)
    if get_origin(annotation) not in {Union, UnionType}:
        return [annotation]
    return list(dict.fromkeys(member for argument in get_args(annotation) for member in members(argument)))


def unwrapped(annotation: Any, /) -> Any:
    """Return what an alias, a NewType or an Annotated stands for; None as its class."""
    annotation = expanded(annotation)
    return unwrapped(annotation.__supertype__) if isinstance(annotation, NewType) else annotation


def class_of(annotation: Any, /) -> Any:
    """Return the class of an annotation, that of a generic or a NewType too; what has no class as it is."""
    annotation = unwrapped(annotation)
    return get_origin(annotation) or annotation


def expanded(annotation: Any, /) -> Any:
    """Return what an alias or an Annotated stands for; None as its class."""
    if annotation is None:
        return NoneType
    if get_origin(annotation) is Annotated:
        return expanded(get_args(annotation)[0])
    if hasattr(annotation, "__value__"):  # `type X = …` of Python 3.12, and of typing_extensions
        return expanded(annotation.__value__)
    return annotation


def is_record(annotation: Any, /) -> bool:
    """Return whether it is an attrs class or a dataclass."""
    cls = class_of(annotation)
    return isinstance(cls, type) and (attrs.has(cls) or hasattr(cls, "__dataclass_fields__"))


def is_closed(annotation: Any, /) -> bool:
    """Return whether its values are listed: a Literal or an Enum."""
    cls = class_of(annotation)
    return cls is Literal or (isinstance(cls, type) and issubclass(cls, Enum))


def closed_values(annotation: Any, /) -> list[object]:
    """Return the JSON values that stand for a Literal or an Enum."""
    annotation = unwrapped(annotation)
    listed: Iterable[object] = get_args(annotation) if get_origin(annotation) is Literal else annotation
    return [value.value if isinstance(value, Enum) else value for value in listed]


def natural(annotation: Any, /) -> Collection[type[object]]:
    """Return the JSON types that its values are written as; none when that is unknown."""
    if is_closed(annotation):
        return {type(value) for value in closed_values(annotation)}
    cls = class_of(annotation)
    if not isinstance(cls, type):
        return ()
    if is_record(cls) or is_typeddict(cls) or issubclass(cls, Mapping):
        return (dict,)
    found = _of(_NATURAL, cls)
    return (list,) if not found and issubclass(cls, Collection) else found


def accepted(annotation: Any, /) -> Collection[type[object]]:
    """Return further JSON types that it is read from, when no other member of a union is written so."""
    cls = class_of(annotation)
    return _of(_ACCEPTED, cls) if isinstance(cls, type) and not is_closed(cls) else ()


def _of(table: Mapping[type[object], tuple[type[object], ...]], cls: Any) -> tuple[type[object], ...]:
    return next((table[base] for base in cls.__mro__ if base in table), ())


def name_of(annotation: Any, /) -> str:
    """Return an annotation's name for messages: `int`, `socket.socket`, `list[shop.Order]`."""
    if isinstance(annotation, TypeVar):
        return annotation.__name__
    if isinstance(annotation, type) and not get_args(annotation):
        module = annotation.__module__
        return annotation.__qualname__ if module == "builtins" else f"{module}.{annotation.__qualname__}"
    return str(annotation)
