"""`faststream-oo check` and `faststream-oo describe`: look at an application without connecting."""

import sys

import attrs
import orjson

from faststream_oo.cli.description import Description, as_text, description_of
from faststream_oo.cli.load import Source, load
from faststream_oo.cli.panel import guarded
from faststream_oo.cli.serving import world


def check(source: Source, *, memory: bool) -> int:
    """Load and check an application, say on stdout what it holds, and return the exit code."""

    def run() -> None:
        described = _described(source, memory=memory)
        consumed = _counted(len(described.subscriptions), "subscription")
        sys.stdout.write(f"ok: {consumed}, {_counted(len(described.producers), 'producer')}\n")

    return guarded(source.target, run)


def describe(source: Source, *, memory: bool, as_json: bool) -> int:
    """Load and check an application, describe it on stdout, and return the exit code."""

    def run() -> None:
        described = _described(source, memory=memory)
        text = orjson.dumps(attrs.asdict(described), option=orjson.OPT_INDENT_2).decode()
        sys.stdout.write(f"{text if as_json else as_text(described)}\n")

    return guarded(source.target, run)


def _described(source: Source, *, memory: bool) -> Description:
    with world(memory=memory):
        return description_of(load(source))


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
