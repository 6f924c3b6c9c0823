"""What a document should have held, what it holds, and where."""

from collections.abc import Sequence
from typing import Any

import attrs
from cattrs import BaseValidationError, ClassValidationError, ForbiddenExtraKeysError, IterableValidationError

from faststream_oo.errors import DecodeError

_SHOWN = 40
"""Characters of a wrong value that a message shows."""

_LONGEST_PATH = 300

_JSON_NAMES = ((dict, "object"), (list, "array"))


def expected(what: str, value: object, /) -> ValueError:
    """Return the error for a value that is not what it should be: `expected int, got str '5'`."""
    return ValueError(f"expected {what}, got {described(value)}")


def described(value: object, /) -> str:
    """Return a JSON value for messages: scalars with their value cut short, arrays and objects by their kind."""
    if value is None:
        return "null"
    for cls, name in _JSON_NAMES:
        if isinstance(value, cls):
            return name
    shown = value[:_SHOWN] if isinstance(value, str) else value
    text = repr(shown)
    cut = text if len(text) <= _SHOWN + 2 and shown == value else f"{text[:_SHOWN]}…"
    return f"{type(value).__name__} {cut}"


def located(error: Exception, /) -> DecodeError:
    """Return the first problem that a detailed converter found, as a DecodeError with its place."""
    path = "$"
    while isinstance(error, BaseValidationError):  # one round a level of the document, however deep it is
        error, step, missing = _first(error)
        path += "" if step is None else _step(step)
        if missing:
            return DecodeError("required field missing", _cut(path))
    if isinstance(error, DecodeError):
        return error
    if isinstance(error, ForbiddenExtraKeysError):
        return DecodeError("unknown field", _cut(path + _step(min(error.extra_fields))))
    if isinstance(error, RecursionError):
        return DecodeError("nested too deeply", _cut(path))
    # An attrs validator hands its attribute over as an argument.
    names = [argument.name for argument in error.args if isinstance(argument, attrs.Attribute)]
    return DecodeError(_text(error), _cut(path + "".join(map(_step, names))))


def _first(error: BaseValidationError) -> tuple[Exception, int | str | None, bool]:
    """Return the first error of a group that has a place, its field, index or key, and whether it is a missing field."""
    if isinstance(error, ClassValidationError):
        for inner, note in error.group_exceptions()[0]:
            return inner, note.name, isinstance(inner, KeyError) and inner.args == (note.name,)
    if isinstance(error, IterableValidationError):
        for inner, place in error.group_exceptions()[0]:
            return inner, place.index, False
    return error.exceptions[0], None, False


def _cut(path: str) -> str:
    return path if len(path) <= _LONGEST_PATH else f"{path[:_LONGEST_PATH]}…"


def _step(step: int | str) -> str:
    return f".{step}" if isinstance(step, str) and step.isidentifier() else f"[{step!r}]"


def _text(error: Exception) -> str:
    arguments: Sequence[Any] = error.args
    told = isinstance(error, (TypeError, ValueError)) and arguments and isinstance(arguments[0], str)
    if isinstance(error, KeyError):
        return f"required field {arguments[0]!r} missing" if arguments else "required field missing"
    return arguments[0] if told else f"{type(error).__name__}: {error}"
