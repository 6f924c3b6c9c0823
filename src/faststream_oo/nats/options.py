"""Options and settings of NATS."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from attrs import field, frozen, validators

from faststream_oo.nats.address import Subject
from faststream_oo.nats.message import NatsMessage
from faststream_oo.options import ConsumeOptions, Delivery, OrderedBy, ProduceOptions
from faststream_oo.security import Credentials, Plain, Tls, Token


class NatsConsumeOptions(ConsumeOptions, total=False):
    """Options of a NATS subscription, for `@consumes`, class keywords and settings.

    Attributes:
        ordered_by: What makes a lane, within this process. Default None: no order when concurrency is above 1.
        group: Queue group: each message goes to one of its workers. Without one every worker gets every message.
        delivery: Core NATS is at most once by nature: everything but "at_most_once" is refused.
        dead_letter: Where given-up messages are published, without a promise: they are kept only if somebody who listens
            there keeps them. Default none: such a message is dropped with an error in the log, and counted in
            `message.subscription.lost`.
    """

    group: str
    ordered_by: OrderedBy | None
    delivery: Delivery
    dead_letter: str | Subject


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
        prefix: Put before every subject and queue group, but not before reply subjects.
        inbox_prefix: First part of the subjects where replies arrive; where a user may subscribe to that alone.
        defaults: Options of every consumer of this broker, below those in the code.
        consumers: Options by `Class` or `Class.method`, above those in the code.
        producers: The same for producers.
    """

    driver: Literal["nats", "memory"] = field(default="nats", kw_only=True)
    servers: Sequence[str] = field(
        default=("nats://localhost:4222",),
        kw_only=True,
        repr=False,
        converter=tuple[str, ...],
        validator=validators.min_len(1),
    )
    name: str = field(default="faststream-oo", kw_only=True)
    auth: Plain | Token | Credentials | None = field(default=None, kw_only=True)
    tls: Tls | None = field(default=None, kw_only=True)
    prefix: str = field(default="", kw_only=True)
    inbox_prefix: str = field(default="_INBOX", kw_only=True)
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
        group: Queue group, None for every message.
    """

    group: str | None = field(default=None, kw_only=True)
