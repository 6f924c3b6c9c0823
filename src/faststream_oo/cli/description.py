"""What an application consumes and produces, as data and as text."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, cast, get_args

import attrs
import orjson
from attrs import field, frozen

from faststream_oo.address import Address
from faststream_oo.application import Application
from faststream_oo.broker import Broker
from faststream_oo.markers import Field, Header, Key, Path
from faststream_oo.message import Unset
from faststream_oo.options import Exponential, RetryPolicy
from faststream_oo.outcome import DeadLetter, Drop, Outcome, Retry
from faststream_oo.plan import Plan
from faststream_oo.publishing import produced_body
from faststream_oo.routes import RequestMark, class_prefix, routes_of
from faststream_oo.served import Planned

_SEEN = frozenset({"group", "delivery", "dead_letter", "address"})
_USUAL: Mapping[str, object] = {
    "timeout": None,
    "errors": {},
    "unmatched": {"dead_letter": "unmatched"},
    "codec": "JsonCodec",
    "middlewares": [],
    "outbox": True,
    "reply": True,
    "enabled": True,
}


@frozen(kw_only=True)
class SubscriptionFacts:
    """One subscription.

    Attributes:
        name: As in settings, logs and metrics.
        handlers: The methods that it chooses among, and what their body is.
        broker: Protocol and servers.
        address: Whole, with every prefix.
        kind: What that is, with the stream of a NATS subject; none for what is usual for its protocol.
        group: Whole, with the broker's prefix.
        delivery: When a message is settled.
        dead_letters: Where given-up messages go; none when they are dropped, with an error in the log.
        options: All others, in the forms of the settings.
    """

    name: str
    handlers: Mapping[str, str]
    broker: str
    address: str
    kind: str | None
    group: str | None
    delivery: str
    dead_letters: Sequence[str]
    options: Mapping[str, object]


@frozen(kw_only=True)
class PublicationFacts:
    """One method that publishes.

    Attributes:
        name: `Class.method`.
        broker: Protocol and servers.
        address: Whole, with every prefix; may hold `{field}`.
        kind: What that is, as of a subscription.
        key: Name of the field whose value is the message's key.
        body: What is published.
        options: All others, in the forms of the settings.
    """

    name: str
    broker: str
    address: str
    kind: str | None
    key: str | None
    body: str
    options: Mapping[str, object]


@frozen(kw_only=True)
class RequestFacts(PublicationFacts):
    """One method that asks.

    Attributes:
        reply: What is answered.
        timeout: Seconds to wait for it.
    """

    reply: str
    timeout: float


@frozen(kw_only=True)
class Description:
    """An application, seen from outside."""

    title: str
    version: str
    description: str
    subscriptions: Sequence[SubscriptionFacts] = field(factory=tuple[SubscriptionFacts, ...])
    producers: Sequence[PublicationFacts] = field(factory=tuple[PublicationFacts, ...])
    requests: Sequence[RequestFacts] = field(factory=tuple[RequestFacts, ...])


def description_of(application: Application) -> Description:
    """Describe a checked application."""
    plan = application.plan
    sent = list(_publications(plan))
    return Description(
        title=application.title,
        version=application.version,
        description=application.description,
        subscriptions=[_subscription(planned) for planned in plan.subscriptions],
        producers=[one for one in sent if not isinstance(one, RequestFacts)],
        requests=[one for one in sent if isinstance(one, RequestFacts)],
    )


def as_text(described: Description) -> str:
    """Render a description for people: a line each, names first."""
    consumed = [
        (one.name, one.address, _pairs(_main_facts(one) | _told(one.options))) for one in described.subscriptions
    ]
    produced = [
        (one.name, one.address, _pairs({"kind": one.kind, "key": one.key, "body": one.body} | _told(one.options)))
        for one in described.producers
    ]
    asked = [
        (
            one.name,
            one.address,
            _pairs(
                {"kind": one.kind, "reply": one.reply, "timeout": one.timeout, "key": one.key, "body": one.body}
                | _told(one.options)
            ),
        )
        for one in described.requests
    ]
    head = " ".join(filter(None, [described.title, described.version]))
    tables = [_table("subscriptions", consumed), _table("producers", produced), _table("requests", asked)]
    return "\n\n".join(filter(None, [head, described.description, *tables]))


def _subscription(planned: Planned) -> SubscriptionFacts:
    broker, options = planned.broker, planned.options
    address = broker.locate(planned.address)
    pairs = zip(planned.entries, planned.bindings, strict=True)
    return SubscriptionFacts(
        name=planned.name,
        handlers={entry.handler_name: _type_name(binding.body) for entry, binding in pairs},
        broker=broker.place,
        address=address.name,
        kind=address.kind,
        group=planned.whole_group,
        delivery=options["delivery"],
        dead_letters=[letter.name for letter in _letters(planned)],
        options={name: _form(value) for name, value in options.items() if name not in _SEEN},
    )


def _letters(planned: Planned) -> Sequence[Address]:
    """Return where dead letters go; of a pattern, whose sources come later, how those addresses are made."""
    letters = planned.letters
    of_pattern = any(planned.broker.address_problems(letter, consuming=False) for letter in letters)
    return planned.letters_of("<address>") if of_pattern else letters


def _publications(plan: Plan) -> Iterator[PublicationFacts]:
    owners: list[tuple[type[object], Broker]] = [*plan.producers]
    owners += [(entry.served.cls, one.broker) for one in plan.subscriptions for entry in one.entries]
    for cls, broker in dict.fromkeys(owners):
        for route in routes_of(cls):
            for mark in route.sends:
                options = broker.produce_options(cls, route.method, mark)
                address = broker.locate(broker.address_of(mark, options), class_prefix(cls))
                facts: dict[str, Any] = {
                    "name": f"{cls.__name__}.{route.method}",
                    "broker": broker.place,
                    "address": address.name,
                    "kind": address.kind,
                    "key": options.pop("key", None),
                    "body": _type_name(produced_body(getattr(cls, route.method))),
                    "options": {name: _form(value) for name, value in options.items()},
                }
                if isinstance(mark, RequestMark):
                    yield RequestFacts(**facts, reply=_type_name(mark.reply), timeout=mark.timeout)
                else:
                    yield PublicationFacts(**facts)


def _form(value: Any) -> object:
    """Return the value of an option as settings write it, where they can."""
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, Mapping):
        members = cast("Mapping[object, object]", value)
        return {str(_form(name)): _form(member) for name, member in members.items()}
    if isinstance(value, Sequence):
        return [_form(member) for member in cast("Sequence[object]", value)]
    return _form_of_value(value)


def _form_of_value(value: Any) -> object:
    match value:
        case Key():
            return "key"
        case Header() | Path() | Field():
            return f"{type(value).__name__.lower()}:{value.name}"
        case Outcome():
            return _outcome_form(value)
        case RetryPolicy() | Exponential():
            return _form(attrs.asdict(value, recurse=False))
        case datetime():
            return value.isoformat()
        case type() if issubclass(value, Exception):
            return f"{value.__module__}:{value.__qualname__}"
        case _:
            return _form_of_choice(value) or getattr(value, "__qualname__", type(value).__name__)


def _form_of_choice(value: object) -> object:
    """Return one of several classes that an option takes, as `type` and its fields; None for anything of a user's."""
    cls: type[object] = type(value)
    if not (attrs.has(cls) and cls.__module__.startswith("faststream_oo.")):
        return None
    fields = {attribute.name: _form(getattr(value, attribute.name)) for attribute in attrs.fields(cls)}
    return {"type": cls.__name__.lower(), **fields}


def _outcome_form(outcome: Outcome) -> object:
    match outcome:
        case Retry(after=None):
            return "retry"
        case Retry(after=seconds):
            return {"retry": seconds}
        case DeadLetter(reason=reason):
            return {"dead_letter": reason}
        case Drop(reason=reason):
            return {"drop": reason}
        case _:
            return "ack"


def _type_name(annotation: object) -> str:
    if annotation is None or isinstance(annotation, Unset):
        return "nothing"
    return annotation.__name__ if isinstance(annotation, type) and not get_args(annotation) else str(annotation)


def _main_facts(one: SubscriptionFacts) -> dict[str, object]:
    bodies = dict.fromkeys(one.handlers.values())
    return {
        "kind": one.kind,
        "body": "|".join(bodies),
        "group": one.group,
        "delivery": one.delivery,
        "dead_letters": ",".join(one.dead_letters) or "none, dropped with an error",
    }


def _told(options: Mapping[str, object]) -> dict[str, object]:
    """Return the options that are not what everybody has, a retry policy by its attempts."""
    told = {name: value for name, value in options.items() if name not in _USUAL or value != _USUAL[name]}
    if isinstance(retry := told.get("retry"), Mapping):
        told["retry"] = retry["attempts"]
    return told


def _pairs(facts: Mapping[str, object]) -> str:
    return " ".join(f"{name}={_word(value)}" for name, value in facts.items() if value is not None and value != "")


def _word(value: object) -> str:
    text = value if isinstance(value, str) else orjson.dumps(value, default=str).decode()
    return text if " " not in text else orjson.dumps(text).decode()


def _table(title: str, rows: Sequence[tuple[str, str, str]]) -> str:
    if not rows:
        return ""
    names, addresses = (max(len(row[column]) for row in rows) for column in (0, 1))
    return "\n".join([title, *(f"  {name:<{names}}  {address:<{addresses}}  {rest}" for name, address, rest in rows)])
