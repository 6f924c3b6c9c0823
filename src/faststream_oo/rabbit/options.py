"""Options and settings of RabbitMQ."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from attrs import field, frozen, validators

from faststream_oo.options import ConsumeOptions, Delivery, OrderedBy, ProduceOptions, Topology
from faststream_oo.rabbit.address import Queue
from faststream_oo.rabbit.message import RabbitMessage
from faststream_oo.security import External, Plain, Tls
from faststream_oo.values import literal, number


class RabbitConsumeOptions(ConsumeOptions, total=False):
    """Options of a RabbitMQ subscription, for `@consumes`, class keywords and settings. Workers share a queue by name.

    Attributes:
        ordered_by: What makes a lane, within this process. Default None: no order when concurrency is above 1.
        delivery: When a message is acknowledged. Default "at_least_once"; "at_most_once" does it before the handler.
        dead_letter: Default `<queue>.dlq`.
        exclusive: The only consumer of a "classic" queue. Default False.
    """

    ordered_by: OrderedBy | None
    delivery: Delivery
    dead_letter: str | Queue
    exclusive: bool


class RabbitClassOptions(RabbitConsumeOptions, total=False):
    """Class keywords: defaults of all methods, and what only a class has.

    Attributes:
        prefix: Put before every queue and routing key of the class, after the broker's prefix.
        abstract: Never served itself; not inherited.
        without: Names of inherited handlers that this class does not serve.
    """

    prefix: str
    abstract: bool
    without: Sequence[str]


class RabbitRouteOptions(RabbitConsumeOptions, total=False):
    """`@consumes` keywords.

    Attributes:
        when: Chooses among methods on one address: a predicate on the undecoded message, or headers that must be equal.
    """

    when: Callable[[RabbitMessage], bool] | Mapping[str, str]


class RabbitProduceOptions(ProduceOptions, total=False):
    """Options of `@produces` and `@requests`.

    Attributes:
        routing_key: For an exchange; `{name}` is filled from the body's field. Default "".
        priority: 0 to 255. Default 0.
        persistent: Survives a restart in a durable queue. Default True.
        mandatory: A message no queue takes is a PublishError. Default True.
        expiration: Seconds until it expires in a queue. Default never; of a request its time-out.
    """

    routing_key: str
    priority: int
    persistent: bool
    mandatory: bool
    expiration: float


class RabbitProducerOptions(RabbitProduceOptions, total=False):
    """Class keywords of a producer.

    Attributes:
        prefix: Put before every queue and routing key of the class, after the broker's prefix.
    """

    prefix: str


class RabbitConsumeSettings(RabbitConsumeOptions, total=False):
    """Options of one consumer or one subscription in the settings; `address` replaces the queue's name."""

    address: str


class RabbitProduceSettings(RabbitProduceOptions, total=False):
    """Options of one producer or one of its methods in the settings; `address` replaces the name in the code."""

    address: str


def _urls(value: str | Sequence[str]) -> str | tuple[str, ...]:
    return value if isinstance(value, str) else tuple(value)


@frozen
class RabbitSettings:
    """Connection and defaults of one RabbitMQ server; structured strictly from the configuration.

    Attributes:
        driver: Client library below.
        url: `amqp://` or `amqps://`, with the virtual host as path; several for a cluster.
        auth: In place of credentials in the URL.
        tls: None takes the URL's scheme.
        prefix: Put before every queue, exchange and routing key.
        heartbeat: Seconds; 0 sends none.
        topology: What to do with declared queues, exchanges and bindings at start.
        defaults: Options of every consumer of this broker, below those in the code.
        consumers: Options by `Class` or `Class.method`, above those in the code.
        producers: The same for producers.
    """

    driver: Literal["aio-pika", "memory"] = field(default="aio-pika", kw_only=True, validator=literal)
    url: str | Sequence[str] = field(
        default="amqp://guest:guest@localhost:5672/",
        kw_only=True,
        repr=False,
        converter=_urls,
        validator=validators.min_len(1),
    )
    auth: Plain | External | None = field(default=None, kw_only=True)
    tls: Tls | None = field(default=None, kw_only=True)
    prefix: str = field(default="", kw_only=True)
    heartbeat: float = field(default=60.0, kw_only=True, validator=number(least=0))
    topology: Topology = field(default="create", kw_only=True, validator=literal)
    defaults: RabbitConsumeOptions = field(factory=RabbitConsumeOptions, kw_only=True)
    consumers: Mapping[str, RabbitConsumeSettings] = field(factory=dict[str, RabbitConsumeSettings], kw_only=True)
    producers: Mapping[str, RabbitProduceSettings] = field(factory=dict[str, RabbitProduceSettings], kw_only=True)

    @property
    def urls(self) -> Sequence[str]:
        """Every URL."""
        return (self.url,) if isinstance(self.url, str) else self.url

    @property
    def servers(self) -> str:
        """Every `host:port/vhost`, without credentials."""
        return ", ".join(map(_place, self.urls))


def _place(url: str) -> str:
    """Return a URL without scheme, credentials and options."""
    rest = url.partition("://")[2] or url
    return rest.rpartition("@")[2].partition("?")[0].removesuffix("/")


@frozen
class RabbitSourceOptions:
    """What a RabbitMQ source is made with: the resolved options of one subscription.

    Attributes:
        settles: Whether a message is acknowledged after it is handled; False does it before.
        prefetch: Messages held at most.
        exclusive: Be the only consumer of the queue.
    """

    settles: bool = field(default=True, kw_only=True)
    prefetch: int = field(default=100, kw_only=True)
    exclusive: bool = field(default=False, kw_only=True)
