"""Values that do not fit their field, and how types and values are shown in messages."""

import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from enum import Enum
from types import NoneType, UnionType
from typing import Literal, Union, cast, get_args, get_origin

_DURATION = re.compile(r"(\d+(?:\.\d+)?) ?(ms|s|m|min|h)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


class MisfitError(ValueError):
    """A value of another type than its field's.

    Args:
        expected: What would fit, as `float` or `list of str`.
        value: What was given.
        hint: The likely remedy; empty asks the value.
    """

    def __init__(self, expected: str, value: object, hint: str = "") -> None:
        super().__init__(expected, value, hint)
        self.expected = expected
        self.value = value
        self.hint = hint or _duration_hint(expected, value)


class RefusedError(ValueError):
    """A value that fits its type and is not allowed.

    Args:
        what: What is wrong, in one sentence without the value.
        hint: The likely remedy, or an empty string.
    """

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what, hint)
        self.what = what
        self.hint = hint


def shown(value: object, *, secret: bool = False) -> str:
    """Show a value as a settings file would have it; long ones are cut, secret ones hidden, mappings and lists only named."""
    match value:
        case _ if secret and (isinstance(value, str) or not isinstance(value, Mapping | Sequence | AbstractSet)):
            return "***"
        case None | bool():
            return {None: "null", True: "true", False: "false"}[value]
        case str():
            return f'"{value}"' if len(value) <= 60 else f'"{value[:60]}…"'
        case Mapping():
            return "a mapping"
        case Sequence() | AbstractSet():
            return "a list"
        case _:
            return str(value)


def describe(target: object) -> str:
    """Name a type in the words of a settings file."""
    origin, arguments = get_origin(target), get_args(target)
    if origin is Literal:
        return _alternatives([shown(option) for option in arguments])
    if origin in {Union, UnionType}:
        return _alternatives([describe(member) for member in arguments])
    if target is NoneType:
        return "null"
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return "mapping"
    if isinstance(origin, type) and issubclass(origin, Sequence | AbstractSet):
        return f"list of {describe(arguments[0])}"
    if isinstance(target, type):
        named = cast("type[object]", target)
        return _alternatives([shown(member.value) for member in named]) if issubclass(named, Enum) else named.__name__
    return str(target)


def _alternatives(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}" if len(words) > 1 else words[0]


def _duration_hint(expected: str, value: object) -> str:
    duration = _DURATION.fullmatch(value) if isinstance(value, str) and re.search("int|float", expected) else None
    return f"seconds, {float(duration[1]) * _SECONDS[duration[2]]:g}" if duration else ""
