"""The classes users subclass, and the markers of their methods."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar, Unpack, cast

from faststream_oo.consumer import AsyncMethod, Consumer
from faststream_oo.producer import Producer
from faststream_oo.redis.address import RedisAddress, Stream
from faststream_oo.redis.broker import RedisBroker
from faststream_oo.redis.options import RedisClassOptions, RedisProduceOptions, RedisProducerOptions, RedisRouteOptions
from faststream_oo.routes import RequestMark, mark_consumes, mark_produces, mark_requests
from faststream_oo.values import given_address

R = TypeVar("R")
P = ParamSpec("P")
ConsumerT = TypeVar("ConsumerT", bound="RedisConsumer")
ProducerT = TypeVar("ProducerT", bound="RedisProducer")
OwnerT = TypeVar("OwnerT", bound="RedisConsumer | RedisProducer")


class RedisConsumer(Consumer):
    """Handles messages: its `@consumes` methods are subscriptions, its class keywords their defaults.

    Args:
        broker: Where it consumes.
        name: First part of its subscriptions' names; the class name by default. Needed to serve a class twice.
        prefix: Put before its addresses, in place of the class keyword.
    """

    def __init__(self, broker: RedisBroker, *, name: str | None = None, prefix: str | None = None) -> None:
        super().__init__(broker, name=name, prefix=prefix)

    def __init_subclass__(cls, **options: Unpack[RedisClassOptions]) -> None:
        super().__init_subclass__(**options)

    @property
    def broker(self) -> RedisBroker:
        """Where it consumes."""
        return cast(RedisBroker, super().broker)


class RedisProducer(Producer):
    """Publishes messages: its `@produces` methods send what they return, its class keywords are their defaults.

    Args:
        broker: Where it publishes.
    """

    def __init__(self, broker: RedisBroker) -> None:
        super().__init__(broker)

    def __init_subclass__(cls, **options: Unpack[RedisProducerOptions]) -> None:
        super().__init_subclass__(**options)

    @property
    def broker(self) -> RedisBroker:
        """Where it publishes."""
        return cast(RedisBroker, super().broker)


def consumes(
    address: str | RedisAddress, /, **options: Unpack[RedisRouteOptions]
) -> Callable[[AsyncMethod[ConsumerT, P, R]], AsyncMethod[ConsumerT, P, R]]:
    """Subscribe a method of a RedisConsumer; `str` is short for `Stream`. Stack it for several subscriptions."""
    native = Stream(address) if isinstance(address, str) else given_address(address, "consumes")

    def mark(method: AsyncMethod[ConsumerT, P, R]) -> AsyncMethod[ConsumerT, P, R]:
        return mark_consumes(method, native, options)

    return mark


def produces(
    address: str | RedisAddress, /, **options: Unpack[RedisProduceOptions]
) -> Callable[[AsyncMethod[OwnerT, P, R]], AsyncMethod[OwnerT, P, R]]:
    """Publish what the method returns, and return it; None and outcomes publish nothing.

    The method returns a body, a `RedisOutgoing`, or a `Batch` of either.
    """
    native = Stream(address) if isinstance(address, str) else given_address(address, "produces")

    def mark(method: AsyncMethod[OwnerT, P, R]) -> AsyncMethod[OwnerT, P, R]:
        return mark_produces(method, native, options)

    return mark


def requests(
    address: str | RedisAddress, /, *, reply: type[R], timeout: float = 30.0, **options: Unpack[RedisProduceOptions]
) -> Callable[[AsyncMethod[ProducerT, P, object]], AsyncMethod[ProducerT, P, R]]:
    """Send what the method returns as a request, and return the decoded reply to the caller.

    The method returns a body or a `RedisOutgoing`. Requests go at once, also while a message is being handled.

    Args:
        address: Where to; `str` is short for `Stream`.
        reply: Class of the reply, `list[X]`, `dict[str, X]`, or the base class of several contracts.
        timeout: Seconds to wait for it; then RequestTimeoutError.
        options: As of `@produces`.
    """
    native = Stream(address) if isinstance(address, str) else address

    def mark(method: AsyncMethod[ProducerT, P, object]) -> AsyncMethod[ProducerT, P, R]:
        mark_requests(method, RequestMark(native, options, reply, timeout))
        return cast("AsyncMethod[ProducerT, P, R]", method)

    return mark
