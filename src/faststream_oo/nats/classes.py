"""The classes users subclass, and the markers of their methods."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar, Unpack, cast

from faststream_oo.consumer import AsyncMethod, Consumer
from faststream_oo.nats.address import Subject, Subjects
from faststream_oo.nats.broker import NatsBroker
from faststream_oo.nats.buckets import KeyValue, ObjectStore
from faststream_oo.nats.options import NatsClassOptions, NatsProduceOptions, NatsProducerOptions, NatsRouteOptions
from faststream_oo.producer import Producer
from faststream_oo.routes import RequestMark, mark_consumes, mark_produces, mark_requests
from faststream_oo.values import given_address

R = TypeVar("R")
P = ParamSpec("P")
ConsumerT = TypeVar("ConsumerT", bound="NatsConsumer")
ProducerT = TypeVar("ProducerT", bound="NatsProducer")
OwnerT = TypeVar("OwnerT", bound="NatsConsumer | NatsProducer")


class NatsConsumer(Consumer):
    """Handles messages: its `@consumes` methods are subscriptions, its class keywords their defaults.

    Args:
        broker: Where it consumes.
        name: First part of its subscriptions' names; the class name by default. Needed to serve a class twice.
        prefix: Put before its addresses, in place of the class keyword.
    """

    def __init__(self, broker: NatsBroker, *, name: str | None = None, prefix: str | None = None) -> None:
        super().__init__(broker, name=name, prefix=prefix)

    def __init_subclass__(cls, **options: Unpack[NatsClassOptions]) -> None:
        super().__init_subclass__(**options)

    @property
    def broker(self) -> NatsBroker:
        """Where it consumes."""
        return cast(NatsBroker, super().broker)


class NatsProducer(Producer):
    """Publishes messages: its `@produces` methods send what they return, its class keywords are their defaults.

    Args:
        broker: Where it publishes.
    """

    def __init__(self, broker: NatsBroker) -> None:
        super().__init__(broker)

    def __init_subclass__(cls, **options: Unpack[NatsProducerOptions]) -> None:
        super().__init_subclass__(**options)

    @property
    def broker(self) -> NatsBroker:
        """Where it publishes."""
        return cast(NatsBroker, super().broker)


def consumes(
    address: str | Subject | Subjects | KeyValue | ObjectStore, /, **options: Unpack[NatsRouteOptions]
) -> Callable[[AsyncMethod[ConsumerT, P, R]], AsyncMethod[ConsumerT, P, R]]:
    """Subscribe a method of a NatsConsumer; `str` is short for `Subject`. Stack it for several subscriptions."""
    native = Subject(address) if isinstance(address, str) else given_address(address, "consumes")

    def mark(method: AsyncMethod[ConsumerT, P, R]) -> AsyncMethod[ConsumerT, P, R]:
        return mark_consumes(method, native, options)

    return mark


def produces(
    address: str | Subject, /, **options: Unpack[NatsProduceOptions]
) -> Callable[[AsyncMethod[OwnerT, P, R]], AsyncMethod[OwnerT, P, R]]:
    """Publish what the method returns, and return it; None and outcomes publish nothing.

    The method returns a body, a `NatsOutgoing`, or a `Batch` of either.
    """
    native = Subject(address) if isinstance(address, str) else given_address(address, "produces")

    def mark(method: AsyncMethod[OwnerT, P, R]) -> AsyncMethod[OwnerT, P, R]:
        return mark_produces(method, native, options)

    return mark


def requests(
    address: str | Subject, /, *, reply: type[R], timeout: float = 30.0, **options: Unpack[NatsProduceOptions]
) -> Callable[[AsyncMethod[ProducerT, P, object]], AsyncMethod[ProducerT, P, R]]:
    """Send what the method returns as a request, and return the decoded reply to the caller.

    The method returns a body or a `NatsOutgoing`. Requests go at once, also while a message is being handled.

    Args:
        address: Where to; `str` is short for `Subject`.
        reply: Class of the reply, `list[X]`, `dict[str, X]`, or the base class of several contracts.
        timeout: Seconds to wait for it; then RequestTimeoutError.
        options: As of `@produces`.
    """
    native = Subject(address) if isinstance(address, str) else address

    def mark(method: AsyncMethod[ProducerT, P, object]) -> AsyncMethod[ProducerT, P, R]:
        mark_requests(method, RequestMark(native, options, reply, timeout))
        return cast("AsyncMethod[ProducerT, P, R]", method)

    return mark
