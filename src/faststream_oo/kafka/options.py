"""Options and settings of Kafka."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from attrs import field, frozen, validators

from faststream_oo.kafka.address import Topic
from faststream_oo.kafka.message import KafkaMessage
from faststream_oo.options import ConsumeOptions, Delivery, OrderedBy, ProduceOptions, Topology
from faststream_oo.security import Gssapi, OAuth, Plain, Scram, Tls
from faststream_oo.values import literal, number, texts


class KafkaConsumeOptions(ConsumeOptions, total=False):
    """Options of a Kafka subscription, for `@consumes`, class keywords and settings.

    Attributes:
        ordered_by: What makes a lane; None handles without any order. Default "partition".
        group: Consumer group. Required with a delivery other than "at_most_once", unless set for the broker.
        delivery: When a record's offset is committed. Default "at_least_once".
        dead_letter: Default `<topic>.<group>.dlq`.
        start: Where a group without a committed offset starts; "fail" refuses to guess. Default "earliest" with a group,
            "latest" without. Topics and partitions that are added meanwhile are read from their first record.
        isolation: Default "read_committed".
        commit_interval: Longest time in seconds a settled offset waits for its commit. Default 0.1: what a killed worker may
            handle twice is bounded by it.
        group_instance_id: Static membership: a restart within `session_timeout` moves no partition. Of one process alone;
            each subscription puts its address behind it, as each is a member of its own.
        session_timeout: Seconds. Default 45.
        max_poll_interval: Seconds the client may go without a poll. Default 300.
        client_rack: For fetching from the nearest replica.
        config: Further consumer options by the client's own names; refused when the framework sets that one.
    """

    group: str
    ordered_by: OrderedBy | Literal["partition"] | None
    delivery: Delivery
    dead_letter: str | Topic
    start: Literal["earliest", "latest", "fail"]
    isolation: Literal["read_committed", "read_uncommitted"]
    commit_interval: float
    group_instance_id: str
    session_timeout: float
    max_poll_interval: float
    client_rack: str
    config: Mapping[str, str | int | float | bool]


class KafkaClassOptions(KafkaConsumeOptions, total=False):
    """Class keywords: defaults of all methods, and what only a class has.

    Attributes:
        prefix: Put before every address of the class, after the broker's prefix.
        abstract: Never served itself; not inherited.
        without: Names of inherited handlers that this class does not serve.
    """

    prefix: str
    abstract: bool
    without: Sequence[str]


class KafkaRouteOptions(KafkaConsumeOptions, total=False):
    """`@consumes` keywords.

    Attributes:
        when: Chooses among methods on one address: a predicate on the undecoded message, or headers that must be equal.
    """

    when: Callable[[KafkaMessage], bool] | Mapping[str, str]


class KafkaProduceOptions(ProduceOptions, total=False):
    """Options of `@produces` and `@requests`.

    Attributes:
        partition: Send to this partition whatever the key.
    """

    partition: int


class KafkaProducerOptions(KafkaProduceOptions, total=False):
    """Class keywords of a producer.

    Attributes:
        prefix: Put before every address of the class, after the broker's prefix.
    """

    prefix: str


class KafkaConsumeSettings(KafkaConsumeOptions, total=False):
    """Options of one consumer or one subscription in the settings; `address` replaces the one in the code."""

    address: str


class KafkaProduceSettings(KafkaProduceOptions, total=False):
    """Options of one producer or one of its methods in the settings; `address` replaces the one in the code."""

    address: str


@frozen
class KafkaSettings:
    """Connection and defaults of one Kafka broker; structured strictly from the configuration.

    Attributes:
        driver: Client library below: a transport of the same contract each.
        servers: Bootstrap servers, `host:port`.
        client_id: Name in the brokers' logs and quotas.
        auth: SASL credentials.
        tls: None is plain text.
        prefix: Put before every topic and group name.
        acks: Confirmations a publish waits for.
        idempotence: The broker drops duplicates of our resends; needs acks "all".
        compression: Of the client's batches.
        linger: Seconds a batch may wait for more messages. None is 0 on aiokafka, which batches behind its request in
            flight, and 0.002 on confluent, where 0 costs a request a message.
        reply_topic: Where replies to `@requests` arrive. Default `fsoo-replies`, with 8 partitions; an instance takes one
            of them, from its end, and names it in `fsoo-reply-partition`.
        topology: What to do with declared topics at start.
        defaults: Options of every consumer of this broker, below those in the code.
        consumers: Options by `Class` or `Class.method`, above those in the code.
        producers: The same for producers.
        config: Further client options by the client's own names; refused when the framework sets that one.
    """

    driver: Literal["aiokafka", "confluent", "memory"] = field(default="aiokafka", kw_only=True, validator=literal)
    servers: Sequence[str] = field(
        default=("localhost:9092",), kw_only=True, converter=texts, validator=validators.min_len(1)
    )
    client_id: str = field(default="faststream-oo", kw_only=True)
    auth: Plain | Scram | OAuth | Gssapi | None = field(default=None, kw_only=True)
    tls: Tls | None = field(default=None, kw_only=True)
    prefix: str = field(default="", kw_only=True)
    acks: Literal["all", 1, 0] = field(default="all", kw_only=True, validator=literal)
    idempotence: bool = field(default=True, kw_only=True)
    compression: Literal["gzip", "snappy", "lz4", "zstd"] | None = field(default=None, kw_only=True, validator=literal)
    linger: float | None = field(default=None, kw_only=True, validator=number(least=0))
    reply_topic: str | None = field(default=None, kw_only=True)
    topology: Topology = field(default="create", kw_only=True, validator=literal)
    defaults: KafkaConsumeOptions = field(factory=KafkaConsumeOptions, kw_only=True)
    consumers: Mapping[str, KafkaConsumeSettings] = field(factory=dict[str, KafkaConsumeSettings], kw_only=True)
    producers: Mapping[str, KafkaProduceSettings] = field(factory=dict[str, KafkaProduceSettings], kw_only=True)
    config: Mapping[str, str | int | float | bool] = field(factory=dict[str, str | int | float | bool], kw_only=True)

    def replies(self) -> Topic:
        """Return the topic of replies, prefix included."""
        name = self.prefix + (self.reply_topic or "fsoo-replies")
        return Topic(name, partitions=8, config={"retention.ms": "3600000"})


@frozen
class KafkaSourceOptions:
    """What a Kafka source is made with: the resolved options of one subscription, prefixes included.

    Attributes:
        group: Consumer group, None for every record without commits.
        settles: Whether offsets are committed through the ledger; False commits what was read before it is handled.
        start: Where to begin without a committed offset.
        isolation: Kafka's isolation level.
        commit_interval: Seconds between commits.
        group_instance_id: Of a static member, None for a dynamic one.
        session_timeout: Seconds.
        max_poll_interval: Seconds.
        rebalance_timeout: Seconds a member may take to give its partitions back.
        prefetch: Records held at most.
        client_rack: Rack for fetching from the nearest replica.
        config: Further options by the client's names.
    """

    group: str | None = field(default=None, kw_only=True)
    settles: bool = field(default=True, kw_only=True)
    start: Literal["earliest", "latest", "fail"] = field(default="earliest", kw_only=True)
    isolation: Literal["read_committed", "read_uncommitted"] = field(default="read_committed", kw_only=True)
    commit_interval: float = field(default=0.1, kw_only=True)
    group_instance_id: str | None = field(default=None, kw_only=True)
    session_timeout: float = field(default=45.0, kw_only=True)
    max_poll_interval: float = field(default=300.0, kw_only=True)
    rebalance_timeout: float = field(default=55.0, kw_only=True)
    prefetch: int = field(default=500, kw_only=True)
    client_rack: str | None = field(default=None, kw_only=True)
    config: Mapping[str, str | int | float | bool] = field(factory=dict[str, str | int | float | bool], kw_only=True)
