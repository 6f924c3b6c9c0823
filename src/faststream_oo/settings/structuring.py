"""Parts of the configuration as typed objects, with every problem told by its path."""

import re
from collections.abc import Iterator
from dataclasses import fields as dataclass_fields
from dataclasses import is_dataclass
from functools import cache
from typing import Any, TypeVar, get_origin, get_type_hints

import attrs
from cattrs import ClassValidationError, Converter, ForbiddenExtraKeysError, IterableValidationError
from cattrs.errors import CattrsError

from faststream_oo.errors import Problem, SetupError
from faststream_oo.settings.converter import make_converter
from faststream_oo.settings.fitting import MisfitError, RefusedError, shown
from faststream_oo.settings.forms import register_forms
from faststream_oo.settings.names import suggestion

T = TypeVar("T")

_SECRET = re.compile(r"passw|passphrase|secret|token|credential|api_?key|private_?key", re.IGNORECASE)


def structure(cls: type[T], data: object, path: str) -> T:
    """Make an object of a part of the configuration: an attrs class, a dataclass or a TypedDict.

    Unknown names are refused and types are exact; but text that is exactly a number or `true` or `false`, as it comes
    from the environment, is taken where one is wanted, text with commas as a list, and text in brackets as the YAML
    list or mapping that it is. None stands for the defaults. Values of secret fields (`repr=False`, or a name that
    says so) never show in a message.

    Args:
        cls: What to make.
        data: The part, usually a mapping.
        path: Where it stands in the configuration; begins the path of every problem. Empty for the whole of it.

    Raises:
        SetupError: With every problem found.
    """
    try:
        return _converter().structure(data, cls)
    except (CattrsError, ValueError) as error:
        secret = bool(_SECRET.search(path))
        raise SetupError(list(_problems(error, path, secret=secret))) from None


@cache
def _converter() -> Converter:
    converter = make_converter()
    register_forms(converter)
    return converter


def _problems(error: Exception, path: str, *, secret: bool) -> Iterator[Problem]:
    match error:
        case ClassValidationError():
            yield from _problems_of_class(error, path, secret=secret)
        case IterableValidationError():
            for item, note in error.group_exceptions()[0]:
                place = f"[{note.index}]" if isinstance(note.index, int) else f".{note.index}"
                yield from _problems(item, path + place, secret=secret or bool(_SECRET.search(place)))
        case MisfitError():
            what = f"expected {error.expected}, got {shown(error.value, secret=secret)}"
            yield Problem(path, what, "" if secret else error.hint)
        case RefusedError():
            yield Problem(path, error.what, error.hint)
        case _ if secret:
            yield Problem(path, "is refused; the value is secret")
        case _:
            yield Problem(path, str(error.args[0] if error.args else error))


def _problems_of_class(error: ClassValidationError, path: str, *, secret: bool) -> Iterator[Problem]:
    cls: Any = get_origin(error.cl) or error.cl
    names, secrets = _names(cls), _secrets(cls)
    inside, classwide = error.group_exceptions()
    for item, note in inside:
        name = names.get(note.name, note.name)
        if isinstance(item, KeyError) and item.args == (name,):
            yield Problem(_joined(path, name), "is required")
        else:
            hidden = secret or note.name in secrets or bool(_SECRET.search(name))
            for problem in _problems(item, _joined(path, name), secret=hidden):
                yield attrs.evolve(
                    problem,
                    what=problem.what.removeprefix(f"'{note.name}' ").removeprefix(f"{cls.__name__}.{note.name} "),
                )
    for item in classwide:
        if isinstance(item, ForbiddenExtraKeysError):
            for name in sorted(item.extra_fields):
                yield Problem(_joined(path, name), "unknown option", suggestion(name, names.values()))
        else:
            yield from _problems(item, path, secret=secret or bool(secrets))


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _names(cls: Any) -> dict[str, str]:
    """Return the names in settings by the names of the fields."""
    if attrs.has(cls):
        return {field.name: field.alias or field.name for field in attrs.fields(cls) if field.init}
    if is_dataclass(cls):
        return {field.name: field.name for field in dataclass_fields(cls) if field.init}
    return {name: name for name in get_type_hints(cls)}


def _secrets(cls: Any) -> set[str]:
    """Return the names of the fields that are left out of the repr."""
    if attrs.has(cls):
        return {field.name for field in attrs.fields(cls) if field.repr is False}
    if is_dataclass(cls):
        return {field.name for field in dataclass_fields(cls) if not field.repr}
    return set()
