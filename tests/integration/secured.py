"""Real brokers that ask who comes and encrypt, for the suite over all of them: where they listen, and as whom to come."""

import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from attrs import field, frozen

from faststream_oo.broker import Broker
from faststream_oo.consumer import Consumer
from faststream_oo.kafka import KafkaBroker, KafkaConsumer, KafkaSettings
from faststream_oo.kafka import consumes as consumes_topic
from faststream_oo.nats import NatsBroker, NatsConsumer, NatsSettings
from faststream_oo.nats import consumes as consumes_subject
from faststream_oo.rabbit import RabbitBroker, RabbitConsumer, RabbitSettings
from faststream_oo.rabbit import consumes as consumes_queue
from faststream_oo.redis import RedisBroker, RedisConsumer, RedisSettings
from faststream_oo.redis import consumes as consumes_stream
from faststream_oo.security import Plain, Tls
from tests.integration.private import PrivateBroker

APP: Final = Plain("app", "s3cret")
"""Who may do everything, as `scripts/brokers.sh` makes them."""
LIMITED: Final = Plain("limited", "s3cret")
"""Who may use what begins with "open"."""


def place(address: str) -> str:
    """Return the `host:port` of a URL or of a server."""
    return urlsplit(address if "//" in address else f"//{address}").netloc.rpartition("@")[2]


@frozen
class Protocol:
    """What a protocol is told where to connect by.

    Attributes:
        broker: Its broker.
        settings: Its settings.
        where: The settings' name for addresses.
        address: An address of these from a `host:port`.
        consumer: Makes a consumer of an address in a group, which does something with each number.
        variables: Names of `scripts/brokers.sh env`: where nobody is asked anything, where for user and password alone,
            and where for a certificate.
        login: What is asked for beside the certificate.
    """

    broker: type[Any]
    settings: type[Any]
    where: str
    address: Callable[[str], object]
    consumer: Callable[[Broker, str, Callable[[int], object]], Consumer]
    variables: tuple[str, str, str]
    login: Plain | None = field(default=APP, kw_only=True)


def of_kafka(broker: Broker, address: str, take: Callable[[int], object]) -> Consumer:
    class Taker(KafkaConsumer, group=address):
        @consumes_topic(address)
        async def take(self, number: int) -> None:
            take(number)

    assert isinstance(broker, KafkaBroker)
    return Taker(broker)


def of_rabbit(broker: Broker, address: str, take: Callable[[int], object]) -> Consumer:
    class Taker(RabbitConsumer):
        @consumes_queue(address)
        async def take(self, number: int) -> None:
            take(number)

    assert isinstance(broker, RabbitBroker)
    return Taker(broker)


def of_nats(broker: Broker, address: str, take: Callable[[int], object]) -> Consumer:
    class Taker(NatsConsumer):
        @consumes_subject(address)
        async def take(self, number: int) -> None:
            take(number)

    assert isinstance(broker, NatsBroker)
    return Taker(broker)


def of_redis(broker: Broker, address: str, take: Callable[[int], object]) -> Consumer:
    class Taker(RedisConsumer, group=address):
        @consumes_stream(address)
        async def take(self, number: int) -> None:
            take(number)

    assert isinstance(broker, RedisBroker)
    return Taker(broker)


PROTOCOLS: Final[Mapping[str, Protocol]] = {
    "kafka": Protocol(
        KafkaBroker, KafkaSettings, "servers", lambda place: [place], of_kafka,
        ("KAFKA_SERVERS", "KAFKA_SASL_SERVERS", "KAFKA_SSL_SERVERS"), login=None,
    ),
    "rabbit": Protocol(
        RabbitBroker, RabbitSettings, "url", lambda place: f"amqp://{place}/", of_rabbit,
        ("RABBIT_URL", "RABBIT_URL", "RABBIT_TLS_URL"),
    ),
    "nats": Protocol(
        NatsBroker, NatsSettings, "servers", lambda place: [f"nats://{place}"], of_nats,
        ("NATS_SERVERS", "NATS_SERVERS", "NATS_TLS_SERVERS"),
    ),
    "redis": Protocol(
        RedisBroker, RedisSettings, "url", lambda place: f"redis://{place}/0", of_redis,
        ("REDIS_URL", "REDIS_URL", "REDIS_TLS_URL"),
    ),
}  # fmt: skip

CLIENTS: Final[Mapping[str, tuple[str, Mapping[str, str]]]] = {
    "kafka": ("kafka", {"driver": "aiokafka"}),
    "kafka-confluent": ("kafka", {"driver": "confluent"}),
    "rabbit": ("rabbit", {}),
    "nats": ("nats", {}),
    "redis": ("redis", {}),
}
"""Protocol and settings of every client."""


class Secured:
    """A broker of this run's own, for one client.

    Args:
        client: One of `CLIENTS`.
        private: Returns the broker of a name, running.
    """

    def __init__(self, client: str, private: Callable[[str], PrivateBroker]) -> None:
        self.client = client
        self.name, self._options = CLIENTS[client]
        self._protocol = PROTOCOLS[self.name]
        self.addresses = private(self.name).addresses
        self.free, self.asking, self.encrypted = (place(self.addresses[one]) for one in self._protocol.variables)
        self.login = self._protocol.login

    def tls(self, *, ours: bool = True, **options: Any) -> Tls:
        """Return what fits the broker's certificates, with ours or without; None leaves an option out."""
        files = {"certificate": "CLIENT_CERT", "private_key": "CLIENT_KEY"} if ours else {}
        paths = {name: self.file(variable) for name, variable in {"ca": "CA", **files}.items()}
        return Tls(**{**paths, **options})

    def file(self, variable: str) -> Path:
        """Return one of the broker's files of certificates and keys."""
        return Path(self.addresses[f"{self.name.upper()}_{variable}"])

    def settings(self, place: str, **options: Any) -> Any:
        """Return settings for a `host:port`."""
        where = {self._protocol.where: self._protocol.address(place)}
        return self._protocol.settings(**where, **self._options, **options)

    def broker(self, place: str, **options: Any) -> Broker:
        """Return a broker for a `host:port`, not connected."""
        made: Broker = self._protocol.broker(self.settings(place, **options))
        return made

    def consumer(self, broker: Broker, address: str, take: Callable[[int], object]) -> Consumer:
        """Return a consumer of numbers."""
        return self._protocol.consumer(broker, address, take)

    def document(self, place: str, auth: Mapping[str, str], tls: Mapping[str, str] | None = None) -> Mapping[str, Any]:
        """Return what a settings file says about the broker."""
        return {self._protocol.where: self._protocol.address(place), "auth": auth, "tls": tls, **self._options}


def fresh(kind: str) -> str:
    """Return an address that nobody else uses: an "open" one, or any other."""
    return f"{kind}.{uuid.uuid4().hex[:10]}"
