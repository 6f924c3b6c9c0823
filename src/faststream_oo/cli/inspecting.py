"""`check` and `describe`: what an application would do, without connecting."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from faststream_oo.application import Application
from faststream_oo.cli.load import Source, load
from faststream_oo.cli.panel import Exit, LoadError, report
from faststream_oo.cli.serving import below
from faststream_oo.errors import MessagingError
from faststream_oo.plan import Plan, Planned
from faststream_oo.routes import class_prefix, routes_of

_SHOWN = (
    "group",
    "delivery",
    "concurrency",
    "ordered_by",
    "prefetch",
    "timeout",
    "start",
    "title",
    "description",
    "tags",
)


def check(target: str, config: Sequence[Path], assignments: Sequence[str], *, memory: bool) -> int:
    """Check an application and its settings; return the exit code."""

    def say(application: Application) -> str:
        plan = application.plan
        return f"ok: {_counted(len(plan.subscriptions), 'subscription')}, {_counted(len(plan.producers), 'producer')}"

    return _inspect(Source(target, config=config, assignments=assignments), say, memory=memory)


def describe(target: str, config: Sequence[Path], assignments: Sequence[str], *, memory: bool, json: bool) -> int:
    """Show what an application consumes and produces; return the exit code."""

    def say(application: Application) -> str:
        document = described(application)
        return orjson.dumps(document, option=orjson.OPT_INDENT_2).decode() if json else _as_text(document)

    return _inspect(Source(target, config=config, assignments=assignments), say, memory=memory)


def _inspect(source: Source, say: Callable[[Application], str], *, memory: bool) -> int:
    try:
        with below(memory=memory):
            print(say(load(source)))  # noqa: T201 - the command's data
    except (MessagingError, LoadError) as error:
        return report(error, source.target)
    return Exit.OK


def described(application: Application, /) -> Mapping[str, Any]:
    """Return what an application consumes and produces as a document. Raises SetupError."""
    plan = application.plan
    return {
        "title": application.title,
        "version": application.version,
        "description": application.description,
        "brokers": [{"protocol": one.options.protocol, "servers": one.options.servers} for one in plan.brokers],
        "subscriptions": [_subscription(planned) for planned in plan.subscriptions],
        "producers": list(_producers(plan)),
    }


def _subscription(planned: Planned) -> Mapping[str, Any]:
    options, broker = planned.options, planned.broker
    address = broker.locate(planned.address)
    group = options.get("group")
    letter = options.get("dead_letter")
    whole_group = None if group is None else broker.options.prefix + group
    letters = broker.dead_letter(address.name, whole_group) if letter is None else broker.locate(letter)
    retry = options["retry"]
    return {
        "name": planned.name,
        "handlers": [entry.handler_name for entry in planned.entries],
        "address": address.name,
        "attempts": retry.attempts,
        "dead_letter": None if letters is None else letters.name,
        **{name: _plain(options[name]) for name in _SHOWN if options.get(name) is not None},
    }


def _producers(plan: Plan) -> Sequence[Mapping[str, Any]]:
    owners: dict[type[object], Any] = dict(plan.producers)
    owners |= {entry.served.cls: one.broker for one in plan.subscriptions for entry in one.entries}
    return [
        {
            "name": f"{cls.__name__}.{route.method}",
            "address": broker.locate(options.get("address", mark.address), class_prefix(cls)).name,
            **({"key": options["key"]} if "key" in options else {}),
        }
        for cls, broker in owners.items()
        for route in routes_of(cls)
        for mark in route.produces
        for options in [broker.produce_options(cls, route.method, mark)]
    ]


def _plain(value: object) -> object:
    return value if isinstance(value, str | int | float | bool | list) else str(value)


def _as_text(document: Mapping[str, Any]) -> str:
    lines = [f"{document['title']} {document['version']}"]
    lines += [f"  {one['protocol']} at {one['servers']}" for one in document["brokers"]]
    for kind in ("subscriptions", "producers"):
        lines += ["", kind]
        for one in document[kind]:
            lines.append(f"  {one['name']}  {one['address']}")
            shown = {name: value for name, value in one.items() if name not in {"name", "address", "handlers"}}
            lines += [f"      {name}: {value}" for name, value in shown.items()]
            if len(one.get("handlers", ())) > 1:
                lines.append(f"      handlers: {', '.join(one['handlers'])}")
    return "\n".join(lines)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
