"""The clients' options: which the framework sets, which are the user's, and what is wrong with those."""

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from inspect import signature
from typing import Any, Final, TypeAlias

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, errors
from aiokafka.abc import AbstractTokenProvider
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.codec import has_lz4, has_snappy, has_zstd
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor

from faststream_oo.errors import Problem
from faststream_oo.kafka.client.config import MAX_RECORD, Config, NativeOptions, mechanism, protocol
from faststream_oo.kafka.client.records import DEAD_LETTER_ROOM
from faststream_oo.kafka.client.tokens import TokenError, token_of
from faststream_oo.kafka.options import KafkaSettings, KafkaSourceOptions
from faststream_oo.security import Gssapi, OAuth

ClientOptions: TypeAlias = dict[str, Any]
"""Keyword arguments of a client's constructor; the client has no annotations."""

_SHARED: Final = {
    "connections_max_idle_ms": 540_000,
    "metadata_max_age_ms": 30_000,
    "request_timeout_ms": 40_000,
    "retry_backoff_ms": 100,
}
_PRODUCER: Final = {"max_batch_size": 64 * 1024, "max_request_size": MAX_RECORD}
_CONSUMER: Final = {
    "check_crcs": True,
    "consumer_timeout_ms": 200,
    "fetch_max_bytes": 50 * 1024 * 1024,
    "fetch_max_wait_ms": 500,
    "fetch_min_bytes": 1,
    "heartbeat_interval_ms": 3_000,
    "max_partition_fetch_bytes": 1024 * 1024,
}
_FREE: Final[Mapping[str, int]] = {**_SHARED, **_PRODUCER, **_CONSUMER}
"""What a user may set, with the value otherwise. All are given to the client: no default of its own is relied on."""

_INSTEAD: Final[Mapping[str, str]] = {
    "acks": "kafka.acks",
    "auto_commit_interval_ms": "commit_interval=",
    "auto_offset_reset": "start=",
    "bootstrap_servers": "kafka.servers",
    "client_id": "kafka.client_id",
    "client_rack": "client_rack=",
    "compression_type": "kafka.compression",
    "enable_auto_commit": "delivery=",
    "enable_idempotence": "kafka.idempotence",
    "group_id": "group=",
    "isolation_level": "isolation=",
    "key_deserializer": "codec=",
    "key_serializer": "codec=",
    "linger_ms": "kafka.linger",
    "max_poll_interval_ms": "max_poll_interval=",
    "max_poll_records": "prefetch=",
    "sasl_kerberos_domain_name": "set kafka.auth",
    "sasl_kerberos_service_name": "set kafka.auth",
    "sasl_mechanism": "set kafka.auth",
    "sasl_oauth_token_provider": "set kafka.auth",
    "sasl_plain_password": "set kafka.auth",
    "sasl_plain_username": "set kafka.auth",
    "security_protocol": "set kafka.auth and kafka.tls",
    "ssl_context": "set kafka.tls",
    "rebalance_timeout_ms": "it follows drain_timeout",
    "session_timeout_ms": "session_timeout=",
    "value_deserializer": "codec=",
    "value_serializer": "codec=",
}
_CODEC_LIBRARIES: Final[Mapping[str, Callable[[], bool]]] = {"snappy": has_snappy, "lz4": has_lz4, "zstd": has_zstd}


def producer_options(settings: KafkaSettings, /) -> ClientOptions:
    """Return what a producer is made with."""
    return {
        **_connection(settings),
        **_chosen(_PRODUCER, settings.config),
        "acks": settings.acks,
        "compression_type": settings.compression,
        "enable_idempotence": settings.idempotence,
        "max_request_size": largest_record(settings) + DEAD_LETTER_ROOM,
        # Batches are gathered by our senders, which also choose the partition.
        "linger_ms": 0,
    }


def consumer_options(settings: KafkaSettings, options: KafkaSourceOptions, /) -> ClientOptions:
    """Return what the consumer of a source is made with."""
    config = {**settings.config, **options.config}
    chosen = {**_connection(settings), **_chosen(_SHARED, config), **_chosen(_CONSUMER, config)}
    if "request_timeout_ms" not in config:
        # The broker answers a join when every member has given its partitions back.
        chosen["request_timeout_ms"] = max(
            _SHARED["request_timeout_ms"], int(options.rebalance_timeout * 1000) + 10_000
        )
    if "heartbeat_interval_ms" not in config:
        chosen["heartbeat_interval_ms"] = min(
            _CONSUMER["heartbeat_interval_ms"], int(options.session_timeout * 1000 / 3)
        )
    return {
        **chosen,
        "auto_offset_reset": "none" if options.start == "fail" else options.start,
        "client_rack": options.client_rack,
        "enable_auto_commit": False,
        "group_id": options.group,
        "isolation_level": options.isolation,
        "max_poll_interval_ms": int(options.max_poll_interval * 1000),
        "partition_assignment_strategy": (RoundRobinPartitionAssignor,),
        "rebalance_timeout_ms": int(options.rebalance_timeout * 1000),
        "session_timeout_ms": int(options.session_timeout * 1000),
    }


def admin_options(settings: KafkaSettings, /) -> ClientOptions:
    """Return what the client for questions and topics is made with."""
    return _connection(settings)


def asking_options(settings: KafkaSettings, /) -> ClientOptions:
    """Return what the consumer that is only asked for offsets is made with."""
    return {**_connection(settings), "enable_auto_commit": False, "isolation_level": "read_uncommitted"}


def largest_record(settings: KafkaSettings, /) -> int:
    """Return how many bytes an ordinary record may have."""
    return int(settings.config.get("max_request_size", MAX_RECORD))


def check_config(settings: KafkaSettings, /) -> list[Problem]:
    """Return what is wrong with the settings of this client; no I/O."""
    problems = _NATIVE.of_settings(settings)
    if isinstance(settings.auth, Gssapi) and find_spec("gssapi") is None:
        problems.append(Problem("kafka.auth", "gssapi is not installed", 'pip install "aiokafka[gssapi]"'))
    installed = _CODEC_LIBRARIES.get(settings.compression or "")
    if installed is not None and not installed():
        what = f"{settings.compression} needs cramjam, which is not installed"
        problems.append(Problem("kafka.compression", what, 'pip install "faststream-oo[kafka]"'))
    return problems


def check_source_config(options: Mapping[str, Any], /) -> list[Problem]:
    """Return what is wrong with the `config` of a subscription's options, its path relative to these; no I/O."""
    return _NATIVE.of_source(options.get("config", {}))


def security_options(settings: KafkaSettings, /) -> ClientOptions:
    """Return what every connection is made with. Raises OSError for files of certificates."""
    options: ClientOptions = {"security_protocol": protocol(settings)}
    if settings.tls is not None:
        options["ssl_context"] = settings.tls.context()
    if (auth := settings.auth) is None:
        return options
    options["sasl_mechanism"] = mechanism(auth)
    if isinstance(auth, OAuth):
        options["sasl_oauth_token_provider"] = TokenProvider(auth)
    elif isinstance(auth, Gssapi):
        options["sasl_kerberos_service_name"], options["sasl_kerberos_domain_name"] = auth.service, auth.domain
    else:
        options["sasl_plain_username"], options["sasl_plain_password"] = auth.username, auth.password
    return options


class TokenProvider(AbstractTokenProvider):  # type: ignore[misc]  # the client has no annotations
    """Gives a token to each connection.

    Args:
        auth: From the settings.
    """

    def __init__(self, auth: OAuth) -> None:
        self._auth = auth

    async def token(self) -> str:
        """Return one. Raises what the client takes for a failed connection, from TokenError."""
        try:
            return await token_of(self._auth)
        except TokenError as error:
            raise errors.SaslAuthenticationFailed(str(error)) from error


def _connection(settings: KafkaSettings) -> ClientOptions:
    return {
        **_chosen(_SHARED, settings.config),
        **security_options(settings),
        "bootstrap_servers": list(settings.servers),
        "client_id": settings.client_id,
    }


def _chosen(defaults: Mapping[str, int], config: Config) -> ClientOptions:
    return {name: config.get(name, value) for name, value in defaults.items()}


def _value_problem(name: str, value: object) -> str | None:
    if isinstance(_FREE[name], bool):
        return None if isinstance(value, bool) else f"{value!r} is neither true nor false"
    return None if type(value) is int and value > 0 else f"{value!r} is no whole number above 0"


def _known(name: str) -> bool:
    clients: tuple[Callable[..., object], ...] = (AIOKafkaProducer, AIOKafkaConsumer, AIOKafkaAdminClient)
    spelled = name.replace(".", "_")
    return spelled not in _FREE and any(spelled in signature(client).parameters for client in clients)


_NATIVE: Final = NativeOptions(
    client="aiokafka",
    free=_FREE,
    producer=_PRODUCER,
    instead=_INSTEAD,
    known=_known,
    value_problem=_value_problem,
)
