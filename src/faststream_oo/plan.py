"""Classes and options to subscriptions: what an application serves, and every check before it starts."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from operator import attrgetter
from typing import Any, Protocol, TypeVar, cast

from faststream_oo.binding import Binding, BindingError, Captured, bind, field_of_body, raw_fact
from faststream_oo.broker import Broker
from faststream_oo.choice import Candidate, compile_choice
from faststream_oo.codec import Codec
from faststream_oo.conflicts import contract_conflicts, group_conflicts, name_conflicts, option_conflicts
from faststream_oo.errors import DecodeError, Problem, SetupError
from faststream_oo.lanes import KeyOf
from faststream_oo.markers import Field
from faststream_oo.message import UNSET, Message
from faststream_oo.options import RetryPolicy
from faststream_oo.outcome import DeadLetter
from faststream_oo.problems import (
    asking_problems,
    class_problems,
    did_you_mean,
    kind_problems,
    option_problems,
    producing_problems,
    settings_problems,
)
from faststream_oo.producer import Producer
from faststream_oo.publishing import produced_body
from faststream_oo.routes import Mark, Route, class_options, merge, own_options, routes_of
from faststream_oo.served import Entry, Planned, Served

H = TypeVar("H")


class Provision(Protocol):
    """Where the classes that options name come from."""

    def find(self, cls: type[object], path: str, option: str, /) -> object | None:
        """Return the one object of a class, or None when there is one for each attempt. Raises SetupError."""
        ...


class NoProvision:
    """Without a container only objects are allowed."""

    def find(self, cls: type[object], path: str, option: str, /) -> object:
        """Refuse a class."""
        what = f"{option}={cls.__name__} is a class, and there is no container to provide it"
        raise SetupError([Problem(path, what, f"{option}={cls.__name__}(…)")])


class Plan:
    """Everything that an application serves, checked.

    Args:
        served: Its consumers.
        producers: Its producers' classes with their brokers.
        brokers: Its brokers, those without consumers too.
        provision: Where classes that options name come from.
        whole: Whether these are all; the settings of a part may name others.
        beside: Entries that are served already.
    """

    def __init__(
        self,
        served: Sequence[Served],
        producers: Sequence[tuple[type[Producer], Broker]],
        brokers: Sequence[Broker],
        provision: Provision,
        *,
        whole: bool = True,
        beside: Sequence[Entry] = (),
    ) -> None:
        self.problems: list[Problem] = []
        self.subscriptions: list[Planned] = []
        self.producers = producers
        self.brokers = brokers
        self._provision = provision
        owners: list[tuple[type[object], Broker]] = [*producers, *((one.cls, one.broker) for one in served)]
        self._sending = [
            (cls, broker, route) for cls, broker in dict.fromkeys(owners) for route in routes_of(cls) if route.sends
        ]
        for broker in brokers:
            self.problems.extend(broker.problems())
        for sending in self._sending:
            self._provide(*sending)
        self.problems.extend(name_conflicts(served))
        entries = [entry for one in served for entry in self._entries(one)]
        for broker in brokers if whole else ():
            consumers = [(one.name, one.cls) for one in served if one.broker is broker]
            self.problems.extend(settings_problems(broker, consumers, [cls for cls, of in owners if of is broker]))
        self.problems.extend(group_conflicts([*beside, *entries]))
        for same in _by_subscription(entries):
            self._plan(same)
        consumed = [binding.body for planned in self.subscriptions for binding in planned.bindings]
        produced = [produced_body(getattr(cls, route.method)) for cls, _, route in self._sending]
        self.problems.extend(contract_conflicts([*consumed, *produced]))
        for cls, broker, route in self._sending:
            for mark in route.produces:
                self.problems.extend(producing_problems(broker, cls, route.method, mark))
            self.problems.extend(asking_problems(broker, cls, route))

    @property
    def entries(self) -> Sequence[Entry]:
        """What its subscriptions serve."""
        return [entry for planned in self.subscriptions for entry in planned.entries]

    def only(self, served: Served, beside: Sequence[Entry]) -> "Plan":
        """Return the plan of one more consumer of the same application, beside what is served already."""
        return Plan([served], [], [served.broker], self._provision, whole=False, beside=beside)

    def asks(self, broker: Broker, /) -> bool:
        """Whether any producer has `@requests` of a broker."""
        return any(of is broker and route.requests for cls, of in self.producers for route in routes_of(cls))

    # Entries ------------------------------------------------------------------------------------------------------

    def _entries(self, served: Served) -> Iterable[Entry]:
        self.problems.extend(class_problems(served.cls, served.path))
        wrong = [one for cls in served.cls.__mro__ for one in kind_problems(cls.__name__, own_options(cls))]
        self.problems.extend(wrong)
        for route in routes_of(served.cls) if not wrong else ():
            for mark in route.consumes:
                if wrong := list(kind_problems(f"{served.name}.{route.method}", mark.options)):
                    self.problems.extend(wrong)
                    continue
                entry = self._entry(served, route, mark)
                self._check_options(entry, mark)
                if entry.options["enabled"]:
                    yield entry

    def _entry(self, served: Served, route: Route, mark: Mark) -> Entry:
        broker = served.broker
        settings = broker.options.consumers
        plain = f"{served.name}.{route.method}"
        name = plain if len(route.consumes) == 1 else f"{plain}[{mark.address.name}]"
        defaults: dict[str, Any] = {
            "concurrency": 1,
            "delivery": "at_least_once",
            "ordered_by": None,
            "timeout": None,
            "retry": RetryPolicy(),
            "errors": {},
            "unmatched": DeadLetter("unmatched"),
            "codec": broker.codec,
            "middlewares": [],
            "outbox": True,
            "reply": True,
            "enabled": True,
        }
        scopes = [settings.get(key, {}) for key in dict.fromkeys((served.name, plain, name))]
        options = merge(
            defaults,
            broker.defaults_of(mark.address),
            broker.options.defaults,
            class_options(served.cls),
            mark.options,
            *scopes,
        )
        if not any(
            "prefetch" in scope for scope in (broker.options.defaults, class_options(served.cls), mark.options, *scopes)
        ):
            options["prefetch"] = max(options["prefetch"], 2 * options["concurrency"])
        address = broker.class_prefixed(broker.address_of(mark, options), served.prefix)
        return Entry(served, route, name, address, options)

    def _check_options(self, entry: Entry, mark: Mark) -> None:
        broker = entry.served.broker
        own = {name: value for cls in entry.served.cls.__mro__ for name, value in own_options(cls).items()}
        unknown = [*own, *mark.options]
        allowed = broker.consume_names
        for option in unknown:
            if option not in allowed:
                hint = broker.absent_options.get(option) or did_you_mean(option, allowed)
                self.problems.append(Problem(entry.name, f'unknown option "{option}"', hint))
        known = {name: value for name, value in entry.options.items() if name in allowed}
        self.problems.extend(option_problems(entry.name, known, allowed))
        for what, hint in (
            *broker.address_problems(entry.address, consuming=True),
            *broker.option_problems(entry.options, entry.address),
        ):
            self.problems.append(Problem(entry.name, what, hint))

    # Subscriptions ------------------------------------------------------------------------------------------------

    def _plan(self, entries: Sequence[Entry]) -> None:
        first = entries[0]
        self.problems.extend(option_conflicts(entries))
        name = first.name if len(entries) == 1 else f"{first.served.name}[{first.address.name}]"
        bindings = [binding for entry in entries if (binding := self._binding(entry)) is not None]
        if len(bindings) < len(entries):
            return
        middlewares, per_attempt = zip(*(self._middlewares(entry) for entry in entries), strict=True)
        planned = Planned(name, entries, bindings, middlewares, per_attempt)
        try:
            choice_of(planned, entries)
            key_of(planned)
        except BindingError as error:
            self.problems.append(Problem(name, error.what, error.hint))
            return
        self.subscriptions.append(planned)

    def _binding(self, entry: Entry) -> Binding | None:
        broker, served = entry.served.broker, entry.served
        codec = self._codec(entry)
        if codec is None:
            return None
        try:
            return bind(served.cls, entry.route.method, broker.message_type, codec, _captured(entry))
        except BindingError as error:
            self.problems.append(Problem(entry.handler_name, error.what, error.hint))
            return None

    def _codec(self, entry: Entry) -> Codec | None:
        codec = entry.options["codec"]
        if not isinstance(codec, type):
            return cast(Codec, codec)
        return cast("Codec | None", self._given(codec, entry, "codec"))

    def _given(self, cls: type[object], entry: Entry, option: str) -> object | None:
        broker = entry.served.broker
        if cls in broker.given:
            return broker.given[cls]
        try:
            found = self._provision.find(cls, _owner_of(entry, cls), option)
        except SetupError as error:
            self.problems.extend(error.problems)
            return None
        if found is not None:
            broker.given[cls] = found
        return found

    def _middlewares(self, entry: Entry) -> tuple[Sequence[Any], Sequence[type[object]]]:
        broker = entry.served.broker
        resolved: list[Any] = [*broker.outer_middlewares, *broker.middlewares]
        per_attempt: list[type[object]] = []
        for one in entry.options["middlewares"]:
            if not isinstance(one, type):
                resolved.append(one)
                continue
            before = len(self.problems)
            found = self._given(one, entry, "middlewares")
            if found is not None:
                resolved.append(found)
            elif len(self.problems) == before and hasattr(one, "consume"):
                per_attempt.append(one)
                resolved.append(len(per_attempt))
        return [one for one in resolved if isinstance(one, int) or hasattr(one, "consume")], per_attempt

    def _provide(self, cls: type[object], broker: Broker, route: Route) -> None:
        """Resolve the middleware and codec classes that a method which sends names."""
        for mark in route.sends:
            options = broker.produce_options(cls, route.method, mark)
            outward = [("middlewares", one) for one in options.get("middlewares", ()) if hasattr(one, "publish")]
            for option, value in [("codec", options.get("codec")), *outward]:
                if isinstance(value, type) and value not in broker.given:
                    self._provide_one(broker, value, f"{cls.__name__}.{route.method}", option)

    def _provide_one(self, broker: Broker, cls: type[object], path: str, option: str) -> None:
        try:
            found = self._provision.find(cls, path, option)
        except SetupError as error:
            self.problems.extend(error.problems)
            return
        if found is None:
            what = f"{cls.__name__} is made for each message, a publish needs one that stays"
            self.problems.append(Problem(path, what, f"providers.Singleton({cls.__name__}, …)"))
        else:
            broker.given[cls] = found


def _owner_of(entry: Entry, cls: type[object]) -> str:
    """Return who names a class in its options: the consumer class, else the method."""
    for base in entry.served.cls.__mro__:
        own = own_options(base)
        if cls in own.get("middlewares", ()) or own.get("codec") is cls:
            return entry.served.name
    return entry.name


def _captured(entry: Entry) -> Captured:
    broker, address = entry.served.broker, entry.address
    return Captured(address.name, broker.parts(address), lambda part: broker.part_hint(address, part))


def _by_subscription(entries: Sequence[Entry]) -> Iterable[Sequence[Entry]]:
    found: dict[Hashable, list[Entry]] = {}
    for entry in entries:
        found.setdefault((id(entry.served), entry.address, entry.options.get("group")), []).append(entry)
    return found.values()


def choice_of(planned: Planned, handlers: Sequence[H], /) -> Callable[[Message], H | None]:
    """Return what chooses among the methods of a subscription."""
    candidates = [
        Candidate(handler, entry.handler_name, entry.options.get("when"), binding.body)
        for handler, entry, binding in zip(handlers, planned.entries, planned.bindings, strict=True)
    ]
    return compile_choice(candidates, planned.options.get("tag"), _plain_codec(planned))


def _plain_codec(planned: Planned) -> Codec:
    return codec_of(planned.entries[0])


def codec_of(entry: Entry, /) -> Codec:
    """Return the codec of a method."""
    return cast(Codec, entry.served.broker.object_of(entry.options["codec"]))


def key_of(planned: Planned, /) -> KeyOf | None:
    """Return what makes a lane. Raises BindingError."""
    ordered_by = planned.options["ordered_by"]
    if ordered_by is None:
        return None
    if ordered_by == "partition":
        return attrgetter("claim")
    if not isinstance(ordered_by, Field):
        return raw_fact(ordered_by, "", _captured(planned.entries[0]))
    read = field_of_body(ordered_by, _plain_codec(planned))

    def key(message: Message) -> Hashable | None:
        try:
            value = read(message)
        except DecodeError:
            return None  # it goes to the dead letters, and holds up nobody
        if value is UNSET or value is None:
            return None
        return value if isinstance(value, Hashable) else repr(value)

    return key
