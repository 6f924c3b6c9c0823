"""What a document should have held, what it holds, and where."""

from collections.abc import Sequence
from typing import Any

import attrs
from cattrs import BaseValidationError, ClassValidationError, ForbiddenExtraKeysError, IterableValidationError

from faststream_oo.errors import DecodeError

_SHOWN = 40
"""Characters of a wrong value that a message shows."""

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


def located(error: Exception, /, path: str = "$") -> DecodeError:
    """Return the first problem that a detailed converter found, as a DecodeError with its place."""
    if isinstance(error, DecodeError):
        return error
    if isinstance(error, BaseValidationError):
        inner, step = _first(error)
        if isinstance(inner, KeyError) and isinstance(error, ClassValidationError) and inner.args == (step,):
            return DecodeError("required field missing", path + _step(step))
        return located(inner, path if step is None else path + _step(step))
    if isinstance(error, ForbiddenExtraKeysError):
        return DecodeError("unknown field", path + _step(min(error.extra_fields)))
    if isinstance(error, RecursionError):
        return DecodeError("nested too deeply", path)
    # An attrs validator hands its attribute over as an argument.
    names = [argument.name for argument in error.args if isinstance(argument, attrs.Attribute)]
    return DecodeError(_text(error), path + "".join(map(_step, names)))


def _first(error: BaseValidationError) -> tuple[Exception, int | str | None]:
    """Return the first error of a group that has a place, and the field, index or key of it."""
    if isinstance(error, ClassValidationError):
        for inner, note in error.group_exceptions()[0]:
            return inner, note.name
    if isinstance(error, IterableValidationError):
        for inner, place in error.group_exceptions()[0]:
            return inner, place.index
    inner = error.exceptions[0]
    return inner, None


def _step(step: int | str | None) -> str:
    return f".{step}" if isinstance(step, str) and step.isidentifier() else f"[{step!r}]"


def _text(error: Exception) -> str:
    arguments: Sequence[Any] = error.args
    told = isinstance(error, (TypeError, ValueError)) and arguments and isinstance(arguments[0], str)
    if isinstance(error, KeyError):
        return f"required field {arguments[0]!r} missing" if arguments else "required field missing"
    return arguments[0] if told else f"{type(error).__name__}: {error}"
