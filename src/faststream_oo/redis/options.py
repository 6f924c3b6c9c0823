"""Options and settings of Redis."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal
from urllib.parse import SplitResult, urlsplit

from attrs import Attribute, field, frozen

from faststream_oo.options import ConsumeOptions, Delivery, OrderedBy, ProduceOptions, Topology
from faststream_oo.redis.address import Stream
from faststream_oo.redis.envelope import Envelope
from faststream_oo.redis.message import RedisMessage
from faststream_oo.security import Plain, Tls
from faststream_oo.values import literal

CLAIM_AFTER = 60.0
"""Seconds until an unfinished message of a dead worker is taken over."""

_ONE_SERVER: Final = "Redis Cluster and Sentinel are not supported"
_UNREADABLE: Final = ("has a wrong port, or a password that is not quoted", "%2F %3F %23 %40 for / ? # @")


class RedisConsumeOptions(ConsumeOptions, total=False):
    """Options of a Redis subscription, for `@consumes`, class keywords and settings.

    Attributes:
        ordered_by: What makes a lane, within this process. Default None: no order when concurrency is above 1.
        group: Consumer group of a stream; required there unless delivery is "at_most_once". Refused elsewhere.
        delivery: Default "at_least_once"; a channel is "at_most_once" by nature and refuses the others.
        dead_letter: Default `<key>:<group>:dlq`, `<key>:dlq` without a group; a stream.
        start: Where a new group, or a stream without one, begins: one end, or an entry id, after which it begins.
            Default "earliest" with a group and "latest" without; refused on lists and channels.
        claim_after: Seconds until an unfinished message of a dead worker is taken over; what is held here is renewed
            long before. Default 60; refused on channels, and where nothing is acknowledged.
    """

    group: str
    ordered_by: OrderedBy | None
    delivery: Delivery
    dead_letter: str | Stream
    start: Literal["earliest", "latest"] | str  # noqa: PYI051 - an editor offers the two words
    claim_after: float


class RedisClassOptions(RedisConsumeOptions, total=False):
    """Class keywords: defaults of all methods, and what only a class has.

    Attributes:
        prefix: Put before every key and channel of the class, after the broker's prefix.
        abstract: Never served itself; not inherited.
        without: Names of inherited handlers that this class does not serve.
    """

    prefix: str
    abstract: bool
    without: Sequence[str]


class RedisRouteOptions(RedisConsumeOptions, total=False):
    """`@consumes` keywords.

    Attributes:
        when: Chooses among methods on one address: a predicate on the undecoded message, or headers that must be equal.
    """

    when: Callable[[RedisMessage], bool] | Mapping[str, str]


class RedisProduceOptions(ProduceOptions, total=False):
    """Options of `@produces` and `@requests`; the value of `key` travels as the header `fsoo-key`."""


class RedisProducerOptions(RedisProduceOptions, total=False):
    """Class keywords of a producer.

    Attributes:
        prefix: Put before every address of the class, after the broker's prefix.
    """

    prefix: str


class RedisConsumeSettings(RedisConsumeOptions, total=False):
    """Options of one consumer or one subscription in the settings; `address` replaces the name in the code."""

    address: str


class RedisProduceSettings(RedisProduceOptions, total=False):
    """Options of one producer or one of its methods in the settings; `address` replaces the name in the code."""

    address: str


def _one_url(instance: object, attribute: "Attribute[Any]", value: object, /) -> None:
    """Validate the URL. Raises TypeError, which does not show it, as it may hold a password."""
    if not isinstance(value, str):
        what = f"{type(instance).__name__}.{attribute.name} must be one URL as text, not {type(value).__name__}"
        raise TypeError(f"{what}: {_ONE_SERVER}" if isinstance(value, list | tuple) else what)


def url_problem(url: str, /) -> tuple[str, str] | None:
    """Return what is wrong with the URL of a server, and a hint; nothing is shown that may be of a password."""
    try:
        return _problem(urlsplit(url))
    except ValueError:
        return _UNREADABLE


def _problem(url: SplitResult) -> tuple[str, str] | None:
    if "," in url.netloc.rpartition("@")[2]:
        return "names several servers", f"redis://host:6379/0; {_ONE_SERVER}"
    if url.scheme not in {"redis", "rediss"} or not url.hostname:
        return "is no redis:// or rediss:// URL", "redis://user:password@host:6379/0"
    if url.port == 0 or "@" in url.path + url.fragment:
        return _UNREADABLE
    database = url.path.strip("/")
    if database and not database.isdecimal():
        return f'"{database}" is no number of a database', "redis://host:6379/0"
    return None


@frozen
class RedisSettings:
    """Connection and defaults of one Redis; structured strictly from the configuration.

    Attributes:
        driver: Client library below.
        url: One server, `redis://` or `rediss://` with the database as path; may hold user and password, which are never
            shown.
        mode: What the URL names: one server.
        auth: In place of credentials in the URL.
        tls: None takes the URL's scheme.
        prefix: Put before every key, channel and group.
        envelope: How headers travel on lists and channels: FastStream's binary format 1, a JSON object with `data` and
            `headers`, or not at all. Streams have fields.
        topology: What to do about missing groups at start.
        defaults: Options of every consumer of this broker, below those in the code.
        consumers: Options by `Class` or `Class.method`, above those in the code.
        producers: The same for producers.
    """

    driver: Literal["redis", "memory"] = field(default="redis", kw_only=True, validator=literal)
    url: str = field(default="redis://localhost:6379/0", kw_only=True, repr=False, validator=_one_url)
    mode: Literal["single"] = field(default="single", kw_only=True, validator=literal)
    auth: Plain | None = field(default=None, kw_only=True)
    tls: Tls | None = field(default=None, kw_only=True)
    prefix: str = field(default="", kw_only=True)
    envelope: Envelope = field(default="binary", kw_only=True, validator=literal)
    topology: Topology = field(default="create", kw_only=True, validator=literal)
    defaults: RedisConsumeOptions = field(factory=RedisConsumeOptions, kw_only=True)
    consumers: Mapping[str, RedisConsumeSettings] = field(factory=dict[str, RedisConsumeSettings], kw_only=True)
    producers: Mapping[str, RedisProduceSettings] = field(factory=dict[str, RedisProduceSettings], kw_only=True)

    @property
    def servers(self) -> str:
        """The URL without credentials and options."""
        scheme, slashes, rest = self.url.partition("://")
        return f"{scheme}{slashes}{rest.partition('?')[0].rpartition('@')[2]}"


@frozen
class RedisSourceOptions:
    """What a Redis source is made with: the resolved options of one subscription, prefixes included.

    Attributes:
        group: Whole name of the consumer group, None for everything.
        settles: Whether messages are settled after their work; False is at most once.
        start: Where a new group, or a reader without one, begins; None for the default.
        claim_after: Seconds until an unfinished message of a dead worker is taken over.
        prefetch: Messages held at most.
    """

    group: str | None = field(default=None, kw_only=True)
    settles: bool = field(default=True, kw_only=True)
    start: str | None = field(default=None, kw_only=True)
    claim_after: float = field(default=CLAIM_AFTER, kw_only=True)
    prefetch: int = field(default=100, kw_only=True)
