"""The classes users subclass, and the markers of their methods."""

from collections.abc import Callable, Sequence
from typing import ParamSpec, TypeVar, Unpack, cast

from faststream_oo.consumer import AsyncMethod, Consumer
from faststream_oo.kafka.address import Partitions, Topic, TopicPartition, TopicPattern, Topics
from faststream_oo.kafka.broker import KafkaBroker
from faststream_oo.kafka.claim import PartitionClaim
from faststream_oo.kafka.options import (
    KafkaClassOptions,
    KafkaProduceOptions,
    KafkaProducerOptions,
    KafkaRouteOptions,
)
from faststream_oo.producer import Producer
from faststream_oo.routes import RequestMark, mark_consumes, mark_produces, mark_requests
from faststream_oo.transport import Claim
from faststream_oo.values import given_address

R = TypeVar("R")
P = ParamSpec("P")
ConsumerT = TypeVar("ConsumerT", bound="KafkaConsumer")
_HOOKS = ("on_assigned", "on_revoked", "on_lost")
ProducerT = TypeVar("ProducerT", bound="KafkaProducer")
OwnerT = TypeVar("OwnerT", bound="KafkaConsumer | KafkaProducer")


class KafkaConsumer(Consumer):
    """Handles records: its `@consumes` methods are subscriptions, its class keywords their defaults.

    Args:
        broker: Where it consumes.
        name: First part of its subscriptions' names; the class name by default. Needed to serve a class twice.
        prefix: Put before its addresses, in place of the class keyword.
    """

    def __init__(self, broker: KafkaBroker, *, name: str | None = None, prefix: str | None = None) -> None:
        super().__init__(broker, name=name, prefix=prefix)

    def __init_subclass__(cls, **options: Unpack[KafkaClassOptions]) -> None:
        super().__init_subclass__(**options)

    @property
    def broker(self) -> KafkaBroker:
        """Where it consumes."""
        return cast(KafkaBroker, super().broker)

    async def on_assigned(self, partitions: Sequence[TopicPartition]) -> None:
        """Called before the first record of newly assigned partitions; override it."""

    async def on_revoked(self, partitions: Sequence[TopicPartition]) -> None:
        """Called when partitions go away, after their handlers ended; override it."""

    async def on_lost(self, partitions: Sequence[TopicPartition]) -> None:
        """Called when partitions are gone already and nothing could be committed; override it."""

    async def _claims_changed(self, kind: str, claims: Sequence[Claim], /) -> None:
        hook = {"assigned": self.on_assigned, "revoked": self.on_revoked, "lost": self.on_lost}[kind]
        await hook([cast(PartitionClaim, claim).partition for claim in claims])

    @classmethod
    def _hears_claims(cls) -> bool:
        return any(getattr(cls, name) is not getattr(KafkaConsumer, name) for name in _HOOKS)


class KafkaProducer(Producer):
    """Publishes records: its `@produces` methods send what they return, its class keywords are their defaults.

    Args:
        broker: Where it publishes.
    """

    def __init__(self, broker: KafkaBroker) -> None:
        super().__init__(broker)

    def __init_subclass__(cls, **options: Unpack[KafkaProducerOptions]) -> None:
        super().__init_subclass__(**options)

    @property
    def broker(self) -> KafkaBroker:
        """Where it publishes."""
        return cast(KafkaBroker, super().broker)


def consumes(
    address: str | Topic | Topics | TopicPattern | Partitions, /, **options: Unpack[KafkaRouteOptions]
) -> Callable[[AsyncMethod[ConsumerT, P, R]], AsyncMethod[ConsumerT, P, R]]:
    """Subscribe a method of a KafkaConsumer; `str` is short for `Topic`. Stack it for several subscriptions."""
    native = Topic(address) if isinstance(address, str) else given_address(address, "consumes")

    def mark(method: AsyncMethod[ConsumerT, P, R]) -> AsyncMethod[ConsumerT, P, R]:
        return mark_consumes(method, native, options)

    return mark


def produces(
    address: str | Topic, /, **options: Unpack[KafkaProduceOptions]
) -> Callable[[AsyncMethod[OwnerT, P, R]], AsyncMethod[OwnerT, P, R]]:
    """Publish what the method returns, and return it; None and outcomes publish nothing.

    The method returns a body, a `KafkaOutgoing`, or a `Batch` of either.
    """
    native = Topic(address) if isinstance(address, str) else given_address(address, "produces")

    def mark(method: AsyncMethod[OwnerT, P, R]) -> AsyncMethod[OwnerT, P, R]:
        return mark_produces(method, native, options)

    return mark


def requests(
    address: str | Topic, /, *, reply: type[R], timeout: float = 30.0, **options: Unpack[KafkaProduceOptions]
) -> Callable[[AsyncMethod[ProducerT, P, object]], AsyncMethod[ProducerT, P, R]]:
    """Send what the method returns as a request, and return the decoded reply to the caller.

    The method returns a body or a `KafkaOutgoing`. Requests go at once, also while a message is being handled.

    Args:
        address: Where to; `str` is short for `Topic`.
        reply: Class of the reply, `list[X]`, `dict[str, X]`, or the base class of several contracts.
        timeout: Seconds to wait for it; then RequestTimeoutError.
        options: As of `@produces`.
    """
    native = Topic(address) if isinstance(address, str) else address

    def mark(method: AsyncMethod[ProducerT, P, object]) -> AsyncMethod[ProducerT, P, R]:
        mark_requests(method, RequestMark(native, options, reply, timeout))
        return cast("AsyncMethod[ProducerT, P, R]", method)

    return mark
