"""What a type checker says of public values, for those who use none, and what it cannot say."""

from collections.abc import Callable, Iterable
from operator import ge, gt, le
from types import FunctionType, NoneType
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


def is_number(value: object, /) -> bool:
    """Whether a value is an int or a float; a bool is none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def number(
    *, least: float | None = None, above: float | None = None, most: float | None = None
) -> "Callable[[object, Attribute[Any], Any], None]":
    """Return a validator of a field that is annotated with int or float, and with None where it may be that.

    It raises TypeError for anything else and ValueError out of bounds, with the class, the field and what is wanted.

    Args:
        least: Smallest value.
        above: What it is greater than.
        most: Largest value.
    """
    bounds: list[tuple[str, Callable[[Any, Any], bool], float]] = []
    for words, holds, bound in (("of at least", ge, least), ("above", gt, above), ("of at most", le, most)):
        if bound is not None:
            bounds.append((words, holds, bound))
    told = " and ".join(f"{words} {bound}" for words, _, bound in bounds)

    def validate(instance: object, attribute: "Attribute[Any]", value: Any, /) -> None:
        kinds = get_args(attribute.type) or (attribute.type,)
        if value is None and NoneType in kinds:
            return
        whole = float not in kinds
        fits = is_number(value) and not (whole and isinstance(value, float))
        if not (fits and all(holds(value, bound) for _, holds, bound in bounds)):
            what = f"{'a whole number' if whole else 'a number'} {told}"
            error = ValueError if fits else TypeError
            raise error(f"{type(instance).__name__}.{attribute.name} must be {what}, not {value!r}")

    return validate


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
