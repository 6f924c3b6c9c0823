"""One line a message, on one stream; standard logging below the logger `faststream_oo`."""

import json
import logging
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from traceback import FrameSummary, TracebackException
from typing import Final, Literal, TypeAlias, cast

import orjson

from faststream_oo.current import CURRENT
from faststream_oo.errors import LifecycleError

Level: TypeAlias = Literal["debug", "info", "warning", "error"]
Format: TypeAlias = Literal["auto", "console", "json", "logfmt"]

_HANDLER: Final = "faststream_oo"
_CLIENTS: Final = ("aiokafka", "aiormq")
_PACKAGE: Final = str(Path(__file__).parent) + os.sep
_NATIVE: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "fields"}
_COLOURS: Final[Mapping[int, str]] = {
    logging.DEBUG: "\x1b[2m",
    logging.WARNING: "\x1b[33m",
    logging.ERROR: "\x1b[31m",
    logging.CRITICAL: "\x1b[31m",
}


def configure_logging(*, level: Level = "info", format: Format = "auto") -> None:
    """Set up logging as the CLI does, to stderr; `auto` is console on a terminal and JSON elsewhere.

    Every record made while a message is handled carries `consumer`, `address`, `message_id` and `attempt`, yours too.
    Colours show on a terminal only, never with `NO_COLOR`, always with `FORCE_COLOR`. Calling it again replaces what
    it set up before; handlers of others stay.

    Args:
        level: The lowest level that shows. The client libraries are silent unless it is "debug": what they say again and
            again while a broker is lost, the framework says once.
        format: All formats have the same fields.
    """
    terminal = sys.stderr.isatty()
    kind = format if format != "auto" else "console" if terminal else "json"
    handler = logging.StreamHandler(sys.stderr)
    handler.set_name(_HANDLER)
    handler.setFormatter(_formatter(kind, coloured=_wants_colour(terminal=terminal)))
    root = logging.getLogger()
    for other in [other for other in root.handlers if other.get_name() == _HANDLER]:
        root.removeHandler(other)
    root.addHandler(handler)
    root.setLevel(level.upper())
    for client in _CLIENTS:
        logging.getLogger(client).setLevel(logging.NOTSET if level == "debug" else logging.CRITICAL)


def message_fields() -> dict[str, object]:
    """Return `consumer`, `address`, `message_id` and `attempt` of the message being handled, else nothing."""
    attempt = CURRENT.get()
    message = attempt.message if attempt is not None else None
    if message is None:
        return {}
    try:
        consumer = {"consumer": message.subscription.name}
    except LifecycleError:  # made by a test, received by no subscription
        consumer = {}
    return {**consumer, "address": message.address, "message_id": message.id, "attempt": message.attempt}


def user_traceback(error: BaseException) -> str:
    """Render a traceback without the framework's frames above the user's, in causes and groups too."""
    rendered = TracebackException.from_exception(error)
    for part in _parts(rendered):
        inner = [_is_ours(frame) for frame in part.stack]
        if False in inner:
            del part.stack[: inner.index(False)]
    if isinstance(error, SyntaxError) and all(_is_ours(frame) for frame in rendered.stack):
        rendered.stack.clear()
    return "".join(rendered.format()).rstrip("\n")


def _parts(rendered: TracebackException) -> Iterator[TracebackException]:
    """Iterate over an exception, its causes and the members of its groups."""
    waiting = [rendered]
    while waiting:
        part = waiting.pop()
        yield part
        waiting += [other for other in (part.__cause__, part.__context__, *(part.exceptions or ())) if other]


def _is_ours(frame: FrameSummary) -> bool:
    """Whether a frame is the framework's or of the machinery that it calls users by."""
    return frame.filename.startswith((_PACKAGE, "<frozen importlib", "src/dependency_injector")) or (
        frame.filename.endswith(("importlib/__init__.py", "asyncio/runners.py", "asyncio/base_events.py"))
    )


def _wants_colour(*, terminal: bool) -> bool:
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or (terminal and os.environ.get("TERM") != "dumb")


class _Formatter(logging.Formatter):
    """Renders records by a function of the record, its fields and its traceback; a record is read, never changed."""

    def __init__(self, render: "_Render") -> None:
        super().__init__()
        self._render = render

    def format(self, record: logging.LogRecord) -> str:
        """Render one record."""
        own = {name: value for name, value in vars(record).items() if name not in _NATIVE}
        told = cast("dict[str, object]", getattr(record, "fields", {}))
        fields = {name: value for name, value in {**message_fields(), **own, **told}.items() if value is not None}
        error = record.exc_info[1] if record.exc_info else None
        trace = user_traceback(error) if error else record.exc_text or ""
        return self._render(record, fields, "\n".join(filter(None, [trace, record.stack_info])))


_Render: TypeAlias = Callable[[logging.LogRecord, Mapping[str, object], str], str]


def _formatter(kind: str, *, coloured: bool) -> logging.Formatter:
    renders: Mapping[str, _Render] = {
        "console": _console_in_colour if coloured else _console,
        "json": _json,
        "logfmt": _logfmt,
    }
    if kind not in renders:
        raise ValueError(f'format="{kind}": auto, console, json or logfmt')
    return _Formatter(renders[kind])


def _console(record: logging.LogRecord, fields: Mapping[str, object], trace: str) -> str:
    at = datetime.fromtimestamp(record.created).astimezone()
    line = f"{at:%Y-%m-%d %H:%M:%S}.{record.msecs:03.0f} {record.levelname:<7} {record.name}: {record.getMessage()}"
    line = f"{line}  {_pairs(fields)}" if fields else line
    return f"{line}\n{trace}" if trace else line


def _console_in_colour(record: logging.LogRecord, fields: Mapping[str, object], trace: str) -> str:
    line = _console(record, fields, trace)
    colour = _COLOURS.get(record.levelno)
    return f"{colour}{line}\x1b[0m" if colour else line


def _json(record: logging.LogRecord, fields: Mapping[str, object], trace: str) -> str:
    document = {**_head(record), **fields, **_head(record), **({"exception": trace} if trace else {})}
    try:
        return orjson.dumps(document, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
    except orjson.JSONEncodeError:  # integers over 64 bits and lone surrogates, which the standard library writes
        return json.dumps(document, default=str, skipkeys=True)


def _logfmt(record: logging.LogRecord, fields: Mapping[str, object], trace: str) -> str:
    return _pairs({**_head(record), **fields, **_head(record), **({"exception": trace} if trace else {})})


def _head(record: logging.LogRecord) -> dict[str, object]:
    at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"time": at, "level": record.levelname.lower(), "logger": record.name, "message": record.getMessage()}


def _pairs(fields: Mapping[str, object]) -> str:
    return " ".join(f"{name}={_value(value)}" for name, value in fields.items())


def _value(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    text = str(round(value, 6)) if isinstance(value, float) else str(value)
    return text if re.fullmatch(r"[^\s\"=]+", text) and text.isprintable() else json.dumps(text, ensure_ascii=False)
