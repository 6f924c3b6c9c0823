"""Where RabbitMQ's messages come from and go to: queues, exchanges, and the bindings between them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Final, Literal, TypeAlias

from attrs import field, frozen

from faststream_oo.values import literal, number

Arguments: TypeAlias = Mapping[str, str | int | float | bool]
"""AMQP arguments by the server's own names (`x-message-ttl`)."""

REPLIES: Final = "amq.rabbitmq.reply-to"
"""What a request says for "answer over my channel": the server puts an address of that channel in its place."""

_PART: Final = re.compile(r"\{(\w+)\}")
_NAME: Final = re.compile(r"[a-zA-Z0-9\-_.:@#,/+ {}]*")
"""What the client writes as a name, and what a template has; servers take more."""

_ANSWER: Final = re.compile(r"(?s:(.*))\|([a-zA-Z0-9\-_.:@#,/+ ]{0,127})")
"""Where a request wants its answer, if not in a queue: a routing key, and an exchange that the client can write."""

_LONGEST: Final = 255  # Bytes of a short string (AMQP 0-9-1, 4.2.5.3).


def _bindings(given: "Sequence[Binding]") -> "tuple[Binding, ...]":
    bindings = tuple(given)
    for one in bindings:
        if not isinstance(one, Binding):  # pyright: ignore[reportUnnecessaryIsInstance] - for who uses no checker
            raise TypeError(f"bind= takes Binding(exchange, routing_key), not {one!r}")
    return bindings


def _arguments() -> dict[str, str | int | float | bool]:
    return {}


@frozen
class Exchange:
    """An exchange.

    Attributes:
        name: Its name.
        type: How it routes.
        durable: Survives a restart of the server.
        auto_delete: Goes away with its last binding.
        bind: Bindings that feed it from other exchanges.
        arguments: Further arguments.
        external: Owned by somebody else: checked, never created.
    """

    name: str
    type: Literal["direct", "fanout", "topic", "headers"] = field(default="direct", kw_only=True, validator=literal)
    durable: bool = field(default=True, kw_only=True)
    auto_delete: bool = field(default=False, kw_only=True)
    bind: "Sequence[Binding]" = field(default=(), kw_only=True, converter=_bindings)
    arguments: Arguments = field(factory=_arguments, kw_only=True, hash=False)
    external: bool = field(default=False, kw_only=True)

    @property
    def kind(self) -> str:
        """An exchange of its type."""
        return f"{self.type} exchange"


@frozen
class KeyedExchange(Exchange):
    """An exchange under a prefix that stands before every routing key published to it, too.

    Attributes:
        key_prefix: The prefix of the keys.
    """

    key_prefix: str = field(default="", kw_only=True)


@frozen
class Binding:
    """What an exchange sends to a queue or another exchange.

    Attributes:
        exchange: Where the messages come from; a name means an exchange owned by somebody else.
        routing_key: `*` and `#` on a topic exchange; `{name}` is `*` and a `Path` parameter.
        arguments: Of a headers exchange, with `x-match`.
    """

    exchange: str | Exchange
    routing_key: str = ""
    arguments: Arguments = field(factory=_arguments, kw_only=True, hash=False)

    @property
    def source(self) -> Exchange:
        """The exchange; one given by name is external."""
        return Exchange(self.exchange, external=True) if isinstance(self.exchange, str) else self.exchange

    @property
    def native_key(self) -> str:
        """The routing key as the server knows it."""
        return _PART.sub("*", self.routing_key)


@frozen
class Queue:
    """A queue.

    Attributes:
        name: Its name.
        type: "quorum" is replicated and durable; "classic" may be neither.
        bind: What it receives beside what is published to its name.
        durable: Survives a restart; must be True for "quorum".
        exclusive: For this connection only, and gone with it; "classic" only.
        auto_delete: Goes away with its last consumer; "classic" only.
        single_active: One consumer at a time, the others stand by.
        max_priority: Highest priority of a "classic" queue, 1 to 255.
        max_length: Most messages; more are refused (`reject-publish`).
        message_ttl: Seconds until a waiting message expires.
        arguments: Further arguments; refused when a field above stands for it.
        external: Owned by somebody else: checked, never created.
    """

    name: str
    type: Literal["quorum", "classic"] = field(default="quorum", kw_only=True, validator=literal)
    bind: Sequence[Binding] = field(default=(), kw_only=True, converter=_bindings)
    durable: bool = field(default=True, kw_only=True)
    exclusive: bool = field(default=False, kw_only=True)
    auto_delete: bool = field(default=False, kw_only=True)
    single_active: bool = field(default=False, kw_only=True)
    max_priority: int | None = field(default=None, kw_only=True, validator=number(least=1, most=255))
    max_length: int | None = field(default=None, kw_only=True, validator=number(least=0))
    message_ttl: float | None = field(default=None, kw_only=True, validator=number(least=0))
    arguments: Arguments = field(factory=_arguments, kw_only=True, hash=False)
    external: bool = field(default=False, kw_only=True)

    @property
    def kind(self) -> str:
        """A queue of its type."""
        return f"{self.type} queue"

    @property
    def native_arguments(self) -> dict[str, str | int | float | bool]:
        """The arguments that it is declared with."""
        named: dict[str, str | int | float | bool | None] = {
            "x-queue-type": self.type,
            "x-single-active-consumer": self.single_active or None,
            "x-max-priority": self.max_priority,
            "x-max-length": self.max_length,
            "x-overflow": None if self.max_length is None else "reject-publish",
            "x-message-ttl": None if self.message_ttl is None else round(self.message_ttl * 1000),
        }
        return {**{name: value for name, value in named.items() if value is not None}, **self.arguments}


_FIELDS: Final[Mapping[str, str]] = {
    "x-queue-type": "type=",
    "x-single-active-consumer": "single_active=",
    "x-max-priority": "max_priority=",
    "x-max-length": "max_length=",
    "x-message-ttl": "message_ttl=",
}


def queue_problems(queue: Queue, /) -> Iterator[tuple[str, str]]:
    """Return why RabbitMQ would refuse a queue, as pairs of what and hint."""
    yield from _name_problems("queue", queue.name, external=queue.external)
    if queue.type == "quorum":
        for name, wrong in (
            ("exclusive", queue.exclusive),
            ("not durable", not queue.durable),
            ("auto_delete", queue.auto_delete),
            ("max_priority", queue.max_priority is not None),
        ):
            if wrong:
                yield f'"{queue.name}" is {name}, which a quorum queue cannot be', 'type="classic"'
    for name, instead in _FIELDS.items():
        if name in queue.arguments:
            yield f'arguments["{name}"] of "{queue.name}" has a field of its own', instead
    if queue.external and queue.bind:
        yield f'bind= is refused on the external queue "{queue.name}"', "its owner binds it"
    for binding in queue.bind:
        yield from _binding_problems(binding, queue.name)


def exchange_problems(exchange: Exchange, /) -> Iterator[tuple[str, str]]:
    """Return why RabbitMQ would refuse an exchange, as pairs of what and hint."""
    if exchange.name == "":
        yield "the default exchange is not addressed by its name", "publish to the Queue"
        return
    yield from _name_problems("exchange", exchange.name, external=exchange.external)
    if exchange.external and exchange.bind:
        yield f'bind= is refused on the external exchange "{exchange.name}"', "its owner binds it"
    for binding in exchange.bind:
        yield from _binding_problems(binding, exchange.name)


def answer_place(reply_to: str, /) -> tuple[Queue | Exchange, str]:
    """Return where a request wants its answer, and the routing key there: a queue, or `key|exchange` of some clients."""
    named = _ANSWER.fullmatch(reply_to)
    key, exchange = (reply_to, "") if named is None else named.groups()
    return (Exchange(exchange, external=True), key) if exchange else (Queue(key, external=True), "")


def _name_problems(kind: str, name: str, *, external: bool) -> Iterator[tuple[str, str]]:
    if not 0 < len(name.encode()) <= _LONGEST:
        yield f'"{name}" is no name of {kind}s: 1 to {_LONGEST} bytes', ""
    if _NAME.fullmatch(name) is None:
        yield f'"{name}" is no name that the client can write', "letters a to z, digits, spaces, and - _ . : @ # , / +"
    if name.startswith("amq.") and not external:
        yield f'"{name}": names that begin with "amq." are the server\'s own', "external=True"


def _binding_problems(binding: Binding, to: str) -> Iterator[tuple[str, str]]:
    key, source = binding.routing_key, binding.source
    yield from exchange_problems(source)
    if len(key.encode()) > _LONGEST:
        yield f'the routing key of "{to}" is longer than {_LONGEST} bytes', ""
    words = key.split(".")
    for word in words:
        if ("{" in word or "}" in word) and not _PART.fullmatch(word):
            yield f'"{key}": a captured part is a whole word', '"orders.{region}.placed"'
    if not isinstance(binding.exchange, str) and source.type != "topic" and _PART.search(key):
        yield f'"{key}" captures a part, and "{source.name}" is a {source.type} exchange', 'type="topic"'
    match = binding.arguments.get("x-match")
    if match is not None and match not in MATCHES:
        yield f'x-match "{match}" of "{to}" is none of {", ".join(MATCHES)}', ""


MATCHES: Final = ("all", "any", "all-with-x", "any-with-x")
"""What `x-match` of a headers binding may be."""


def parts_of(queue: Queue, /) -> Sequence[str]:
    """Return the names of the captured parts in the bindings of a queue."""
    return list(dict.fromkeys(part for binding in queue.bind for part in _PART.findall(binding.routing_key)))


@lru_cache(maxsize=4096)
def topic_pattern(key: str, /) -> re.Pattern[str]:
    """Return a topic binding's key as an expression over `routing_words`; `{name}` is a named group."""
    if key == "":
        return re.compile("")
    return re.compile("".join(map(_word_pattern, key.split("."))))


def _word_pattern(word: str) -> str:
    if word == "#":
        return r"(?:[^.]*\.)*"
    if word == "*":
        return r"[^.]*\."
    if (part := _PART.fullmatch(word)) is not None:
        return rf"(?P<{part[1]}>[^.]*)\."
    return re.escape(word) + r"\."


def routing_words(key: str, /) -> str:
    """Return a routing key with a dot behind every word; an empty key has no word."""
    return key and f"{key}."


def captured(bindings: Sequence[Binding], key: str, /) -> Mapping[str, str]:
    """Return the captured parts of a routing key, by the first binding that it matches."""
    words = routing_words(key)
    for binding in bindings:
        if (found := topic_pattern(binding.routing_key).fullmatch(words)) is not None:
            return found.groupdict()
    return {}
