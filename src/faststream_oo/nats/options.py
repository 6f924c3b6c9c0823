"""Options and settings of NATS."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final, Literal, TypeAlias

from attrs import field, frozen, validators

from faststream_oo.nats.address import Subject
from faststream_oo.nats.message import NatsMessage
from faststream_oo.options import ConsumeOptions, Delivery, OrderedBy, ProduceOptions, Topology
from faststream_oo.security import Credentials, Plain, Tls, Token
from faststream_oo.values import literal, number, texts

_SECONDS: Final = number(above=0)

Start: TypeAlias = Literal["earliest", "latest", "last_per_subject"] | int | datetime
"""Where reading a stream begins: a place by its name, a sequence, or the first message stored at a time or later."""


@frozen
class Pull:
    """Fetch as many messages as there are free slots; workers of one group share a durable consumer.

    Attributes:
        ack_wait: Seconds until an unsettled message is delivered again; renewed at a third of it while it is held here.
        max_ack_pending: Unsettled messages over all workers.
        heartbeat: Seconds between signs of the server; after two without any the fetch is renewed.
        inactive_threshold: Seconds unused until the server deletes the consumer; None keeps it.
    """

    ack_wait: float = field(default=30.0, kw_only=True, validator=_SECONDS)
    max_ack_pending: int = field(default=1000, kw_only=True, validator=number(least=1))
    heartbeat: float = field(default=5.0, kw_only=True, validator=number(least=0.1))
    inactive_threshold: float | None = field(default=None, kw_only=True, validator=_SECONDS)


@frozen
class Push:
    """The server pushes; workers of one group share a durable consumer.

    Attributes:
        ordered: Every message in stream order for this process alone, without acknowledgements; refuses a group.
        ack_wait: As in `Pull`.
        max_ack_pending: As in `Pull`.
        heartbeat: As in `Pull`; after two without any it is asked whether the consumer is still there.
        flow_control: Let the server slow down.
        headers_only: No bodies.
    """

    ordered: bool = field(default=False, kw_only=True)
    ack_wait: float = field(default=30.0, kw_only=True, validator=_SECONDS)
    max_ack_pending: int = field(default=1000, kw_only=True, validator=number(least=1))
    heartbeat: float = field(default=5.0, kw_only=True, validator=number(least=0.1))
    flow_control: bool = field(default=True, kw_only=True)
    headers_only: bool = field(default=False, kw_only=True)


class NatsConsumeOptions(ConsumeOptions, total=False):
    """Options of a NATS subscription, for `@consumes`, class keywords and settings.

    Attributes:
        ordered_by: What makes a lane, within this process. Default None: no order when concurrency is above 1.
        group: Queue group on core NATS: each message goes to one of its workers, without one every worker gets every
            message. Durable consumer on a stream; required there unless `Push(ordered=True)`.
        delivery: Default "at_least_once" on a stream; core NATS is at most once by nature, everything else is refused.
        dead_letter: Where given-up messages are published. Default `dlq.<group>.<subject>`, kept by a stream
            `DLQ_<stream>`; on a stream another one must be a Subject of a stream. On core NATS there is none unless given,
            and then without a promise: a message without one is dropped with an error in the log, and counted in
            `message.subscription.lost`.
        start: Where a new durable, or an ordered consumer, begins. Default "earliest"; refused on core NATS.
        via: How a stream is read; in files `{type: pull, ack_wait: 20}`. Default `Pull()`; refused on core NATS.
    """

    group: str
    ordered_by: OrderedBy | None
    delivery: Delivery
    dead_letter: str | Subject
    start: Start
    via: Pull | Push


class NatsClassOptions(NatsConsumeOptions, total=False):
    """Class keywords: defaults of all methods, and what only a class has.

    Attributes:
        prefix: Put before every subject of the class, after the broker's prefix.
        abstract: Never served itself; not inherited.
        without: Names of inherited handlers that this class does not serve.
    """

    prefix: str
    abstract: bool
    without: Sequence[str]


class NatsRouteOptions(NatsConsumeOptions, total=False):
    """`@consumes` keywords.

    Attributes:
        when: Chooses among methods on one address: a predicate on the undecoded message, or headers that must be equal.
    """

    when: Callable[[NatsMessage], bool] | Mapping[str, str]


class NatsProduceOptions(ProduceOptions, total=False):
    """Options of `@produces` and `@requests`; the value of `key` travels as the header `fsoo-key`."""


class NatsProducerOptions(NatsProduceOptions, total=False):
    """Class keywords of a producer.

    Attributes:
        prefix: Put before every address of the class, after the broker's prefix.
    """

    prefix: str


class NatsConsumeSettings(NatsConsumeOptions, total=False):
    """Options of one consumer or one subscription in the settings; `address` replaces the subject in the code."""

    address: str


class NatsProduceSettings(NatsProduceOptions, total=False):
    """Options of one producer or one of its methods in the settings; `address` replaces the subject in the code."""

    address: str


def shown(server: str, /) -> str:
    """Return a server's URL without its user, password or token."""
    head, separator, tail = server.rpartition("@")
    scheme, slashes, _ = head.partition("://")
    return f"{scheme}{slashes}{tail}" if separator and slashes else tail


@frozen
class NatsSettings:
    """Connection and defaults of one NATS system; structured strictly from the configuration.

    Attributes:
        driver: Client library below.
        servers: URLs, `nats://host:port`; may hold user and password, or a token, which are never shown.
        name: Of the connection.
        auth: In place of credentials in the URLs.
        tls: None takes the URL's scheme.
        prefix: Put before every subject, queue group, stream and durable, but not before reply subjects; its dots become
            `_` in names of streams and durables.
        inbox_prefix: First part of the subjects where replies arrive; where a user may subscribe to that alone.
        topology: What to do with declared streams and with durable consumers at start.
        defaults: Options of every consumer of this broker, below those in the code.
        consumers: Options by `Class` or `Class.method`, above those in the code.
        producers: The same for producers.
    """

    driver: Literal["nats", "memory"] = field(default="nats", kw_only=True, validator=literal)
    servers: Sequence[str] = field(
        default=("nats://localhost:4222",),
        kw_only=True,
        repr=False,
        converter=texts,
        validator=validators.min_len(1),
    )
    name: str = field(default="faststream-oo", kw_only=True)
    auth: Plain | Token | Credentials | None = field(default=None, kw_only=True)
    tls: Tls | None = field(default=None, kw_only=True)
    prefix: str = field(default="", kw_only=True)
    inbox_prefix: str = field(default="_INBOX", kw_only=True)
    topology: Topology = field(default="create", kw_only=True, validator=literal)
    defaults: NatsConsumeOptions = field(factory=NatsConsumeOptions, kw_only=True)
    consumers: Mapping[str, NatsConsumeSettings] = field(factory=dict[str, NatsConsumeSettings], kw_only=True)
    producers: Mapping[str, NatsProduceSettings] = field(factory=dict[str, NatsProduceSettings], kw_only=True)

    @property
    def shown_servers(self) -> str:
        """The servers without credentials, joined by commas."""
        return ", ".join(map(shown, self.servers))


@frozen
class NatsSourceOptions:
    """What a NATS source is made with: the resolved options of one subscription, prefixes included.

    Attributes:
        group: Queue group or durable consumer, None for every message.
        settles: Whether a message of a stream is acknowledged after it is handled; False does it before.
        prefetch: Messages held at most.
        start: Where a new consumer of a stream begins.
        via: How a stream is read.
    """

    group: str | None = field(default=None, kw_only=True)
    settles: bool = field(default=True, kw_only=True)
    prefetch: int = field(default=100, kw_only=True)
    start: Start = field(default="earliest", kw_only=True)
    via: Pull | Push = field(factory=Pull, kw_only=True)

    @property
    def ordered(self) -> bool:
        """Whether nothing is acknowledged, and every message read in order."""
        return isinstance(self.via, Push) and self.via.ordered
