"""The root of KafkaProducer, RabbitProducer, NatsProducer and RedisProducer; subclass those."""

import functools
from collections.abc import Callable, Coroutine
from typing import Any, cast

from faststream_oo.broker import Broker
from faststream_oo.errors import LifecycleError
from faststream_oo.routes import marks_of, record_options, requests_of


class Producer:
    """A class whose methods publish or ask what they return; see the protocol's own subclass."""

    _broker: Broker | None = None

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__()
        record_options(cls, options)
        for name, function in list(vars(cls).items()):
            if callable(function) and requests_of(cls, name):
                setattr(cls, name, _asking(name, cast(Any, function)))
            elif callable(function) and marks_of(cls, name):
                setattr(cls, name, _publishing(name, cast(Any, function)))

    @property
    def broker(self) -> Broker:
        """Where it publishes. Raises LifecycleError when the constructor did not hand it on."""
        if self._broker is None:
            raise LifecycleError(f"{type(self).__name__} was built without its broker; call super().__init__(broker)")
        return self._broker


def _publishing(
    name: str, function: Callable[..., Coroutine[Any, Any, object]]
) -> Callable[..., Coroutine[Any, Any, object]]:
    """Wrap a method so that its result is published; a base's version called by `super()` only computes."""

    @functools.wraps(function)
    async def call(self: Producer, /, *arguments: Any, **named: Any) -> object:
        result = await function(self, *arguments, **named)
        cls = type(self)
        if result is not None and getattr(cls, name) is call:
            for publication in self.broker.publications_of(cls, name):
                confirm = await publication.begin(result)
                if confirm is not None:
                    await confirm
        return result

    return call


def _asking(
    name: str, function: Callable[..., Coroutine[Any, Any, object]]
) -> Callable[..., Coroutine[Any, Any, object]]:
    """Wrap a method so that its result is a request; a base's version called by `super()` only computes."""

    @functools.wraps(function)
    async def call(self: Producer, /, *arguments: Any, **named: Any) -> object:
        result = await function(self, *arguments, **named)
        cls = type(self)
        if getattr(cls, name) is not call:
            return result
        broker = self.broker
        return await broker.requests.ask(broker.request_of(cls, name), result)

    return call
