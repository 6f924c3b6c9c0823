"""What a type checker says of public values, for those who use none, and what it cannot say."""

from collections.abc import Iterable
from types import FunctionType
from typing import Any, Literal, TypeVar, get_args, get_origin

from attrs import Attribute

A = TypeVar("A")


def literal(_: object, attribute: "Attribute[Any]", value: object, /) -> None:
    """Validate a field that is annotated with a Literal, or one and None. Raises ValueError with its words."""
    annotation: Any = attribute.type
    parts = [annotation] if get_origin(annotation) is Literal else get_args(annotation)
    words = [word for part in parts for word in (get_args(part) if get_origin(part) is Literal else [None])]
    if value not in words:
        raise ValueError(f"{attribute.name}={value!r} is none of {', '.join(map(repr, words))}")


def texts(value: str | Iterable[str], /) -> tuple[str, ...]:
    """Return several texts; one alone is the only one, as its letters are never meant."""
    return (value,) if isinstance(value, str) else tuple(value)


def expect(value: object, cls: type[object], /) -> None:
    """Raise TypeError for an argument of another class, which is not shown, as it may be a URL with a password."""
    if not isinstance(value, cls):
        raise TypeError(f"{cls.__name__}(…) is wanted here, not {type(value).__name__}")


def given_address(address: A, decorator: str, /) -> A:
    """Return the address that a decorator got. Raises TypeError where it got the method instead."""
    if isinstance(address, FunctionType):
        raise TypeError(f'{address.__qualname__}: @{decorator} needs an address: @{decorator}("…")')
    return address
