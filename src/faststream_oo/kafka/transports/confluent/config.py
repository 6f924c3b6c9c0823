"""The client's options: which the framework sets, which are the user's, and what is wrong with those."""

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from confluent_kafka import KafkaException, Producer

from faststream_oo.errors import Problem
from faststream_oo.kafka.client.config import MAX_RECORD, Config, NativeOptions, mechanism, protocol
from faststream_oo.kafka.options import KafkaSettings, KafkaSourceOptions
from faststream_oo.kafka.transports.confluent.causes import error_of
from faststream_oo.security import Gssapi, Plain, Scram

ClientOptions: TypeAlias = dict[str, Any]

LINGER: Final = 0.002
"""Seconds that a batch waits for more records unless the settings say otherwise: 0 costs a request a record."""

_LARGEST: Final = 1_000_000_000  # what the client takes at most

_SHARED: Final[Config] = {
    "log_level": 2,  # what goes wrong comes through error_cb; the rest would go to the standard error
    "retry.backoff.ms": 100,
    "socket.keepalive.enable": False,
    "socket.timeout.ms": 60_000,
    "topic.metadata.refresh.interval.ms": 30_000,
}
_PRODUCER: Final[Config] = {
    "batch.size": 1_000_000,
    "message.max.bytes": MAX_RECORD,
    "message.timeout.ms": 60_000,
    "request.timeout.ms": 30_000,
}
_CONSUMER: Final[Config] = {
    "check.crcs": True,
    "fetch.max.bytes": 50 * 1024 * 1024,
    "fetch.min.bytes": 1,
    "fetch.wait.max.ms": 500,
    "heartbeat.interval.ms": 3_000,
    "max.partition.fetch.bytes": 1024 * 1024,
    "partition.assignment.strategy": "roundrobin",
    "queued.max.messages.kbytes": 16 * 1024,
    "queued.min.messages": 10_000,
}
"""What a user may set, with the value otherwise. All are given to the client: no default of its own is relied on."""

_SHARED_MORE: Final = frozenset({
    "api.version.request.timeout.ms", "broker.address.family", "broker.address.ttl", "client.dns.lookup",
    "connections.max.idle.ms", "debug", "enable.metrics.push", "log.connection.close", "metadata.max.age.ms",
    "metadata.recovery.rebootstrap.trigger.ms", "metadata.recovery.strategy", "receive.message.max.bytes",
    "reconnect.backoff.jitter.ms", "reconnect.backoff.max.ms", "reconnect.backoff.ms", "retry.backoff.max.ms",
    "socket.connection.setup.timeout.ms", "socket.max.fails", "socket.nagle.disable",
    "socket.receive.buffer.bytes", "socket.send.buffer.bytes", "ssl.cipher.suites", "ssl.crl.location",
    "ssl.curves.list", "ssl.sigalgs.list", "topic.metadata.propagation.max.ms", "topic.metadata.refresh.fast.interval.ms",
    "topic.metadata.refresh.sparse",
})  # fmt: skip
_PRODUCER_MORE: Final = frozenset({
    "batch.num.messages", "compression.level", "max.in.flight.requests.per.connection",
    "queue.buffering.max.kbytes", "queue.buffering.max.messages", "sticky.partitioning.linger.ms",
})  # fmt: skip
_CONSUMER_MORE: Final = frozenset({
    "coordinator.query.interval.ms", "fetch.error.backoff.ms", "fetch.queue.backoff.ms", "group.protocol",
    "group.remote.assignor",
})  # fmt: skip
"""What a user may set too; the client's own default holds otherwise."""

_INSTEAD: Final[Mapping[str, str]] = {
    "acks": "set kafka.acks",
    "allow.auto.create.topics": "set kafka.topology",
    "auto.commit.interval.ms": "set commit_interval",
    "auto.offset.reset": "set start",
    "bootstrap.servers": "set kafka.servers",
    "client.id": "set kafka.client_id",
    "client.rack": "set client_rack",
    "compression.codec": "set kafka.compression",
    "compression.type": "set kafka.compression",
    "enable.auto.commit": "offsets are committed after their messages were handled; see delivery and commit_interval",
    "enable.auto.offset.store": "see delivery and commit_interval",
    "enable.idempotence": "set kafka.idempotence",
    "group.id": "set group",
    "isolation.level": "set isolation",
    "linger.ms": "set kafka.linger",
    "max.poll.interval.ms": "set max_poll_interval",
    "metadata.broker.list": "set kafka.servers",
    "partitioner": "keys go to the partitions of Kafka's Java client",
    "queue.buffering.max.ms": "set kafka.linger",
    "request.required.acks": "set kafka.acks",
    "oauth_cb": "set kafka.auth",
    "sasl.kerberos.service.name": "set kafka.auth",
    "sasl.mechanism": "set kafka.auth",
    "sasl.mechanisms": "set kafka.auth",
    "sasl.password": "set kafka.auth",
    "sasl.username": "set kafka.auth",
    "security.protocol": "set kafka.auth and kafka.tls",
    "session.timeout.ms": "set session_timeout",
    "ssl.ca.location": "set kafka.tls.ca",
    "ssl.certificate.location": "set kafka.tls.certificate",
    "ssl.key.location": "set kafka.tls.private_key",
    "ssl.key.password": "set kafka.tls.private_key_password",
}
_BROKERS_OWN: Final = ("heartbeat.interval.ms", "partition.assignment.strategy")
"""What belongs to the brokers under the consumer group protocol (KIP-848), as the session's timeout does."""


def producer_options(settings: KafkaSettings, /) -> ClientOptions:
    """Return what a producer is made with."""
    linger = LINGER if settings.linger is None else settings.linger
    return {
        **_connection(settings),
        **_chosen(_PRODUCER, _PRODUCER_MORE, settings.config),
        "acks": settings.acks,
        "compression.type": settings.compression or "none",
        "enable.idempotence": settings.idempotence,
        "linger.ms": linger * 1000,
        # Our senders measure; the copy of a dead letter is as large as what was received.
        "message.max.bytes": _LARGEST,
        # The hash of Kafka's Java client; without a key any partition.
        "partitioner": "murmur2_random",
    }


def consumer_options(settings: KafkaSettings, options: KafkaSourceOptions, /) -> ClientOptions:
    """Return what the consumer of a source is made with."""
    config = {**settings.config, **options.config}
    chosen = {
        **_connection(settings),
        **_chosen(_SHARED, _SHARED_MORE, config),
        **_chosen(_CONSUMER, _CONSUMER_MORE, config),
    }
    if config.get("group.protocol") == "consumer":
        for name in _BROKERS_OWN:
            del chosen[name]
    else:
        chosen["session.timeout.ms"] = int(options.session_timeout * 1000)
        if "heartbeat.interval.ms" not in config:
            chosen["heartbeat.interval.ms"] = min(3_000, int(options.session_timeout * 1000 / 3))
    if options.client_rack is not None:
        chosen["client.rack"] = options.client_rack
    return {
        **chosen,
        "auto.offset.reset": "error" if options.start == "fail" else options.start,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        # Without a group nothing is subscribed or committed, but the client wants a name.
        "group.id": options.group or settings.client_id,
        "isolation.level": options.isolation,
        "max.poll.interval.ms": int(options.max_poll_interval * 1000),
    }


def admin_options(settings: KafkaSettings, /) -> ClientOptions:
    """Return what the client for questions and topics is made with."""
    return _connection(settings)


def incremental(options: Mapping[str, object], /) -> bool:
    """Whether a consumer of these options keeps, in a rebalance, what it has and may keep."""
    if options.get("group.protocol") == "consumer":
        return True
    return str(options["partition.assignment.strategy"]).startswith("cooperative")


def largest_record(settings: KafkaSettings, /) -> int:
    """Return how many bytes an ordinary record may have."""
    return int(settings.config.get("message.max.bytes", MAX_RECORD))


def check_config(settings: KafkaSettings, /) -> list[Problem]:
    """Return what is wrong with the settings of this client; no I/O."""
    problems = _NATIVE.of_settings(settings)
    if isinstance(settings.auth, Gssapi):
        problems.append(Problem("kafka.auth", "confluent-kafka's wheel has no Kerberos", "driver: aiokafka"))
    if settings.tls is not None and settings.tls.server_name is not None:
        what = "confluent-kafka expects the name of the host in the server's certificate"
        problems.append(Problem("kafka.tls.server_name", what, "driver: aiokafka, or servers by that name"))
    return problems


def check_source_config(options: Mapping[str, Any], /) -> list[Problem]:
    """Return what is wrong with the `config` of a subscription's options, its path relative to these; no I/O."""
    config = options.get("config", {})
    problems = _NATIVE.of_source(config)
    if config.get("group.protocol") == "consumer":
        hint = "group.consumer.session.timeout.ms and its kin are the brokers' settings"
        problems.extend(
            Problem(f'config["{name}"]', "is the brokers' in the consumer group protocol", hint)
            for name in _BROKERS_OWN
            if name in config
        )
    elif (longest := options.get("max_poll_interval", 300.0)) < (session := options.get("session_timeout", 45.0)):
        what = f"{longest:g} is below session_timeout={session:g}, which confluent-kafka refuses"
        problems.append(Problem("max_poll_interval", what, f"session_timeout={longest:g}"))
    return problems


def _connection(settings: KafkaSettings) -> ClientOptions:
    chosen = _chosen(_SHARED, _SHARED_MORE, settings.config)
    if "debug" in chosen:
        chosen["log_level"] = 7
    return {
        **chosen,
        **_security(settings),
        "allow.auto.create.topics": False,
        "bootstrap.servers": ",".join(settings.servers),
        "client.id": settings.client_id,
    }


def _security(settings: KafkaSettings) -> ClientOptions:
    options: ClientOptions = {"security.protocol": protocol(settings)}
    if (tls := settings.tls) is not None:
        files = {
            "ssl.ca.location": tls.ca,
            "ssl.certificate.location": tls.certificate,
            # The key may stand behind the certificate in its file.
            "ssl.key.location": tls.private_key or tls.certificate,
            "ssl.key.password": tls.private_key_password,
        }
        options |= {name: str(value) for name, value in files.items() if value is not None}
        options["enable.ssl.certificate.verification"] = tls.verify
        options["ssl.endpoint.identification.algorithm"] = "https" if tls.verify else "none"
    if settings.auth is not None:
        options["sasl.mechanisms"] = mechanism(settings.auth)
    if isinstance(settings.auth, Plain | Scram):
        options["sasl.username"], options["sasl.password"] = settings.auth.username, settings.auth.password
    return options


def _chosen(defaults: Config, more: frozenset[str], config: Config) -> ClientOptions:
    """Those options that a client has, the user's own in place of ours."""
    return {**defaults, **{name: value for name, value in config.items() if name in defaults or name in more}}


def _value_problem(name: str, value: object) -> str | None:
    error = _refusal(name, value)
    return None if error is None or "No such configuration property" in error else error


def _known(name: str) -> bool:
    error = _refusal(name, "")
    return error is None or "No such configuration property" not in error


def _refusal(name: str, value: object) -> str | None:
    """What the client says about an option, by a client that knows no server and is dropped at once."""
    try:
        Producer({"log_level": 0, name: value})
    except (KafkaException, TypeError, ValueError) as error:
        return error_of(error).str() if isinstance(error, KafkaException) else str(error)
    return None


_NATIVE: Final = NativeOptions(
    client="confluent-kafka",
    free={*_SHARED, *_SHARED_MORE, *_PRODUCER, *_PRODUCER_MORE, *_CONSUMER, *_CONSUMER_MORE},
    producer={*_PRODUCER, *_PRODUCER_MORE},
    instead=_INSTEAD,
    known=_known,
    value_problem=_value_problem,
)
