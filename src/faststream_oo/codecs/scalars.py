"""Strict scalars: nothing is turned into another kind of value on the way in."""

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from ipaddress import IPv4Address, IPv6Address
from math import isfinite
from pathlib import Path, PurePath
from types import NoneType
from typing import Any
from uuid import UUID

from cattrs import Converter

from faststream_oo.codecs.report import expected

_SHORTEST_DATETIME = len("2026-01-01T00")
_EXACT_DIGITS = 15
"""Decimal digits that a double keeps, whatever they are."""


def register_scalars(converter: Converter, /) -> None:
    """Register the hooks of scalars; orjson writes datetime, date and UUID itself."""
    unchanged = converter.get_unstructure_hook(str)
    plain: type[Any]
    for plain in (int, bool, NoneType, datetime, date, UUID):
        converter.register_unstructure_hook(plain, unchanged)
    converter.register_unstructure_hook(float, _float_out)
    converter.register_unstructure_hook(bytes, _base64_out)
    converter.register_unstructure_hook(time, time.isoformat)
    converter.register_unstructure_hook(timedelta, timedelta.total_seconds)
    converter.register_unstructure_hook(Decimal, _decimal_out)
    cls: type[Any]
    for cls in (IPv4Address, IPv6Address, PurePath):
        converter.register_unstructure_hook(cls, str)
    for cls, hook in _HOOKS:
        converter.register_structure_hook(cls, hook)


# A hook of cattrs serves the subclasses too, `StrEnum` and `IntEnum` among them: `cls` says which it is.


def _str(value: Any, cls: Any) -> Any:
    if value.__class__ is str:
        return value if cls is str else cls(value)
    raise expected("str" if cls is str else cls.__name__, value)


def _int(value: Any, cls: Any) -> Any:
    if value.__class__ is int:
        return value if cls is int else cls(value)
    raise expected("int" if cls is int else cls.__name__, value)


def _float(value: Any, cls: Any) -> Any:
    if value.__class__ is float:
        return value if cls is float else cls(value)
    if value.__class__ is int:
        return cls(value)
    raise expected("float" if cls is float else cls.__name__, value)


def _bool(value: Any, _: Any) -> Any:
    if value.__class__ is bool:
        return value
    raise expected("bool", value)


def _none(value: Any, _: Any) -> Any:
    if value is None:
        return None
    raise expected("null", value)


def _bytes(value: Any, _: Any) -> Any:
    if value.__class__ is not str:
        raise expected("base64", value)
    try:
        return b64decode(value, validate=True)
    except (Base64Error, ValueError):  # ValueError: other letters than ASCII
        raise expected("base64", value) from None


def _datetime(value: Any, cls: Any) -> Any:
    # Shorter ones are dates, which `fromisoformat` takes for midnight.
    if value.__class__ is not str or len(value) < _SHORTEST_DATETIME:
        raise expected(cls.__name__, value)
    return _iso(value, cls)


def _iso(value: Any, cls: Any) -> Any:
    if value.__class__ is str:
        try:
            return cls.fromisoformat(value)
        except ValueError:
            raise expected(f"{cls.__name__} in ISO 8601", value) from None
    raise expected(cls.__name__, value)


def _timedelta(value: Any, _: Any) -> Any:
    if value.__class__ is float or value.__class__ is int:
        try:
            return timedelta(seconds=value)
        except OverflowError:
            raise expected("seconds of a timedelta", value) from None
    raise expected("seconds as a number", value)


def _decimal(value: Any, cls: Any) -> Any:
    """Read text, or a number that a double holds exactly as it was written."""
    kind = value.__class__
    if kind is str or kind is int or (kind is float and _digits(value) <= _EXACT_DIGITS):
        try:
            found = cls(value if kind is not float else repr(value))
        except InvalidOperation:
            raise expected(cls.__name__, value) from None
        if found.is_finite():
            return found
    raise expected("Decimal as text" if kind is float else cls.__name__, value)


def _digits(value: float) -> int:
    return len(Decimal(repr(value)).as_tuple().digits)


def _from_text(value: Any, cls: Any) -> Any:
    if value.__class__ is str:
        try:
            return cls(value)
        except ValueError:
            raise expected(cls.__name__, value) from None
    raise expected(cls.__name__, value)


def _float_out(value: float) -> float:
    if isfinite(value):
        return value
    raise ValueError(f"JSON has no {value}")  # orjson would write null


def _decimal_out(value: Decimal) -> str:
    if value.is_finite():
        return str(value)
    raise ValueError(f"JSON has no {value}")


def _base64_out(value: bytes) -> str:
    return b64encode(value).decode()


_HOOKS: tuple[tuple[type[object], Callable[[Any, Any], Any]], ...] = (
    (str, _str),
    (int, _int),
    (float, _float),
    (bool, _bool),
    (NoneType, _none),
    (bytes, _bytes),
    (datetime, _datetime),
    (date, _iso),
    (time, _iso),
    (timedelta, _timedelta),
    (Decimal, _decimal),
    *((cls, _from_text) for cls in (UUID, IPv4Address, IPv6Address, PurePath, Path)),
)
